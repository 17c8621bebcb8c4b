/** The HTTP answer of a refusal: status, `Proxy-Status` (RFC 9209), the code in words and the connection id, then the connection closes. */
import { refusals } from "../../contract/error-codes.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";

export function answerText(code: RefusalCode, id: string): string {
  const { status, proxyStatus, sentence, cure } = refusals[code];
  const body = `${code}: ${sentence} ${cure}\nconnection ${id}\n`;
  return [`HTTP/1.1 ${status} ${reasonPhrase[status] ?? "Refused"}`, `Proxy-Status: sallyport; error=${proxyStatus}; details="${code}"`, `Sallyport-Connection-Id: ${id}`, "Content-Type: text/plain; charset=utf-8", `Content-Length: ${Buffer.byteLength(body)}`, "Cache-Control: no-store", "Connection: close", "", body].join("\r\n");
}

const reasonPhrase: Record<number, string> = { 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 408: "Request Timeout", 431: "Request Header Fields Too Large", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout" };
