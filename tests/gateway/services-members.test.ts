import type net from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { SnapshotPool } from "../../contract/pool.ts";
import { GatewayBench, readAll, runtimes } from "../support/gateway-bench.ts";
import type { Issued } from "../support/pki.ts";
import { certificateOf, exchange, poolOf, serve, serviceOf, tcpTo, tlsMember, tlsTo } from "../support/service-bench.ts";
import { blackHole, countingServer, echoServer, freePort, until } from "../support/sockets.ts";
import type { CountingServer } from "../support/sockets.ts";

describe.each(runtimes)("members of a service, on %s", (runtime) => {
  let bench: GatewayBench;
  let mail: Issued;
  const closers: (() => Promise<void> | void)[] = [];

  beforeAll(async () => {
    bench = await GatewayBench.start({ runtime });
    mail = await bench.issuing.issue({ dns: ["mail.example.com"], usage: ["server"] });
  });
  afterAll(async () => await bench.close());
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  const keep = <T extends { close: () => Promise<void> | void }>(thing: T): T => {
    closers.push(() => thing.close());
    return thing;
  };
  /** A member that says its name and closes once the client has ended. */
  const named = async (name: string): Promise<CountingServer> => keep(await countingServer((socket) => void socket.on("end", () => socket.end(name)).resume()));
  const ask = async (port: number): Promise<string> => await exchange(await tcpTo(port), "who");
  const verdict = async (members: { memberId: string; isUp: boolean }[]): Promise<void> => {
    bench.group.tell(() => ({ kind: "members", verdicts: members.map((member) => ({ ...member, elsewhere: 0 })), actives: [], isFull: true }));
    // Commands keep their order: once the same snapshot is in force again, the verdicts are.
    await bench.applied();
  };
  const idOf = (pool: SnapshotPool, index: number): string => pool.members[index]?.id ?? "";

  it("goes to the next member when one refuses or is a black hole, and only while nothing was sent to it [T30] [S3-64]", async () => {
    const hole = keep(await blackHole());
    const working = await named("two");
    const { service } = await serve(bench, [{ port: 1 }, { port: hole.port }, working], "tcp", { limits: { connectTimeoutMs: 300 } });
    expect(await ask(service.port)).toBe("two");
    // A member that takes the connection and closes or resets it has been chosen: the client sees what it did.
    const closing = keep(await countingServer((socket) => void socket.end()));
    const resetting = keep(await countingServer((socket) => void socket.once("data", () => socket.resetAndDestroy())));
    for (const member of [closing, resetting]) {
      const other = await serve(bench, [member, working], "tcp");
      const accepted = working.accepted;
      expect(await ask(other.service.port)).toBe("");
      expect(working.accepted).toBe(accepted);
      expect(member.accepted).toBe(1);
    }
  });

  it("resets the client when its member resets in the middle of a stream [T30]", async () => {
    const member = keep(await countingServer((socket) => void socket.write("220\r\n")));
    const { service } = await serve(bench, [member], "tcp");
    const client = await tcpTo(service.port);
    const error = new Promise<string>((resolve) => void client.prependOnceListener("error", (cause: NodeJS.ErrnoException) => resolve(cause.code ?? "")));
    await new Promise<void>((resolve) => void client.once("data", () => resolve()));
    for (const socket of member.open) socket.resetAndDestroy();
    expect(await error).toBe("ECONNRESET");
  });

  it.each(["tcp", "tls-passthrough", "tls-offload", "tls-reencrypt"] as const)("closes clients of a %s service whose members are all down, and says so by name [T30]", async (mode) => {
    const member = keep(await echoServer());
    const { service, pool } = await serve(bench, [member, member], mode, { certificates: [certificateOf(mail)] });
    await verdict(pool.members.map(({ id }) => ({ memberId: id, isUp: false })));
    const before = bench.refusals.length;
    if (mode === "tcp") expect(await readAll(await tcpTo(service.port))).toHaveLength(0);
    else if (mode === "tls-passthrough") await expect(tlsTo(service.port)).rejects.toThrow();
    else expect(await exchange(await tlsTo(service.port), "x")).toBe("");
    const refusal = await bench.refusal("service-no-member", before);
    expect(refusal).toMatchObject({ target: service.name });
    expect(refusal.detail).toContain(service.name);
    expect(refusal.detail).toContain("member 1 is down");
    expect(member.accepted).toBe(0);
    await verdict([]);
    expect(mode === "tls-passthrough" ? "x" : await exchange(mode === "tcp" ? await tcpTo(service.port) : await tlsTo(service.port), "x").catch(() => "x")).toBe(mode === "tls-reencrypt" ? "" : "x");
  });

  it("follows the supervisor's verdicts, sends no new client to a drained member and leaves established ones alone [S3-66]", async () => {
    const members = [keep(await echoServer()), await named("two")];
    const { service, pool } = await serve(bench, members, "tcp", { pool: { scheduling: "first-alive" } });
    const held = await tcpTo(service.port);
    held.write("still here?");
    await until(() => members[0]?.accepted === 1, "the first member has the client");
    await verdict([{ memberId: idOf(pool, 0), isUp: false }]);
    expect(await ask(service.port)).toBe("two");
    await verdict([]);
    Object.assign(pool.members[0] ?? {}, { state: "drain" });
    await bench.applied();
    expect(await ask(service.port)).toBe("two");
    expect(await exchange(held, "")).toBe("still here?");
  });

  it("ends the connections to one member when told to, with a reset, and no others", async () => {
    const members = [keep(await countingServer((socket) => void socket.write("a"))), keep(await countingServer((socket) => void socket.write("b")))];
    for (const mode of ["tcp", "tls-offload"] as const) {
      const { service, pool } = await serve(bench, members, mode, { certificates: [certificateOf(mail)], pool: { scheduling: "round-robin" } });
      const clients: net.Socket[] = [];
      for (let index = 0; index < 4; index += 1) clients.push(mode === "tcp" ? await tcpTo(service.port) : await tlsTo(service.port));
      const greeted = await Promise.all(clients.map(async (client) => await new Promise<string>((resolve) => void client.once("data", (chunk: Buffer) => resolve(chunk.toString())))));
      const ends = clients.map(async (client) => await new Promise<string>((resolve) => void client.prependListener("error", (cause: NodeJS.ErrnoException) => resolve(cause.code ?? "")).on("end", () => resolve("end")).on("close", () => resolve("close"))));
      bench.group.tell(() => ({ kind: "cut-member", memberId: idOf(pool, 0) }));
      for (const [index, end] of ends.entries()) if (greeted[index] === "a") expect(await end).toBe("ECONNRESET");
      expect(greeted.filter((text) => text === "b")).toHaveLength(2);
      expect(clients.filter((client) => !client.destroyed)).toHaveLength(2);
      for (const client of clients) client.destroy();
    }
  });

  it("gives a member no more connections than it may have", async () => {
    const greeting = async (text: string) => keep(await countingServer((socket) => void socket.on("end", () => socket.end()).resume().write(text)));
    const members = [await greeting("a"), await greeting("b")];
    const { service } = await serve(bench, [{ port: members[0]?.port ?? 0, maxConnections: 2 }, { port: members[1]?.port ?? 0, maxConnections: 1 }], "tcp");
    const clients = [];
    for (let index = 0; index < 3; index += 1) {
      const client = await tcpTo(service.port);
      clients.push(client);
      await new Promise<void>((resolve) => void client.once("data", () => resolve()));
    }
    expect(members.map(({ open }) => open.size)).toEqual([2, 1]);
    const before = bench.refusals.length;
    expect(await readAll(await tcpTo(service.port))).toHaveLength(0);
    expect((await bench.refusal("service-no-member", before)).detail).toMatch(/member 1|limit|full/);
    clients[0]?.destroy();
    await until(() => (members[0]?.open.size ?? 0) < 2, "the place is free again");
    const next = await tcpTo(service.port);
    await new Promise<void>((resolve) => void next.once("data", () => resolve()));
  });

  it("reports connections, bytes, refusals and dials of services and members", async () => {
    const member = keep(await echoServer());
    const { service, pool } = await serve(bench, [{ port: 1 }, member], "tcp", { name: "counted", pool: { name: "counted pool" } });
    const held = await tcpTo(service.port);
    const answered = new Promise<void>((resolve) => void held.once("data", () => resolve()));
    held.write("12345");
    await answered;
    const load = (): unknown => bench.group.loads().find(({ serviceId }) => serviceId === service.id);
    await until(() => JSON.stringify(load() ?? "").includes('"bytesDown":5'), "the report has the bytes");
    expect(load()).toMatchObject({ connections: 1, opened: 1, refused: 0, bytesUp: 5, bytesDown: 5, members: [{ memberId: idOf(pool, 0), connections: 0, failed: 1 }, { memberId: idOf(pool, 1), connections: 1, opened: 1, failed: 0 }] });
    held.destroy();
    await until(() => JSON.stringify(load() ?? "").includes('"connections":0,"opened":1,"refused":0'), "the report has no connection any more");
  });

  it("dials nobody for clients that open TLS and stay silent, and bounds them per source [T05] [T06]", async () => {
    const member = keep(await tlsMember(mail));
    const { service } = await serve(bench, [member], "tls-passthrough", { limits: { handshakeTimeoutMs: 1_500 } });
    const before = bench.refusals.length;
    const silent = await Promise.all(Array.from({ length: 300 }, async () => await tcpTo(service.port)));
    for (const socket of silent) socket.write(Buffer.from([22, 3, 1, 2, 0, 1]));
    expect((await bench.refusal("source-limit", before)).detail).toContain("256");
    expect((await bench.refusal("tls-handshake-timeout", before)).detail).toContain("1500 ms");
    expect(member.accepted).toBe(0);
    await until(() => silent.every((socket) => socket.destroyed || socket.readableEnded || socket.resume() === undefined), "all are closed");
    expect(await exchange(await tlsTo(service.port, { servername: "mail.example.com" }), "hello")).toBe("hello");
  });

  it("ends idle streams, half-closed silent ones sooner, and no used one [T06]", async () => {
    const quiet = keep(await countingServer((socket) => void socket.resume()));
    const { service } = await serve(bench, [quiet], "tcp", { limits: { idleTimeoutMs: 1_000, closingTimeoutMs: 300 } });
    const idle = await tcpTo(service.port);
    const used = await tcpTo(service.port);
    const half = await tcpTo(service.port);
    const beats = setInterval(() => used.write("."), 200);
    const started = performance.now();
    half.end("bye");
    await readAll(half);
    expect(performance.now() - started).toBeLessThan(1_200);
    await readAll(idle);
    expect(used.destroyed).toBe(false);
    clearInterval(beats);
    used.destroy();
  });

  it("holds no more connections than a service may have [T05]", async () => {
    const member = keep(await countingServer((socket) => void socket.write("a")));
    const { service } = await serve(bench, [member], "tcp", { limits: { connectionsMax: 2 } });
    const held = [];
    for (let index = 0; index < 2; index += 1) {
      const client = await tcpTo(service.port);
      await new Promise<void>((resolve) => void client.once("data", () => resolve()));
      held.push(client);
    }
    const before = bench.refusals.length;
    expect(await readAll(await tcpTo(service.port))).toHaveLength(0);
    expect((await bench.refusal("gateway-full", before)).detail).toContain("2 connections");
    for (const client of held) client.destroy();
  });

  it("chooses the service of a shared port by server name, in any mode, and refuses names nobody takes [S2-11] [S2-14] [T29]", async () => {
    const passed = keep(await tlsMember(mail, { serve: (socket) => void socket.end("passed") }));
    const ended = keep(await countingServer((socket) => void socket.end("ended")));
    const rest = keep(await tlsMember(mail, { serve: (socket) => void socket.end("rest") }));
    const port = await freePort();
    const pools = [passed, ended, rest].map((member) => poolOf([member]));
    const [p0, p1, p2] = pools as [SnapshotPool, SnapshotPool, SnapshotPool];
    const services = [serviceOf(p0, port, "tls-passthrough", { serverNames: ["mail.example.com"], name: "exact" }), serviceOf(p1, port, "tls-offload", { serverNames: ["*.example.com"], certificates: [certificateOf(mail)], name: "wildcard" })];
    bench.snapshot.pools.push(...pools);
    bench.snapshot.virtualServices.push(...services);
    await bench.applied();
    const say = async (servername?: string): Promise<string> => await tlsTo(port, servername === undefined ? {} : { servername }).then(async (socket) => (await readAll(socket)).toString(), (cause: Error) => cause.message);
    expect(await say("mail.example.com")).toBe("passed");
    expect(await say("other.example.com")).toBe("ended");
    for (const [name, code] of [["a.b.example.com", "server-name-unknown"], ["example.com", "server-name-unknown"], [undefined, "server-name-missing"]] as const) {
      const before = bench.refusals.length;
      expect(await say(name)).toMatch(/UNRECOGNIZED_NAME/);
      await bench.refusal(code, before);
    }
    bench.snapshot.virtualServices.push(serviceOf(p2, port, "tls-passthrough", { serverNames: ["rest.invalid"], takesNoName: true, takesUnknownNames: true, name: "rest" }));
    await bench.applied();
    expect([await say("a.b.example.com"), await say(), await say("mail.example.com")]).toEqual(["rest", "rest", "passed"]);
  });
});
