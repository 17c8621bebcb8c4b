/** What went wrong with a connection, in words that a person can act on; system error names are translated here and nowhere else. */
import { parseIpv6 } from "../../../contract/names.ts";

/** Why a probe ended without what it wanted. `where` is how far it had come: a member whose own TCP connect fails is down, whatever stands behind it. */
export class ProbeFailure extends Error {
  readonly where: "name" | "connect" | "talk";
  constructor(where: "name" | "connect" | "talk", sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.where = where;
  }
}

/** `mta1:25`, `10.1.2.3:25`, `[2001:db8::1]:25`. */
export function endpointText(host: string, port: number): string {
  return parseIpv6(host) === undefined ? `${host}:${port}` : `[${shortIpv6(host)}]:${port}`;
}

/** True when a failed connect got as far as an accepted connection: a refusal in the TCP handshake is ECONNREFUSED, a reset comes after it. */
export function wasAccepted(error: unknown): boolean {
  return errnoOf(error) === "ECONNRESET";
}

/** What a failed connection attempt means; continues a sentence that begins with the endpoint. */
export function connectWords(error: unknown): string {
  const code = errnoOf(error);
  if (code !== undefined && code in connectErrors) return connectErrors[code] ?? "";
  return `could not be connected to (${messageOf(error)})`;
}

/** What an error inside a conversation means; continues a sentence that begins with who did it. */
export function talkWords(error: unknown, awaited: string): string {
  const code = errnoOf(error);
  if (code === "ECONNRESET" || code === "EPIPE") return `reset the connection before ${awaited}`;
  if (code === "ETIMEDOUT") return `stopped answering before ${awaited}`;
  return `broke the connection before ${awaited} (${messageOf(error)})`;
}

/** What a failed TLS handshake means; a whole clause. */
export function handshakeWords(label: string, error: Error): string {
  // The runtime's own words for an end of the stream; it calls them a reset too.
  if (/disconnected before secure TLS connection/.test(error.message)) return `${label} closed the connection during the TLS handshake; is it a TLS port?`;
  if (errnoOf(error) === "ECONNRESET") return `${label} reset the connection during the TLS handshake`;
  if (/wrong version number|packet length too long|unknown protocol/i.test(error.message)) return `${label} does not speak TLS on this port`;
  if (/certificate required|alert number 116/i.test(error.message)) return `${label} demands a client certificate, and a check has none; check it by TCP`;
  const reason = "reason" in error && typeof error.reason === "string" ? error.reason : messageOf(error);
  return `${label} ended the TLS handshake: ${reason}`;
}

/** The first `max` printable ASCII characters of what a peer sent, for use inside a sentence. */
export function quoted(text: string, max = 120): string {
  const printable = text.replace(/[^\u0020-\u007e]+/g, " ").trim();
  return `"${printable.length > max ? `${printable.slice(0, max)}...` : printable}"`;
}

const connectErrors: Record<string, string> = {
  ECONNREFUSED: "refused the connection",
  ECONNRESET: "reset the connection as soon as it was open",
  EHOSTUNREACH: "cannot be reached: no route to the host",
  ENETUNREACH: "cannot be reached: this gateway has no route to that network",
  ENETDOWN: "cannot be reached: this gateway's network is down",
  EHOSTDOWN: "cannot be reached: the host does not answer on its network",
  ETIMEDOUT: "did not answer the connection attempt",
  EACCES: "may not be connected to: this gateway's own firewall forbids it",
  EPERM: "may not be connected to: this gateway's own firewall forbids it",
  EADDRNOTAVAIL: "cannot be reached: this gateway has no address or no free port for it",
  EMFILE: "was not tried: this gateway has no free file descriptor",
  ENFILE: "was not tried: this gateway has no free file descriptor",
};

function errnoOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 150) : "unknown error";
}

/** RFC 5952 form: the longest run of zero groups becomes `::`. */
function shortIpv6(text: string): string {
  const groups = (parseIpv6(text) ?? []).map((group) => group.toString(16));
  const runs = [...groups.join(":").matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].toSorted((a, b) => b[0].length - a[0].length);
  const [longest] = runs;
  if (!longest) return groups.join(":");
  const whole = groups.join(":");
  const before = whole.slice(0, longest.index).replace(/:$/, "");
  const after = whole.slice(longest.index + longest[0].length).replace(/^:/, "");
  return `${before}::${after}`;
}
