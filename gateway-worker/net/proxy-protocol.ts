/**
 * PROXY protocol headers, versions 1 and 2: reading what a balancer in front says about the client, and writing it to members
 * (the public specification, revision 2026/04/27). Whether a sender is believed is the caller's decision; here nothing is guessed (T26).
 */
import { isIPv4, isIPv6 } from "node:net";
import { crc32c } from "./crc32c.ts";

/** An address without zone, IPv6 as in RFC 5952; an IPv4-mapped IPv6 address is its IPv4 address. Port 0 to 65535. */
export type Endpoint = { address: string; port: number };

export type ProxyHeader = {
  kind: "header";
  version: 1 | 2;
  /** Bytes that the header takes; what follows is the client's. */
  length: number;
  /** Null: the sender speaks for itself (LOCAL), or does not know (UNKNOWN, UNSPEC, a unix socket). Use the socket's peer. */
  source: Endpoint | null;
  destination: Endpoint | null;
  /** Version 2 only. Of a type that comes several times, the first. */
  tlvs: Map<number, Buffer>;
};
export type ProxyHeaderResult = { kind: "incomplete" } | { kind: "refused"; detail: string } | ProxyHeader;

/** TLV types of the specification, section 2.2. */
export const proxyTlv = { alpn: 0x01, authority: 0x02, crc32c: 0x03, noop: 0x04, uniqueId: 0x05 } as const;
/** Longest version 1 header (section 2.1). */
export const proxyV1BytesMax = 107;
/** Longest version 2 header taken unless the caller allows more. Balancers send 28 to a few hundred bytes. */
export const proxyV2BytesMax = 4_096;

const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const v1Prefix = Buffer.from("PROXY ", "latin1");

/**
 * Reads the header at the start of `bytes`; call again with more after `incomplete` (the caller's deadline ends the wait).
 * A second header behind the first, as far as it is in `bytes`, is refused: a client must not append one of its own.
 */
export function readProxyHeader(bytes: Buffer, bytesMax = proxyV2BytesMax): ProxyHeaderResult {
  if (bytes.length === 0) return { kind: "incomplete" };
  const result = startsAs(bytes, v1Prefix) ? readVersion1(bytes) : startsAs(bytes, signature) ? readVersion2(bytes, bytesMax) : refuse("the first bytes are no PROXY protocol header");
  if (result.kind === "header" && isProxyHeader(bytes.subarray(result.length))) return refuse("a second PROXY protocol header follows the first");
  return result;
}

/** True when the bytes begin with a whole version 1 prefix or version 2 signature. For what follows a header in later segments. */
export function isProxyHeader(bytes: Buffer): boolean {
  return (bytes.length >= v1Prefix.length && startsAs(bytes, v1Prefix)) || (bytes.length >= signature.length && startsAs(bytes, signature));
}

/** `bytes` begins with `prefix`, or is the beginning of it. */
function startsAs(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length);
  return bytes.subarray(0, length).equals(prefix.subarray(0, length));
}

function readVersion1(bytes: Buffer): ProxyHeaderResult {
  const window = bytes.subarray(0, proxyV1BytesMax);
  const newline = window.indexOf(0x0a);
  if (newline < 0) return bytes.length >= proxyV1BytesMax ? refuse(`no end of line within ${proxyV1BytesMax} bytes`) : incompleteVersion1(window);
  if (window[newline - 1] !== 0x0d) return refuse("the line does not end with CR LF");
  const line = window.subarray(0, newline - 1).toString("latin1");
  if (line.includes("\r")) return refuse("a CR stands inside the line");
  const endpoints = parseLine(line);
  if (typeof endpoints === "string") return refuse(endpoints);
  return { kind: "header", version: 1, length: newline + 1, ...endpoints, tlvs: new Map() };
}

/** A CR that is followed by something else than LF can never become right. */
function incompleteVersion1(window: Buffer): ProxyHeaderResult {
  const cr = window.indexOf(0x0d);
  return cr >= 0 && cr < window.length - 1 ? refuse("a CR stands inside the line") : { kind: "incomplete" };
}

function parseLine(line: string): { source: Endpoint | null; destination: Endpoint | null } | string {
  // What follows UNKNOWN is to be ignored (section 2.1).
  if (line === "PROXY UNKNOWN" || line.startsWith("PROXY UNKNOWN ")) return { source: null, destination: null };
  const fields = line.split(" ");
  const [, family, source = "", destination = "", sourcePort = "", destinationPort = ""] = fields;
  if (fields.length !== 6) return "the line has not the six fields PROXY, family, two addresses and two ports";
  if (family !== "TCP4" && family !== "TCP6") return "the family is neither TCP4, TCP6 nor UNKNOWN";
  const isAddress = family === "TCP4" ? isStrictIpv4 : isStrictIpv6;
  if (!isAddress(source) || !isAddress(destination)) return `an address is no ${family === "TCP4" ? "IPv4" : "IPv6"} address`;
  if (!isPort(sourcePort) || !isPort(destinationPort)) return "a port is no number from 0 to 65535 without leading zeros";
  return { source: { address: canonical(source), port: Number(sourcePort) }, destination: { address: canonical(destination), port: Number(destinationPort) } };
}

