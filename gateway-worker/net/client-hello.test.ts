/** The ClientHello reader against the project's vectors, against fragmentation of every kind, and against noise. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { helloBytesMax, readClientHello } from "./client-hello.ts";

type Vector = { id: string; hex: string; expect: string; split?: number[] | "bytewise" };
const { vectors } = JSON.parse(readFileSync(new URL("../../tests/fixtures/clienthello-sni-vectors.json", import.meta.url), "utf8")) as { vectors: Vector[] };

/** Feeds a vector in its segments, as a socket would, and says what a router with the one route gw.test does. */
function outcomeOf({ hex, split }: Vector): string {
  const bytes = Buffer.from(hex, "hex");
  const ends = split === "bytewise" ? Array.from(bytes, (_, index) => index + 1) : [...(split ?? []), bytes.length];
  for (const end of ends) {
    const result = readClientHello(bytes.subarray(0, end));
    if (result.kind === "refused") return "reject";
    if (result.kind === "hello") return result.serverName === "gw.test" ? "route:gw.test" : "default";
  }
  return "timeout-close";
}

/** A hello of the vectors, as one handshake message without records. */
function handshakeOf(id: string): Buffer {
  const bytes = Buffer.from(vectors.find((vector) => vector.id === id)?.hex ?? "", "hex");
  return bytes.subarray(5);
}

function inRecords(message: Buffer, sizes: number[]): Buffer {
  const records: Buffer[] = [];
  for (let at = 0, index = 0; at < message.length; index += 1) {
    const size = Math.max(1, sizes[index % sizes.length] ?? message.length);
    const part = message.subarray(at, at + size);
    records.push(Buffer.from([0x16, 3, 1, part.length >> 8, part.length & 0xff]), part);
    at += size;
  }
  return Buffer.concat(records);
}

function hello(extensions: Buffer[], tail = Buffer.alloc(0)): Buffer {
  const block = Buffer.concat(extensions);
  const body = Buffer.concat([Buffer.from([3, 3]), Buffer.alloc(32), Buffer.from([0, 0, 2, 0x13, 1, 1, 0]), Buffer.from([block.length >> 8, block.length & 255]), block, tail]);
  return Buffer.concat([Buffer.from([1, 0, body.length >> 8, body.length & 255]), body]);
}
function extension(type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type >> 8, type & 255, value.length >> 8, value.length & 255]), value]);
}
function serverName(name: string): Buffer {
  return extension(0, list(nameEntry(name)));
}
function nameEntry(name: string): Buffer {
  return Buffer.concat([Buffer.from([0, name.length >> 8, name.length & 255]), Buffer.from(name, "latin1")]);
}
function list(...entries: Buffer[]): Buffer {
  const whole = Buffer.concat(entries);
  return Buffer.concat([Buffer.from([whole.length >> 8, whole.length & 255]), whole]);
}

