/**
 * Reads the server name and the ALPN list from the first bytes of a TLS client, without ending TLS (RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301).
 * Only looks: the caller forwards the very bytes it gave. Never throws, and does a bounded amount of work whatever the bytes are (T29).
 */

/** Most bytes in all that a ClientHello may take, record headers included. A post-quantum hello is about 2 KiB. */
export const helloBytesMax = 65_536;
/** Most records a ClientHello may be spread over. Legal clients use one to four; the bound keeps repeated reading cheap. */
export const helloRecordsMax = 512;

export type ClientHelloResult =
  /** More bytes are needed; the caller's deadline ends the wait. */
  | { kind: "incomplete" }
  /** No ClientHello, or an ambiguous one. `detail` quotes nothing of what the client sent. */
  | { kind: "refused"; detail: string }
  /** `serverName`: lower-case, without a trailing dot, from letters, digits and `._:-` only; null when the client sent none. `alpn`: the client's order, possibly with GREASE. */
  | { kind: "hello"; serverName: string | null; alpn: string[] };

/** Reads the ClientHello at the start of `bytes`; call again with more bytes after `incomplete`. What follows the hello is not looked at. */
export function readClientHello(bytes: Buffer): ClientHelloResult {
  const message = gatherHandshake(bytes);
  if (message.kind !== "message") return message;
  try {
    return readHello(new Reader(message.body));
  } catch (error) {
    if (error instanceof Malformed) return { kind: "refused", detail: error.message };
    throw error;
  }
}

class Malformed extends Error {}

/** The handshake message across its records. Every check that needs few bytes is made before more are waited for. */
function gatherHandshake(bytes: Buffer): { kind: "message"; body: Buffer } | { kind: "incomplete" } | { kind: "refused"; detail: string } {
  const parts: Buffer[] = [];
  let gathered = 0;
  let at = 0;
  for (let count = 0; ; count += 1) {
    if (count === helloRecordsMax) return refuse(`the ClientHello is spread over more than ${helloRecordsMax} records`);
    const record = readRecord(bytes, at, count === 0);
    if (record.kind !== "record") return at > helloBytesMax || bytes.length > helloBytesMax ? tooLarge() : record;
    parts.push(record.payload);
    gathered += record.payload.length;
    at += 5 + record.payload.length;
    if (at > helloBytesMax) return tooLarge();
    const whole = wholeMessage(parts, gathered);
    if (whole !== undefined) return whole;
    if (!record.isComplete) return bytes.length > helloBytesMax ? tooLarge() : { kind: "incomplete" };
  }
}

type RecordResult = { kind: "record"; payload: Buffer; isComplete: boolean } | { kind: "incomplete" } | { kind: "refused"; detail: string };

function readRecord(bytes: Buffer, at: number, isFirst: boolean): RecordResult {
  const type = bytes[at];
  if (type === undefined) return { kind: "incomplete" };
  if (type !== 0x16) return refuse(isFirst ? `the first bytes are ${guess(bytes)}, not a TLS handshake` : "a record of another type interrupts the ClientHello");
  const major = bytes[at + 1];
  if (major !== undefined && major !== 3) return refuse("the record's version is not 3.x");
  if (bytes.length < at + 5) return { kind: "incomplete" };
  const length = bytes.readUInt16BE(at + 3);
  if (length === 0) return refuse("an empty handshake record");
  if (length > 16_384) return refuse(`a record of ${length} bytes; the limit is 16384`);
  const payload = bytes.subarray(at + 5, at + 5 + length);
  return { kind: "record", payload, isComplete: payload.length === length };
}

/** The message once it is complete, a refusal once its head shows it never can be, undefined while bytes are missing. */
function wholeMessage(parts: Buffer[], gathered: number): { kind: "message"; body: Buffer } | { kind: "refused"; detail: string } | undefined {
  const type = parts[0]?.[0];
  if (type !== undefined && type !== 1) return refuse(`the first handshake message is of type ${type}, not a ClientHello`);
  if (gathered < 4) return undefined;
  const head = (parts[0]?.length ?? 0) >= 4 ? parts[0] : Buffer.concat(parts).subarray(0, 4);
  const length = head?.readUIntBE(1, 3) ?? 0;
  if (length + 4 > helloBytesMax) return tooLarge();
  if (gathered < length + 4) return undefined;
  // Another message in the same record would be read by the member and not by us (RFC 8446 section 5.1 forbids it before a key change).
  if (gathered > length + 4) return refuse("the ClientHello's length does not end with its record");
  return { kind: "message", body: (parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)).subarray(4) };
}