function isStrictIpv4(text: string): boolean {
  return isIPv4(text) && text.split(".").every((part) => String(Number(part)) === part);
}
function isStrictIpv6(text: string): boolean {
  return isIPv6(text) && !text.includes("%");
}
function isPort(text: string): boolean {
  return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535;
}

/** Bytes 13 and 14: what the sender says and how long its addresses are (section 2.2). */
function readVersion2(bytes: Buffer, bytesMax: number): ProxyHeaderResult {
  const versionAndCommand = bytes[12];
  if (versionAndCommand === undefined) return { kind: "incomplete" };
  if (versionAndCommand !== 0x20 && versionAndCommand !== 0x21) return refuse(`version and command 0x${hex(versionAndCommand)} are neither 0x20 (LOCAL) nor 0x21 (PROXY)`);
  const family = bytes[13];
  if (family === undefined || bytes.length < 16) return { kind: "incomplete" };
  const length = 16 + bytes.readUInt16BE(14);
  if (length > bytesMax) return refuse(`the header has ${length} bytes; the limit is ${bytesMax}`);
  const isLocal = versionAndCommand === 0x20;
  const addressLength = isLocal ? 0 : addressLengths.get(family);
  if (addressLength === undefined) return refuse(`family and protocol 0x${hex(family)} are not taken; send TCP over IPv4 or IPv6`);
  if (length - 16 < addressLength) return refuse(`${length - 16} bytes are too few for the addresses of the family`);
  if (bytes.length < length) return { kind: "incomplete" };
  const header = bytes.subarray(0, length);
  // LOCAL and UNSPEC: the whole block is to be skipped unread.
  if (isLocal || family === 0x00) return { kind: "header", version: 2, length, source: null, destination: null, tlvs: new Map() };
  const tlvs = readTlvs(header, 16 + addressLength);
  if (typeof tlvs === "string") return refuse(tlvs);
  return { kind: "header", version: 2, length, ...readAddresses(header.subarray(16, 16 + addressLength), family), tlvs };
}

/** Bytes of the address block per family and protocol. Datagram families are absent: a TCP connection cannot carry one. */
const addressLengths = new Map([[0x00, 0], [0x11, 12], [0x21, 36], [0x31, 216]]);

function readAddresses(block: Buffer, family: number): { source: Endpoint | null; destination: Endpoint | null } {
  if (family === 0x11) return { source: { address: formatIpv4(block.subarray(0, 4)), port: block.readUInt16BE(8) }, destination: { address: formatIpv4(block.subarray(4, 8)), port: block.readUInt16BE(10) } };
  if (family === 0x21) return { source: { address: formatIpv6(block.subarray(0, 16)), port: block.readUInt16BE(32) }, destination: { address: formatIpv6(block.subarray(16, 32)), port: block.readUInt16BE(34) } };
  return { source: null, destination: null };
}

/** A type that means one thing may come once: of two, nobody can say which is meant. */
const single = new Set<number>([proxyTlv.alpn, proxyTlv.authority, proxyTlv.crc32c, proxyTlv.uniqueId]);

function readTlvs(header: Buffer, start: number): Map<number, Buffer> | string {
  const tlvs = new Map<number, Buffer>();
  for (let at = start; at < header.length; ) {
    if (header.length - at < 3) return "a TLV runs past the header";
    const type = header.readUInt8(at);
    const end = at + 3 + header.readUInt16BE(at + 1);
    if (end > header.length) return "a TLV runs past the header";
    if (tlvs.has(type) && single.has(type)) return `the TLV 0x${hex(type)} appears twice`;
    if (type === proxyTlv.crc32c && !checksumFits(header, at + 3, end)) return "the CRC32c checksum is wrong";
    if (!tlvs.has(type)) tlvs.set(type, header.subarray(at + 3, end));
    at = end;
  }
  return tlvs;
}

/** The checksum is over the whole header with its own four bytes zero (section 2.2.3). */
function checksumFits(header: Buffer, start: number, end: number): boolean {
  if (end - start !== 4) return false;
  const zeroed = Buffer.from(header);
  zeroed.fill(0, start, end);
  return crc32c(zeroed) === header.readUInt32BE(start);
}

export type ProxyHeaderToWrite = {
  version: 1 | 2;
  /** Null, here or below: written as UNKNOWN (version 1) or LOCAL (version 2). */
  source: Endpoint | null;
  destination: Endpoint | null;
  /** Version 2 only; not written with LOCAL, whose block receivers skip. */
  tlvs?: ReadonlyMap<number, Buffer>;
  /** Version 2: append the CRC32c TLV. Default false. */
  hasChecksum?: boolean;
};

