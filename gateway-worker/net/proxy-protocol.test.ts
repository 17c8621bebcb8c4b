/** PROXY protocol headers against the project's vectors, against themselves (what is written is read back) and against noise. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32c } from "./crc32c.ts";
import { isProxyHeader, proxyTlv, readProxyHeader, writeProxyHeader } from "./proxy-protocol.ts";
import type { Endpoint, ProxyHeaderResult } from "./proxy-protocol.ts";

type Vector = { id: string; hex: string; expect: "accept" | "accept-real-address" | "reject" | "either"; src: string | null };
const { vectors } = JSON.parse(readFileSync(new URL("../../tests/fixtures/proxy-protocol-vectors.json", import.meta.url), "utf8")) as { vectors: Vector[] };
const payload = Buffer.from("160301020001", "hex");

function written(endpoint: Endpoint | null): string | null {
  if (endpoint === null) return null;
  return endpoint.address.includes(":") ? `[${endpoint.address}]:${endpoint.port}` : `${endpoint.address}:${endpoint.port}`;
}

/** A header that is never finished is cut at the deadline: for the client the same as a refusal. */
function outcomeOf(result: ProxyHeaderResult): string {
  if (result.kind !== "header") return "reject";
  return result.source === null ? "accept-real-address" : "accept";
}

/** Headers that stand alone: what the file means to stall has nothing behind it. */
const stalls = new Set(["none", "v2-sig-truncated", "v2-len-65535-never-arrives"]);

describe("the PROXY protocol reader", () => {
  it("has all 66 vectors of the project", () => {
    expect(vectors).toHaveLength(66);
  });

  it.each(vectors)("decides the vector $id as the file says: $expect [T26]", ({ id, hex, expect: wanted, src }) => {
    const header = Buffer.from(hex, "hex");
    const bytes = stalls.has(id) ? header : Buffer.concat([header, payload]);
    const result = readProxyHeader(bytes);
    const outcome = outcomeOf(result);
    if (wanted !== "either") expect(outcome).toBe(wanted);
    if (outcome === "accept" && result.kind === "header") expect(written(result.source)).toBe(src);
    if (result.kind === "header") expect(bytes.subarray(result.length).equals(payload)).toBe(true);
  });

  it.each(vectors.filter(({ hex }) => hex.length < 1_000))("decides $id alike when it comes byte by byte [T26]", ({ id, hex }) => {
    const bytes = stalls.has(id) ? Buffer.from(hex, "hex") : Buffer.concat([Buffer.from(hex, "hex"), payload]);
    const whole = readProxyHeader(bytes);
    let result: ProxyHeaderResult = { kind: "incomplete" };
    for (let end = 0; end <= bytes.length && result.kind === "incomplete"; end += 1) result = readProxyHeader(bytes.subarray(0, end));
    // A second header is noticed when it is there; behind a first that came alone, the caller looks with isProxyHeader.
    if (id === "v1-double-header") expect(result.kind === "header" && isProxyHeader(bytes.subarray(result.length))).toBe(true);
    else expect(result.kind).toBe(whole.kind);
  });

  it("refuses a second header behind the first, of either version [T26]", () => {
    const source = { address: "192.0.2.7", port: 1 };
    for (const first of [1, 2] as const) for (const second of [1, 2] as const) {
      const both = Buffer.concat([writeProxyHeader({ version: first, source, destination: source }), writeProxyHeader({ version: second, source: { address: "10.0.0.1", port: 1 }, destination: source })]);
      expect(readProxyHeader(both)).toMatchObject({ kind: "refused", detail: expect.stringContaining("second") });
    }
  });

  it("accepts headers up to its bound and refuses larger ones before they have come [T26]", () => {
    const padded = (length: number): Buffer => writeProxyHeader({ version: 2, source: { address: "192.0.2.7", port: 1 }, destination: { address: "192.0.2.8", port: 2 }, tlvs: new Map([[proxyTlv.noop, Buffer.alloc(length)]]) });
    expect(readProxyHeader(padded(4_096 - 31)).kind).toBe("header");
    expect(readProxyHeader(padded(4_096 - 30).subarray(0, 16)).kind).toBe("refused");
    expect(readProxyHeader(padded(60_000), 65_551).kind).toBe("header");
  });

  it("refuses a TLV that may come once and comes twice", () => {
    const once = writeProxyHeader({ version: 2, source: { address: "192.0.2.7", port: 1 }, destination: { address: "192.0.2.8", port: 2 }, tlvs: new Map([[proxyTlv.authority, Buffer.from("a.test")]]) });
    const tlv = once.subarray(28);
    const twice = Buffer.concat([once, tlv]);
    twice.writeUInt16BE(twice.length - 16, 14);
    expect(readProxyHeader(twice)).toMatchObject({ kind: "refused", detail: expect.stringContaining("twice") });
  });

  it("never throws, whatever the bytes are [T26]", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => void readProxyHeader(Buffer.from(noise))), { numRuns: 3_000 });
    fc.assert(fc.property(fc.constantFrom(...vectors.filter(({ hex }) => hex.length > 20)), fc.nat(), fc.nat(255), ({ hex }, at, value) => {
      const bytes = Buffer.from(hex, "hex");
      bytes[at % bytes.length] = value;
      readProxyHeader(bytes);
    }), { numRuns: 5_000 });
  });
});

