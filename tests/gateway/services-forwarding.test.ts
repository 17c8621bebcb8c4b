import { createHash, randomBytes } from "node:crypto";
import type net from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { GatewayBench, readAll, runtimes } from "../support/gateway-bench.ts";
import type { Issued } from "../support/pki.ts";
import { exchange, serve, tcpTo, tlsMember, tlsTo } from "../support/service-bench.ts";
import { countingServer, echoServer, until } from "../support/sockets.ts";

describe.each(runtimes)("services that forward, on %s", (runtime) => {
  let bench: GatewayBench;
  let certificate: Issued;
  const closers: (() => Promise<void> | void)[] = [];

  beforeAll(async () => {
    bench = await GatewayBench.start({ runtime });
    certificate = await bench.issuing.issue({ dns: ["mail.example.com"], usage: ["server"] });
  });
  afterAll(async () => await bench.close());
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  const keep = <T extends { close: () => Promise<void> | void }>(thing: T): T => {
    closers.push(() => thing.close());
    return thing;
  };

  it("lets the server speak first in mode tcp, and hands half-close on [S3-09]", async () => {
    const member = keep(await countingServer((socket) => {
      socket.write("220 ready\r\n");
      socket.on("data", (chunk: Buffer) => socket.write(chunk)).on("end", () => socket.end("bye"));
    }));
    const { service } = await serve(bench, [member], "tcp");
    const client = await tcpTo(service.port);
    await new Promise<void>((resolve) => void client.once("data", () => resolve()));
    expect(await exchange(client, "quit")).toBe("quitbye");
  });

  it("passes TLS through byte for byte, and presents no certificate of its own [S3-08] [S3-09] [S3-48] [T29]", async () => {
    const member = keep(await tlsMember(certificate, { ALPNProtocols: ["imap"] }));
    const { service } = await serve(bench, [member], "tls-passthrough", { serverNames: ["mail.example.com"] });
    const client = await tlsTo(service.port, { servername: "mail.example.com", ALPNProtocols: ["imap"] });
    expect(client.alpnProtocol).toBe("imap");
    expect(client.getPeerX509Certificate()?.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(certificate.fingerprint);
    expect(await exchange(client, "hello")).toBe("hello");
    expect(member.handshakes).toEqual([{ serverName: "mail.example.com", alpn: "imap" }]);
  });

  it("moves 64 MB both ways past a reader that stops, within bounded memory [H12]", async () => {
    const member = keep(await echoServer());
    const { service } = await serve(bench, [member], "tcp");
    const client = await tcpTo(service.port);
    await bulk(bench, client);
  });
});

/** Sends 64 MB, reads nothing for a while, then compares what the echo gives back. */
async function bulk(bench: GatewayBench, client: net.Socket): Promise<void> {
  const total = 64 << 20;
  const block = randomBytes(1 << 16);
  const sent = createHash("sha256");
  const before = bench.residentBytes();
  let written = 0;
  const pump = (): void => {
    while (written < total) {
      written += block.length;
      sent.update(block);
      if (!client.write(block)) return void client.once("drain", pump);
    }
    client.end();
  };
  pump();
  let last = -1;
  await until(async () => {
    const still = last === written;
    last = written;
    await new Promise((resolve) => setTimeout(resolve, 150));
    return still && written < total;
  }, "the writer is held back");
  expect(bench.residentBytes() - before).toBeLessThan(40e6);
  expect(createHash("sha256").update(await readAll(client)).digest("hex")).toBe(sent.digest("hex"));
}
