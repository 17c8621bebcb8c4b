/** What a member's response head must look like before anything of it reaches a client (RFC 9112 section 6.3). */
import type { RawFields } from "./request-head.ts";

export type ResponseVerdict = { kind: "response"; hasBody: boolean } | { kind: "refused"; detail: string };

const value = /^[\t\x20-\x7e\x80-\xff]*$/;

/** `method`: of the request; a response to HEAD has no body whatever its fields say. */
export function judgeResponse({ status, fields }: { status: number; fields: RawFields }, method: string): ResponseVerdict {
  if (status < 200 || status > 599) return { kind: "refused", detail: `the status ${status} is none that may be passed on` };
  let lengths = 0;
  let encodings = 0;
  for (let index = 0; index < fields.length; index += 2) {
    const name = (fields[index] ?? "").toLowerCase();
    const text = fields[index + 1] ?? "";
    if (!value.test(text)) return { kind: "refused", detail: `the field ${name.slice(0, 80)} has a control character` };
    if (name === "content-length" && (++lengths > 1 || !/^\d{1,15}$/.test(text))) return { kind: "refused", detail: "Content-Length is no plain decimal number, once" };
    if (name === "transfer-encoding" && (++encodings > 1 || text.toLowerCase() !== "chunked")) return { kind: "refused", detail: "Transfer-Encoding is not chunked, once" };
  }
  if (lengths > 0 && encodings > 0) return { kind: "refused", detail: "both Content-Length and Transfer-Encoding are given" };
  return { kind: "response", hasBody: method !== "HEAD" && status !== 204 && status !== 304 };
}