/** The bytes of a header. Throws RangeError when an address or port is none, or version 2 would not fit its 16-bit length. */
export function writeProxyHeader(given: ProxyHeaderToWrite): Buffer {
  const pair = given.source && given.destination ? packPair(given.source, given.destination) : undefined;
  if (given.version === 1) return writeVersion1(given, pair);
  const block = pair ? Buffer.concat([pair.addresses, ...[...(given.tlvs ?? [])].map(([type, value]) => writeTlv(type, value))]) : Buffer.alloc(0);
  return writeVersion2(pair, block, given.hasChecksum === true && pair !== undefined);
}

type Pair = { isIpv4: boolean; source: Buffer; destination: Buffer; addresses: Buffer };

function packPair(source: Endpoint, destination: Endpoint): Pair {
  const [from, to] = [packAddress(source.address), packAddress(destination.address)];
  const isBothIpv4 = isMapped(from) && isMapped(to);
  const cut = isBothIpv4 ? 12 : 0;
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  return { isIpv4: isBothIpv4, source: from.subarray(cut), destination: to.subarray(cut), addresses: Buffer.concat([from.subarray(cut), to.subarray(cut), ports]) };
}

function writeVersion1(given: ProxyHeaderToWrite, pair: Pair | undefined): Buffer {
  if (!pair) return Buffer.from("PROXY UNKNOWN\r\n", "latin1");
  const format = pair.isIpv4 ? formatIpv4 : formatWide;
  return Buffer.from(`PROXY ${pair.isIpv4 ? "TCP4" : "TCP6"} ${format(pair.source)} ${format(pair.destination)} ${given.source?.port ?? 0} ${given.destination?.port ?? 0}\r\n`, "latin1");
}

function writeVersion2(pair: Pair | undefined, block: Buffer, hasChecksum: boolean): Buffer {
  const body = hasChecksum ? Buffer.concat([block, writeTlv(proxyTlv.crc32c, Buffer.alloc(4))]) : block;
  if (body.length > 65_535) throw new RangeError(`a PROXY protocol header holds at most 65535 bytes behind its first 16, not ${body.length}`);
  const head = Buffer.concat([signature, Buffer.from([pair ? 0x21 : 0x20, pair ? (pair.isIpv4 ? 0x11 : 0x21) : 0x00, body.length >> 8, body.length & 0xff])]);
  const header = Buffer.concat([head, body]);
  if (hasChecksum) header.writeUInt32BE(crc32c(header), header.length - 4);
  return header;
}

function writeTlv(type: number, value: Buffer): Buffer {
  if (value.length > 65_535) throw new RangeError(`a TLV holds at most 65535 bytes, not ${value.length}`);
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 0xff]), value]);
}

/** Sixteen bytes of any textual address; IPv4 in its mapped form. */
function packAddress(address: string): Buffer {
  const bare = address.replace(/%.*$/, "");
  if (isIPv4(bare)) return Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...bare.split(".").map(Number)]);
  if (!isIPv6(bare)) throw new RangeError(`"${address.slice(0, 60)}" is no IP address`);
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(bare);
  const text = dotted ? `${dotted[1] ?? ""}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}` : bare;
  const [head = [], tail] = text.split("::").map((half) => (half === "" ? [] : half.split(":")));
  const groups = tail === undefined ? head : [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => "0"), ...tail];
  const packed = Buffer.alloc(16);
  for (const [index, group] of groups.entries()) packed.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  return packed;
}

function isMapped(packed: Buffer): boolean {
  return packed.readUInt32BE(0) === 0 && packed.readUInt32BE(4) === 0 && packed.readUInt32BE(8) === 0xffff;
}
function canonical(address: string): string {
  return isIPv4(address) ? address : formatIpv6(packAddress(address));
}
function formatIpv4(packed: Buffer): string {
  return packed.join(".");
}
function formatIpv6(packed: Buffer): string {
  return isMapped(packed) ? formatIpv4(packed.subarray(12)) : formatWide(packed);
}

/** RFC 5952 section 4: lower-case, no leading zeros, the longest run of two or more zero groups (the first of equals) as `::`. */
function formatWide(packed: Buffer): string {
  if (isMapped(packed)) return `::ffff:${formatIpv4(packed.subarray(12))}`;
  const groups = Array.from({ length: 8 }, (_, index) => packed.readUInt16BE(index * 2));
  let run = { start: 0, length: 0 };
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length += 1;
    if (length > run.length) run = { start, length };
  }
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(":");
  return run.length < 2 ? text(groups) : `${text(groups.slice(0, run.start))}::${text(groups.slice(run.start + run.length))}`;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
function refuse(detail: string): { kind: "refused"; detail: string } {
  return { kind: "refused", detail };
}