describe("the ClientHello reader", () => {
  it("has all 69 vectors of the project", () => {
    expect(vectors).toHaveLength(69);
  });

  it.each(vectors)("decides the vector $id as the file says: $expect [T29]", (vector) => {
    const before = vector.hex;
    const bytes = Buffer.from(before, "hex");
    readClientHello(bytes);
    expect(bytes.toString("hex")).toBe(before);
    expect(vector.expect.split("-or-")).toContain(outcomeOf(vector));
  });

  it("reads a hello that is spread over more than ten records and any segments [T29]", () => {
    const message = handshakeOf("real-chromium");
    const property = fc.property(fc.array(fc.integer({ min: 8, max: 700 }), { minLength: 1, maxLength: 40 }), fc.nat(), (sizes, cut) => {
      const bytes = inRecords(message, sizes);
      const whole = readClientHello(bytes);
      expect(whole).toMatchObject({ kind: "hello", serverName: "gw.test" });
      expect(readClientHello(bytes.subarray(0, cut % bytes.length)).kind).toBe("incomplete");
    });
    fc.assert(property, { numRuns: 300 });
    expect(readClientHello(inRecords(message, [100])), "21 records").toMatchObject({ kind: "hello", serverName: "gw.test" });
  });

  it("lists the client's ALPN protocols in its order", () => {
    expect(readClientHello(Buffer.from(vectors.find(({ id }) => id === "real-chromium")?.hex ?? "", "hex"))).toMatchObject({ alpn: ["h2", "http/1.1"] });
  });

  it("ignores what follows the hello in later records, such as early data", () => {
    const bytes = Buffer.concat([inRecords(handshakeOf("real-openssl30"), [4_000]), Buffer.from("1703030005", "hex"), Buffer.from("early")]);
    expect(readClientHello(bytes)).toMatchObject({ kind: "hello", serverName: "gw.test" });
  });

  it("refuses a second handshake message that hides in the hello's record [T29]", () => {
    const message = Buffer.concat([handshakeOf("real-openssl30"), handshakeOf("real-openssl30")]);
    expect(readClientHello(inRecords(message, [4_000])).kind).toBe("refused");
  });

  it.each([
    ["missing", [], { kind: "hello", serverName: null }],
    ["an IPv4 literal", [serverName("10.0.0.1")], { kind: "hello", serverName: "10.0.0.1" }],
    ["an IPv6 literal", [serverName("::1")], { kind: "hello", serverName: "::1" }],
    ["with a NUL", [serverName("gw.test\0.evil.test")], { kind: "refused" }],
    ["doubled in one extension", [extension(0, list(nameEntry("gw.test"), nameEntry("other.test")))], { kind: "refused" }],
    ["in two extensions", [serverName("gw.test"), serverName("other.test")], { kind: "refused" }],
    ["of 16 kB", [serverName("a".repeat(16_000))], { kind: "refused" }],
    ["of upper-case letters", [serverName("GW.Test")], { kind: "hello", serverName: "gw.test" }],
    ["with a trailing dot", [serverName("gw.test.")], { kind: "hello", serverName: "gw.test" }],
    ["of a wildcard", [serverName("*.test")], { kind: "refused" }],
  ])("decides a server name that is %s [T29]", (_what, extensions, expected) => {
    expect(readClientHello(inRecords(hello(extensions), [16_384]))).toMatchObject(expected);
  });

  it("refuses hellos whose lists do not end where they say", () => {
    for (const bad of [extension(16, Buffer.from("0000", "hex")), extension(16, Buffer.from("000100", "hex")), extension(16, Buffer.from("00050268320201", "hex"))]) {
      expect(readClientHello(inRecords(hello([bad]), [16_384])).kind).toBe("refused");
    }
    expect(readClientHello(inRecords(hello([], Buffer.from("x")), [16_384])).kind).toBe("refused");
  });

  it("names what a client speaks instead of TLS, and never what it sent", () => {
    const details = ["GET / HTTP/1.1\r\n", "SSH-2.0-x", "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n"].map((text) => readClientHello(Buffer.from(text)));
    expect(details.map((result) => (result.kind === "refused" ? result.detail : ""))).toEqual([expect.stringContaining("plain HTTP"), expect.stringContaining("SSH"), expect.stringContaining("PROXY")]);
  });

  it("holds no more than 64 KiB, whatever a client announces [T29]", () => {
    const endless = inRecords(Buffer.concat([Buffer.from([1, 0, 0xff, 0xf0]), Buffer.alloc(70_000)]), [16_384]);
    expect(readClientHello(endless.subarray(0, helloBytesMax + 1)).kind).toBe("refused");
    expect(readClientHello(Buffer.from("160301000401ffffff", "hex")).kind).toBe("refused");
  });

  it("never throws, whatever the bytes are [T29]", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (noise) => void readClientHello(Buffer.from(noise))), { numRuns: 3_000 });
    const real = Buffer.from(vectors.find(({ id }) => id === "real-curl")?.hex ?? "", "hex");
    const mutation = fc.array(fc.tuple(fc.nat(real.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(fc.property(mutation, (changes) => {
      const bytes = Buffer.from(real);
      for (const [at, value] of changes) bytes[at] = value;
      const copy = Buffer.from(bytes);
      const result = readClientHello(bytes);
      expect(bytes.equals(copy)).toBe(true);
      if (result.kind === "hello" && result.serverName !== null) expect(result.serverName).toMatch(/^[a-z0-9._:-]{1,255}$/);
    }), { numRuns: 5_000 });
  });
});
