/**
 * What a request's head must look like before anything of it reaches a member: strict, refuse and never repair (T28, H10). The
 * runtime's parsers read the bytes; here is judged what they let pass, and framing is decided once, for us and for the member.
 */
import type { RefusalCode } from "../../contract/error-codes.ts";

/** A field list as it was on the wire: name, value, name, value. Order, case and repetition are kept. */
export type RawFields = readonly string[];

/** How the request's body is delimited. Field lines about framing are never copied; this is written anew. */
export type Framing = { kind: "none" } | { kind: "length"; bytes: number } | { kind: "chunked" };

export type RequestHead = {
  version: "1.0" | "1.1" | "2";
  method: string;
  /** Origin-form (`/path?query`), or `*` of an OPTIONS request. */
  target: string;
  /** Host of the request with its port as the client wrote it; null: an HTTP/1.0 request without one. */
  authority: string | null;
  fields: RawFields;
  framing: Framing;
  /** The client waits for `100 Continue` before it sends the body. */
  expectsContinue: boolean;
  /** The client takes trailers (`TE: trailers`). */
  takesTrailers: boolean;
};

export type HeadRefusal = { kind: "refused"; code: Extract<RefusalCode, "http-malformed" | "http-head-too-large">; status: number; detail: string };
export type HeadVerdict = { kind: "head"; head: RequestHead } | HeadRefusal;

/** Bytes of a request head, and field lines in it. */
export const headBytesMax = 16_384;
export const headFieldsMax = 100;

export type OneHead = { version: string; method: string; url: string; fields: RawFields };
/** `endsStream`: the HEADERS frame was the whole request. `fields` without pseudo-header fields. */
export type TwoHead = { method: string; path: string; authority: string | undefined; scheme: string; fields: RawFields; endsStream: boolean };

/** Judges an HTTP/1.x head (RFC 9112). */
export function judgeOne(one: OneHead): HeadVerdict {
  if (one.version !== "1.1" && one.version !== "1.0") return refused(`the version HTTP/${one.version} is not 1.0 or 1.1`, 505);
  const found = readFields(one.fields);
  if (found.kind === "refused") return found;
  const framing = framingOf(found, one.version);
  if (framing.kind === "refused") return framing;
  const target = targetOf(one.method, one.url);
  if (target.kind === "refused") return target;
  const host = hostOf(found.hosts, one.version);
  if (host.kind === "refused") return host;
  if (target.authority !== undefined && target.authority.toLowerCase() !== host.authority?.toLowerCase()) return refused(`the request-target names "${short(target.authority)}" and Host names "${short(host.authority ?? "nothing")}"`);
  return complete({ version: one.version, method: one.method, target: target.path, authority: host.authority, fields: one.fields, framing: framing.framing, found });
}

/** Judges an HTTP/2 head (RFC 9113 section 8.3) that the runtime's parser let pass. */
export function judgeTwo(two: TwoHead): HeadVerdict {
  const found = readFields(two.fields);
  if (found.kind === "refused") return found;
  const bytes = two.fields.reduce((sum, text) => sum + text.length + 16, two.path.length + (two.authority?.length ?? 0));
  if (bytes > headBytesMax) return { kind: "refused", code: "http-head-too-large", status: 431, detail: `the head has ${bytes} bytes; at most ${headBytesMax} are taken` };
  if (found.encodings.length > 0) return refused("Transfer-Encoding has no place in HTTP/2");
  if (found.hasConnectionField) return refused("connection-specific fields have no place in HTTP/2");
  if (two.scheme !== "http" && two.scheme !== "https") return refused(`the scheme "${short(two.scheme)}" is neither http nor https`);
  const target = targetOf(two.method, two.path);
  if (target.kind === "refused") return target;
  if (target.authority !== undefined) return refused("the :path is not in origin-form");
  const named = two.authority === undefined ? found.hosts : [two.authority, ...found.hosts];
  if (new Set(named.map((name) => name.toLowerCase())).size > 1) return refused(":authority and Host differ");
  const host = hostOf(named.slice(0, 1), "2");
  if (host.kind === "refused") return host;
  const framing = framingOf(found, "2");
  if (framing.kind === "refused") return framing;
  const whole: Framing = framing.framing.kind === "none" && !two.endsStream ? { kind: "chunked" } : framing.framing;
  return complete({ version: "2", method: two.method, target: target.path, authority: host.authority, fields: two.fields, framing: two.endsStream ? { kind: "none" } : whole, found });
}

type Found = { kind: "found"; hosts: string[]; lengths: string[]; encodings: string[]; expectations: string[]; takesTrailers: boolean; hasConnectionField: boolean };

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// Visible characters, space, tab and obs-text (RFC 9110 section 5.5); every other control character is an attack or an accident.
const value = /^[\t\x20-\x7e\x80-\xff]*$/;
/** With "_" for "-" these read the same in CGI-like servers: a second, unjudged copy of what decides framing or routing. */
const twins = new Set(["content_length", "transfer_encoding"]);
const connectionFields = new Set(["connection", "proxy-connection", "keep-alive", "upgrade"]);