function readHello(hello: Reader): ClientHelloResult {
  const version = hello.number(2, "version");
  if (version >> 8 !== 3) throw new Malformed("the ClientHello's version is not 3.x");
  hello.bytes(32, "random");
  if (hello.vector(1, "session id").length > 32) throw new Malformed("the session id is longer than 32 bytes");
  const suites = hello.vector(2, "cipher suites");
  if (suites.length < 2 || suites.length % 2 !== 0) throw new Malformed("the cipher suites are no list of pairs");
  if (hello.vector(1, "compression methods").length === 0) throw new Malformed("no compression method is offered");
  if (hello.isAtEnd) return { kind: "hello", serverName: null, alpn: [] };
  const extensions = new Reader(hello.vector(2, "extensions"));
  hello.end("ClientHello");
  return readExtensions(extensions);
}

function readExtensions(extensions: Reader): ClientHelloResult {
  const seen = new Set<number>();
  let serverName: string | null = null;
  let alpn: string[] = [];
  while (!extensions.isAtEnd) {
    const type = extensions.number(2, "extension");
    const value = extensions.vector(2, "extension");
    // Two readers could each take another of the two (RFC 8446 section 4.2 forbids it).
    if (seen.has(type)) throw new Malformed(`extension ${type} appears twice`);
    seen.add(type);
    if (type === 0) serverName = readServerName(new Reader(value));
    if (type === 16) alpn = readAlpn(new Reader(value));
  }
  return { kind: "hello", serverName, alpn };
}

function readServerName(extension: Reader): string {
  const list = new Reader(extension.vector(2, "server name list"));
  extension.end("server name extension");
  const type = list.number(1, "server name");
  const name = list.vector(2, "server name");
  list.end("server name list (exactly one name is allowed)");
  if (type !== 0) throw new Malformed(`the server name is of the unknown type ${type}`);
  if (name.length === 0 || name.length > 255) throw new Malformed(`the server name has ${name.length} bytes; 1 to 255 are allowed`);
  const text = name.toString("latin1").toLowerCase();
  // Only what can appear in a name or an address goes on, so that nothing else reaches a log or a table (T29).
  if (!/^[a-z0-9._:-]+$/.test(text)) throw new Malformed("the server name has characters that no host name has");
  return text.length > 1 && text.endsWith(".") ? text.slice(0, -1) : text;
}

function readAlpn(extension: Reader): string[] {
  const list = new Reader(extension.vector(2, "ALPN list"));
  extension.end("ALPN extension");
  const protocols: string[] = [];
  while (!list.isAtEnd) {
    const protocol = list.vector(1, "ALPN protocol");
    if (protocol.length === 0) throw new Malformed("an ALPN protocol is empty");
    protocols.push(protocol.toString("latin1"));
  }
  if (protocols.length === 0) throw new Malformed("the ALPN list is empty");
  return protocols;
}

/** Takes values from the front; anything that runs past the end is Malformed. */
class Reader {
  #rest: Buffer;
  constructor(bytes: Buffer) {
    this.#rest = bytes;
  }
  get isAtEnd(): boolean {
    return this.#rest.length === 0;
  }
  bytes(length: number, what: string): Buffer {
    if (this.#rest.length < length) throw new Malformed(`the ${what} runs past the end of what holds it`);
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }
  number(width: 1 | 2, what: string): number {
    return this.bytes(width, what).readUIntBE(0, width);
  }
  vector(width: 1 | 2, what: string): Buffer {
    return this.bytes(this.number(width, what), what);
  }
  end(what: string): void {
    if (!this.isAtEnd) throw new Malformed(`bytes are left over in the ${what}`);
  }
}

/** What the first bytes look like, for the person who reads the refusal. */
function guess(bytes: Buffer): string {
  const text = bytes.subarray(0, 16).toString("latin1");
  if (/^(GET|POST|HEAD|PUT|OPTIONS|CONNECT|DELETE|PATCH|PRI) /.test(text)) return "plain HTTP";
  if (text.startsWith("PROXY ") || text.startsWith("\r\n\r\n\0\r\nQUIT\n")) return "a PROXY protocol header, which this port does not take";
  if (text.startsWith("SSH-")) return "SSH";
  if (bytes[0] === 0x15) return "a TLS alert";
  if (bytes[0] === 0x17) return "TLS application data";
  if ((bytes[0] ?? 0) >= 0x80) return "an SSL 2 hello or no TLS at all";
  return "something else";
}

function refuse(detail: string): { kind: "refused"; detail: string } {
  return { kind: "refused", detail };
}
function tooLarge(): { kind: "refused"; detail: string } {
  return refuse(`the ClientHello is larger than ${helloBytesMax} bytes`);
}
