/** What a stream engine writes in front of handed-over plaintext is what the HTTP engine reads. */
import { randomBytes, randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { readHandOver, writeHandOver } from "./engine-hand-over.ts";
import type { HandOver } from "./engine-hand-over.ts";
import { writeProxyHeader } from "./net/proxy-protocol.ts";

const handOver: HandOver = { source: { address: "192.0.2.7", port: 50_000 }, destination: { address: "198.51.100.1", port: 443 }, alpn: "h2", serverName: "mail.example.com", serviceId: randomUUID(), connectionId: "c-17", isTls: true, clientCertificate: randomBytes(2_000).toString("base64") };

describe("the hand-over between engines", () => {
  it.each([
    ["a TLS connection with a client certificate", handOver],
    ["plain HTTP", { ...handOver, isTls: false, alpn: null, serverName: null, clientCertificate: null }],
    ["a client that connects by IPv6", { ...handOver, source: { address: "2001:db8::7", port: 1 }, destination: { address: "2001:db8::1", port: 443 } }],
    ["a certificate of 40 kB", { ...handOver, clientCertificate: randomBytes(40_000).toString("base64") }],
  ])("carries %s and leaves the plaintext behind it alone", (_what, given) => {
    const bytes = Buffer.concat([writeHandOver(given), Buffer.from("GET / HTTP/1.1\r\n")]);
    const read = readHandOver(bytes);
    expect(read).toMatchObject({ kind: "hand-over", handOver: given });
    if (read.kind === "hand-over") expect(bytes.subarray(read.length).toString()).toBe("GET / HTTP/1.1\r\n");
    expect(readHandOver(bytes.subarray(0, 100)).kind).toBe("incomplete");
  });

  it("refuses what no stream engine of ours writes [T26]", () => {
    const { source, destination } = handOver;
    const odd = [
      writeProxyHeader({ version: 1, source, destination }),
      writeProxyHeader({ version: 2, source, destination }),
      writeProxyHeader({ version: 2, source, destination, tlvs: new Map([[0xe0, Buffer.from("{")]]) }),
      writeProxyHeader({ version: 2, source, destination, tlvs: new Map([[0xe0, Buffer.from(JSON.stringify({ serviceId: "x" }))]]) }),
      Buffer.from("GET / HTTP/1.1\r\n"),
    ];
    for (const bytes of odd) expect(readHandOver(bytes).kind).toBe("refused");
  });
});
