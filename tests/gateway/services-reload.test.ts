import { once } from "node:events";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readHandOver } from "../../gateway-worker/engine-hand-over.ts";
import { GatewayBench, readAll, runtimes } from "../support/gateway-bench.ts";
import type { Issued } from "../support/pki.ts";
import { certificateOf, exchange, poolOf, serve, serviceOf, tcpTo, tlsMember, tlsTo } from "../support/service-bench.ts";
import { echoServer, freePort, until } from "../support/sockets.ts";

describe.each(runtimes)("changes of live services, on %s", (runtime) => {
  let bench: GatewayBench;
  let first: Issued;
  let second: Issued;
  const closers: (() => Promise<void> | void)[] = [];

  beforeAll(async () => {
    bench = await GatewayBench.start({ runtime });
    first = await bench.issuing.issue({ dns: ["mail.example.com"], usage: ["server"] });
    second = await bench.issuing.issue({ dns: ["mail.example.com"], usage: ["server"], key: "ec-p384" });
  });
  afterAll(async () => await bench.close());
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  const keep = <T extends { close: () => Promise<void> | void }>(thing: T): T => {
    closers.push(() => thing.close());
    return thing;
  };

  it("switches the mode, the certificate and the pool for new connections and leaves established ones as they were [S2-12] [S2-14] [S2-15]", async () => {
    const plain = keep(await echoServer());
    const tlsEnd = keep(await tlsMember(second));
    const { service, pool } = await serve(bench, [plain], "tls-offload", { certificates: [certificateOf(first)], memberTls: { verify: { kind: "off" } } });
    const fingerprint = async (): Promise<string> => {
      const socket = await tlsTo(service.port, { servername: "mail.example.com" });
      const found = socket.getPeerX509Certificate()?.fingerprint256.replaceAll(":", "").toLowerCase() ?? "";
      expect(await exchange(socket, "hello")).toBe("hello");
      return found;
    };
    expect(await fingerprint()).toBe(first.fingerprint);
    const held = await tlsTo(service.port, { servername: "mail.example.com" });
    held.write("before ");
    await once(held, "data");

    service.certificates = [certificateOf(second)];
    await bench.applied();
    expect(await fingerprint()).toBe(second.fingerprint);

    const other = poolOf([tlsEnd]);
    bench.snapshot.pools.push(other);
    Object.assign(service, { mode: "tls-reencrypt", poolId: other.id });
    await bench.applied();
    expect(await fingerprint()).toBe(second.fingerprint);
    expect(tlsEnd.accepted).toBe(1);

    Object.assign(service, { mode: "tls-passthrough" });
    await bench.applied();
    expect(await fingerprint()).toBe(second.fingerprint);
    expect(tlsEnd.handshakes).toHaveLength(2);

    Object.assign(service, { mode: "tcp", poolId: pool.id });
    await bench.applied();
    expect(await exchange(await tcpTo(service.port), "plain")).toBe("plain");

    service.isEnabled = false;
    await bench.applied();
    await expect(tcpTo(service.port)).rejects.toThrow();
    expect(await exchange(held, "after")).toBe("after");
  });

  it("refuses no connection during 200 changes under load [S2-15]", async () => {
    const member = keep(await echoServer());
    const { service } = await serve(bench, [member], "tls-offload", { certificates: [certificateOf(first)] });
    let isOver = false;
    let done = 0;
    const failures: string[] = [];
    const client = async (): Promise<void> => {
      while (!isOver) {
        const text = await tlsTo(service.port, { servername: "mail.example.com" }).then(async (socket) => await exchange(socket, "hello"), (cause: Error) => cause.message);
        if (text === "hello") done += 1;
        else failures.push(text);
      }
    };
    const clients = Array.from({ length: 4 }, client);
    for (let change = 0; change < 200; change += 1) {
      service.certificates = [certificateOf(change % 2 === 0 ? second : first)];
      service.limits.idleTimeoutMs = 60_000 + change;
      await bench.applied();
    }
    isOver = true;
    await Promise.all(clients);
    expect(failures).toEqual([]);
    expect(done).toBeGreaterThan(100);
  }, 120_000);

  it("reports every problem of the services at once and goes on serving what was in force [S2-02]", async () => {
    const member = keep(await echoServer());
    const { service } = await serve(bench, [member], "tcp");
    const kept = structuredClone(bench.snapshot);
    const pool = poolOf([member]);
    const port = await freePort();
    bench.snapshot.pools.push(pool);
    bench.snapshot.virtualServices.push(
      serviceOf(pool, bench.listener.port, "tcp", { name: "on the tunnel" }),
      serviceOf(pool, port, "tls-passthrough", { name: "reader", protocol: "http" }),
      serviceOf(pool, port, "tls-offload", { name: "keyless", serverNames: ["a.example.com"], certificates: [{ ...certificateOf(first), keyPem: second.keyPem }] }),
      serviceOf(pool, port, "tls-offload", { name: "bare", serverNames: ["a.example.com"] }),
      serviceOf(pool, port, "tls-offload", { name: "cookies", serverNames: ["b.example.com"], certificates: [certificateOf(first)], persistence: { kind: "cookie-insert", cookieName: "x", lifetimeSeconds: null, sameSite: "lax", endsWithCookie: null, exceptions: [] } }),
      { ...serviceOf(pool, port, "tls-offload", { name: "poolless", serverNames: ["c.example.com"], certificates: [certificateOf(first)] }), poolId: bench.organisationId },
    );
    bench.snapshot.revision += 1;
    const result = await bench.apply();
    const codes = result.ok ? [] : result.problems.map(({ code, message }) => `${code} ${message}`);
    for (const [code, name] of [["listener-taken", "on the tunnel"], ["http-needs-decryption", "reader"], ["certificate-unusable", "keyless"], ["service-certificate-missing", "bare"], ["service-name-taken", "a.example.com"], ["persistence-needs-http", "cookies"], ["pool-unknown", "poolless"]] as const) {
      expect(codes.some((text) => text.startsWith(code) && text.includes(name)), `${code} ${name} in ${codes.join("\n")}`).toBe(true);
    }
    bench.snapshot = kept;
    expect(await exchange(await tcpTo(service.port), "still here")).toBe("still here");
  });

  it("hands decrypted HTTP over to the HTTP engine with the client's address, name, protocol and certificate [S2-10]", async () => {
    const socketPath = path.join(os.tmpdir(), `sallyport-test-${process.pid}-${runtime}.sock`);
    const heads: ReturnType<typeof readHandOver>[] = [];
    const engine = net.createServer({ allowHalfOpen: true }, (socket) => {
      let bytes = Buffer.alloc(0);
      const onData = (chunk: Buffer): void => {
        bytes = Buffer.concat([bytes, chunk]);
        const head = readHandOver(bytes);
        if (head.kind !== "hand-over") return;
        heads.push(head);
        socket.off("data", onData);
        socket.write(bytes.subarray(head.length));
        socket.pipe(socket);
      };
      socket.on("data", onData).on("error", () => socket.destroy());
    });
    await new Promise<void>((resolve) => void engine.listen(socketPath, resolve));
    keep({ close: () => void engine.close() });
    const clientCertificate = await bench.issuing.issue({ commonName: "browser" });
    const port = await freePort();
    const pool = poolOf([{ port: 1 }]);
    const service = serviceOf(pool, port, "tls-offload", { protocol: "http", certificates: [certificateOf(first)], clientCertificate: { demand: "optional" } });
    const { Engine } = await import("../../gateway-worker/stream/engine.ts");
    // The engine itself, in this process: the supervisor's HTTP engine is another one's.
    const stream = new Engine({ engines: 1, refusalWaits: () => {} });
    const snapshot = structuredClone({ ...bench.snapshot, listeners: [], pools: [pool], virtualServices: [service], revision: 1_000 });
    expect(await stream.prepare(1, { snapshot, certificates: [], httpSocket: socketPath })).toEqual([]);
    expect(stream.commit(1)).toBe(1_000);
    const socket = await tlsTo(port, { servername: "mail.example.com", ALPNProtocols: ["h2", "http/1.1"], cert: clientCertificate.chainPem, key: clientCertificate.keyPem });
    const localPort = socket.localPort;
    expect(socket.alpnProtocol).toBe("h2");
    expect(await exchange(socket, "GET /")).toBe("GET /");
    expect(heads[0]).toMatchObject({ kind: "hand-over", handOver: { source: { address: "127.0.0.1", port: localPort }, destination: { address: "127.0.0.1", port }, alpn: "h2", serverName: "mail.example.com", serviceId: service.id, isTls: true, clientCertificate: Buffer.from(clientCertificate.certificate.rawData).toString("base64") } });
    expect(await exchange(await tlsTo(port, { servername: "mail.example.com", ALPNProtocols: ["http/1.1"] }), "x")).toBe("x");
    expect(heads[1]).toMatchObject({ handOver: { alpn: "http/1.1", clientCertificate: null } });
    await until(() => stream.services.takeReport().services[0]?.connections === 0, "both are over", 3_000);
    await stream.drain(100);
    stream.wheel.close();
  });

  it("drains: takes no new client, lets established ones finish, cuts what is left", async () => {
    const own = keep(await GatewayBench.start({ runtime }));
    const member = keep(await echoServer());
    const { service } = await serve(own, [member], "tcp");
    const finishing = await tcpTo(service.port);
    const lasting = await tcpTo(service.port);
    finishing.write("x");
    lasting.write("y");
    await Promise.all([once(finishing, "data"), once(lasting, "data")]);
    const drained = own.group.drain(1_000);
    await until(async () => await tcpTo(service.port).then((socket) => (socket.destroy(), false), () => true), "new connections are refused");
    expect(await exchange(finishing, "bye")).toBe("bye");
    await readAll(lasting);
    await drained;
  });
});