function readFields(fields: RawFields): Found | HeadRefusal {
  const found: Found = { kind: "found", hosts: [], lengths: [], encodings: [], expectations: [], takesTrailers: false, hasConnectionField: false };
  if (fields.length / 2 > headFieldsMax) return { kind: "refused", code: "http-head-too-large", status: 431, detail: `${fields.length / 2} fields; at most ${headFieldsMax} are taken` };
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? "";
    const text = fields[index + 1] ?? "";
    if (!token.test(name)) return refused(`the field name "${short(name)}" has a character that is not allowed`);
    if (!value.test(text)) return refused(`the field ${short(name)} has a control character`);
    const lower = name.toLowerCase();
    if (twins.has(lower)) return refused(`the field ${name} can be taken for another one`);
    if (connectionFields.has(lower)) found.hasConnectionField = true;
    else if (lower === "host") found.hosts.push(text);
    else if (lower === "content-length") found.lengths.push(text);
    else if (lower === "transfer-encoding") found.encodings.push(text);
    else if (lower === "expect") found.expectations.push(text);
    else if (lower === "te" && /(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i.test(text)) found.takesTrailers = true;
  }
  return found;
}

function framingOf(found: Found, version: RequestHead["version"]): { kind: "framing"; framing: Framing } | HeadRefusal {
  const { lengths, encodings } = found;
  if (lengths.length > 0 && encodings.length > 0) return refused("both Content-Length and Transfer-Encoding are given");
  if (encodings.length > 0) {
    if (version === "1.0") return refused("Transfer-Encoding has no place in HTTP/1.0");
    if (encodings.length > 1 || encodings[0]?.toLowerCase() !== "chunked") return refused(`Transfer-Encoding is "${short(encodings.join(", "))}"; only chunked, once, is taken`);
    return { kind: "framing", framing: { kind: "chunked" } };
  }
  if (lengths.length === 0) return { kind: "framing", framing: { kind: "none" } };
  const text = lengths[0] ?? "";
  if (lengths.length > 1) return refused("Content-Length is given more than once");
  if (!/^(?:0|[1-9]\d{0,14})$/.test(text)) return refused(`Content-Length is "${short(text)}", no plain decimal number`);
  return { kind: "framing", framing: { kind: "length", bytes: Number(text) } };
}

type Target = { kind: "target"; path: string; authority?: string };

/** RFC 9112 section 3.2: origin-form, absolute-form of http and https, asterisk-form of OPTIONS. */
function targetOf(method: string, url: string): Target | HeadRefusal {
  if (!token.test(method)) return refused("the method has a character that is not allowed");
  if (method === "CONNECT") return refused("CONNECT is not offered here", 405);
  if (!/^[\x21-\x7e]+$/.test(url)) return refused("the request-target has a character that is not allowed");
  if (url.includes("#")) return refused("the request-target has a fragment");
  if (url === "*") return method === "OPTIONS" ? { kind: "target", path: "*" } : refused("the request-target * belongs to OPTIONS only");
  if (url.startsWith("/")) return { kind: "target", path: url };
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(url);
  if (!absolute) return refused(`the request-target "${short(url)}" is no path`);
  const rest = absolute[2] ?? "";
  // Without a path, OPTIONS of the authority alone is the asterisk-form (RFC 9112 section 3.2.4).
  const path = rest.startsWith("/") ? rest : rest === "" && method === "OPTIONS" ? "*" : `/${rest}`;
  return { kind: "target", path, authority: absolute[1] ?? "" };
}

const hostSyntax = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::\d{1,5})?$/;

function hostOf(hosts: string[], version: RequestHead["version"]): { kind: "host"; authority: string | null } | HeadRefusal {
  if (hosts.length > 1) return refused("Host is given more than once");
  const host = hosts[0];
  if (host === undefined) return version === "1.0" ? { kind: "host", authority: null } : refused("Host is missing");
  if (!hostSyntax.test(host)) return refused(`Host is "${short(host)}", no name or address with an optional port`);
  return { kind: "host", authority: host };
}

function complete(parts: Omit<RequestHead, "expectsContinue" | "takesTrailers"> & { found: Found }): HeadVerdict {
  const { found, ...head } = parts;
  if (head.method === "TRACE" && head.framing.kind !== "none") return refused("TRACE has a body");
  const expectations = head.version === "1.0" ? [] : found.expectations;
  if (expectations.length > 1 || (expectations.length === 1 && expectations[0]?.toLowerCase() !== "100-continue")) return refused(`Expect is "${short(expectations.join(", "))}"; only 100-continue is known`, 417);
  return { kind: "head", head: { ...head, expectsContinue: expectations.length === 1 && head.framing.kind !== "none", takesTrailers: found.takesTrailers } };
}

function refused(detail: string, status = 400): HeadRefusal {
  return { kind: "refused", code: "http-malformed", status, detail };
}

/** Client text in a sentence: bounded, and without control characters. */
function short(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, 80);
}
