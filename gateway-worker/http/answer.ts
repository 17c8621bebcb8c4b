/** Answers of the gateway's own: one sentence with the code and the connection id, `Proxy-Status` (RFC 9209), `Retry-After` on 503. */
import { refusals } from "../../contract/error-codes.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";

export type Answer = { status: number; reason: string; fields: string[]; body: Buffer };

/** Seconds after which a client may try again when no member could take its request: about two intervals of a health check. */
const retryAfterSeconds = 10;

/** `status` overrides the code's own where HTTP has a more exact one (417, 505). A code without a status is answered as 400. */
export function answerOf(code: RefusalCode, connectionId: string, status?: number): Answer {
  const entry = refusals[code];
  const chosen = status ?? (entry.status === 0 ? 400 : entry.status);
  const body = Buffer.from(`${code}: ${entry.sentence} ${entry.cure}\nconnection ${connectionId}\n`, "utf8");
  const fields = ["Content-Type", "text/plain; charset=utf-8", "Content-Length", String(body.length), "Cache-Control", "no-store", "Proxy-Status", `sallyport; error=${entry.proxyStatus}; details="${code}"`, "Sallyport-Connection-Id", connectionId];
  if (chosen === 503) fields.push("Retry-After", String(retryAfterSeconds));
  return { status: chosen, reason: reasonPhrases[chosen] ?? "Refused", fields, body };
}

/** The answer as bytes, for a connection whose parser gave up; it is the last on it. */
export function answerBytes(code: RefusalCode, connectionId: string, status?: number): Buffer {
  const answer = answerOf(code, connectionId, status);
  const lines = [`HTTP/1.1 ${answer.status} ${answer.reason}`];
  for (let index = 0; index < answer.fields.length; index += 2) lines.push(`${answer.fields[index]}: ${answer.fields[index + 1]}`);
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\nConnection: close\r\n\r\n`, "latin1"), answer.body]);
}

const reasonPhrases: Record<number, string> = {
  400: "Bad Request",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  417: "Expectation Failed",
  421: "Misdirected Request",
  431: "Request Header Fields Too Large",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};