const endpoint4 = fc.record({ address: fc.ipV4(), port: fc.nat(65_535) });
const group = fc.nat(0xffff).map((value) => value.toString(16));
const endpoint6 = fc.record({ address: fc.array(fc.oneof(fc.constant("0"), group), { minLength: 8, maxLength: 8 }).map((groups) => new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1)).filter((text) => !text.startsWith("::ffff:")), port: fc.nat(65_535) });
const endpoint = fc.oneof(endpoint4, endpoint6);

describe("the PROXY protocol writer", () => {
  it("writes what the reader reads back, of both versions and families, mixed ones too [T26]", () => {
    fc.assert(fc.property(fc.constantFrom(1 as const, 2 as const), endpoint, endpoint, fc.uint8Array({ maxLength: 40 }), fc.boolean(), (version, source, destination, rest, hasChecksum) => {
      const tlvs = new Map([[proxyTlv.alpn, Buffer.from("h2")], [0xe0, Buffer.from(rest)]]);
      const header = writeProxyHeader({ version, source, destination, tlvs, hasChecksum });
      const read = readProxyHeader(Buffer.concat([header, Buffer.from([0]), Buffer.from(rest)]));
      expect(read).toMatchObject({ kind: "header", version, length: header.length, source, destination });
      if (read.kind === "header" && version === 2) expect(read.tlvs.get(0xe0)?.equals(Buffer.from(rest))).toBe(true);
    }), { numRuns: 2_000 });
  });

  it("writes IPv4 for the IPv4-mapped addresses that dual-stack sockets give", () => {
    const header = writeProxyHeader({ version: 1, source: { address: "::ffff:192.0.2.7", port: 5 }, destination: { address: "::ffff:192.0.2.8", port: 443 } });
    expect(header.toString("latin1")).toBe("PROXY TCP4 192.0.2.7 192.0.2.8 5 443\r\n");
  });

  it("says UNKNOWN or LOCAL when it does not know the client", () => {
    expect(writeProxyHeader({ version: 1, source: null, destination: null }).toString("latin1")).toBe("PROXY UNKNOWN\r\n");
    expect(readProxyHeader(writeProxyHeader({ version: 2, source: null, destination: null }))).toMatchObject({ kind: "header", length: 16, source: null });
  });

  it("never writes a version 1 header of more than 107 bytes", () => {
    const widest = { address: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", port: 65_535 };
    expect(writeProxyHeader({ version: 1, source: widest, destination: widest }).length).toBeLessThanOrEqual(107);
  });

  it("refuses to write what is no address", () => {
    expect(() => writeProxyHeader({ version: 1, source: { address: "mail.test", port: 1 }, destination: { address: "192.0.2.1", port: 1 } })).toThrow(RangeError);
  });
});

it("computes CRC32c as RFC 3720 appendix B.4 does", () => {
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
});
