/** HTTP answers of the inside listener: status, `Proxy-Status` (RFC 9209), the code in words and the connection id; a refusal closes. */
import { type RefusalCode, refusals } from "../../contract/error-codes.ts";
import { printable } from "../stream/connect-head.ts";

export type Refused = { code: RefusalCode; detail: string };

const reasonPhrase: Record<number, string> = { 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 407: "Proxy Authentication Required", 408: "Request Timeout", 431: "Request Header Fields Too Large", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout" };

/** A code without a status of its own (it has no HTTP elsewhere) is answered 403. */
export function refusalText({ code, detail }: Refused, id: string): string {
  const { proxyStatus, sentence, cure } = refusals[code];
  const status = refusals[code].status || 403;
  const words = printable(detail);
  const body = `${code}: ${sentence} ${cure}\n${words}\nconnection ${id}\n`;
  return [
    `HTTP/1.1 ${status} ${reasonPhrase[status] ?? "Refused"}`,
    `Proxy-Status: sallyport; error=${proxyStatus}; details="${code}"`,
    ...(status === 407 ? ['Proxy-Authenticate: Bearer realm="sallyport"', 'Proxy-Authenticate: Basic realm="sallyport", charset="UTF-8"'] : []),
    `Sallyport-Connection-Id: ${id}`, "Content-Type: text/plain; charset=utf-8", `Content-Length: ${Buffer.byteLength(body)}`, "Cache-Control: no-store", "Connection: close", "", body,
  ].join("\r\n");
}

export function acceptedText(id: string, sessionId: string): string {
  return ["HTTP/1.1 200 Connection established", "Proxy-Status: sallyport", `Sallyport-Connection-Id: ${id}`, `Sallyport-Session-Id: ${sessionId}`, "", ""].join("\r\n");
}
