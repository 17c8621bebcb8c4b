/**
 * Reads the head of an HTTP/1.1 CONNECT request (RFC 9112 sections 2, 3, 5; RFC 9110 section 9.3.6). Pure.
 * Strict on purpose: nothing is repaired, and every byte after the blank line is tunnel data.
 */

/** Bounds of a head; beyond them 431 (T04). */
export const headBytesMax = 16_384;
export const headFieldsMax = 64;

export type ConnectHead =
  | { kind: "incomplete" }
  | { kind: "connect"; target: string; headLength: number }
  | { kind: "refused"; code: "request-malformed" | "request-method" | "request-head-too-large"; detail: string; target: string | null };

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// Field values: visible ASCII, obs-text, space and tab (RFC 9110 section 5.5); no other control byte.
const value = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Reads the head from all bytes that arrived so far. `bytes` may hold more than the head. */
export function readConnectHead(bytes: Buffer): ConnectHead {
  const end = bytes.indexOf("\r\n\r\n");
  const headLength = end + 4;
  if (end < 0 && bytes.length < headBytesMax) return earlyRefusal(bytes) ?? { kind: "incomplete" };
  if (end < 0 || headLength > headBytesMax) return refuse("request-head-too-large", `the request head is larger than ${headBytesMax} bytes`);
  const lines = bytes.toString("latin1", 0, end).split("\r\n");
  return readLines(lines, headLength);
}

/** A client that speaks no HTTP at all (a TLS hello, a line feed ending) is told at once instead of at the deadline. */
function earlyRefusal(bytes: Buffer): ConnectHead | undefined {
  const first = bytes[0];
  if (first !== undefined && !(first >= 0x21 && first <= 0x7e)) return refuse("request-malformed", "the first byte after the handshake is no letter of an HTTP method");
  const newline = bytes.indexOf(10);
  if (newline === 0 || (newline > 0 && bytes[newline - 1] !== 13)) return refuse("request-malformed", "a line ends without a carriage return");
  return undefined;
}

function readLines(lines: string[], headLength: number): ConnectHead {
  const [requestLine = "", ...fields] = lines;
  if (fields.length > headFieldsMax) return refuse("request-head-too-large", `the request head has ${fields.length} fields, ${headFieldsMax} are allowed`);
  const parts = requestLine.split(" ");
  const [method = "", target = "", version = ""] = parts;
  if (parts.length !== 3 || !token.test(method) || !/^HTTP\/1\.[01]$/.test(version)) return refuse("request-malformed", `the request line ${quote(requestLine)} is not "CONNECT host:port HTTP/1.1"`);
  // Methods are case-sensitive (RFC 9110 section 9.1): "connect" is a spelling mistake, GET is another request.
  if (method !== method.toUpperCase()) return refuse("request-malformed", `${quote(method)} is not CONNECT; methods are case-sensitive`, target);
  if (method !== "CONNECT") return refuse("request-method", `${method} is not answered here, only CONNECT`, target);
  const problem = fieldsProblem(fields, version === "HTTP/1.1");
  return problem === undefined ? { kind: "connect", target, headLength } : refuse("request-malformed", problem, target);
}

/** What is wrong with the header fields, or undefined. Host must be there once, but routing never looks at it (T03). */
function fieldsProblem(fields: string[], isHostNeeded: boolean): string | undefined {
  let hosts = 0;
  for (const field of fields) {
    const colon = field.indexOf(":");
    const name = field.slice(0, colon).toLowerCase();
    if (colon < 1 || !token.test(name) || !value.test(field.slice(colon + 1))) return `${shownField(field)} is not well-formed`;
    if (name === "transfer-encoding") return "a CONNECT request has no content, so no Transfer-Encoding";
    if (name === "host") hosts += 1;
  }
  if (hosts > 1) return "the request has more than one Host field";
  return hosts === 0 && isHostNeeded ? "the request has no Host field" : undefined;
}

/** By its name alone: the value may be somebody's key, and what is said here is logged, reported and answered. A line without a name is not shown at all. */
function shownField(field: string): string {
  const name = /^([A-Za-z0-9-]{1,40})[\t ]*:/.exec(field)?.[1];
  return name === undefined ? "a field without a proper name" : `the field ${quote(name)}`;
}

function refuse(code: Extract<ConnectHead, { kind: "refused" }>["code"], detail: string, target: string | null = null): ConnectHead {
  return { kind: "refused", code, detail, target: target === null ? null : printable(target).slice(0, 300) };
}

function quote(text: string): string {
  return JSON.stringify(printable(text.length > 80 ? `${text.slice(0, 77)}...` : text));
}

/** Client bytes never reach a log or an answer as control or non-ASCII characters. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}
