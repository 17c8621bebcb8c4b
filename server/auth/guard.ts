/**
 * What every request that changes something must look like before a procedure sees it (T32): JSON, of bounded size, from a page of this console or with an API key,
 * without keys that reach into prototypes. Authorisation is not here; it is in each procedure.
 */
import { env } from "../env.ts";
import { ConsoleError } from "../errors.ts";

/** Largest request body, bytes. */
export const bodyBytesMax = 1024 * 1024;
/** Beyond this the rest is not even read. */
const drainedBytesMax = 4 * bodyBytesMax;
/** Calls in one tRPC batch. */
export const batchMax = 20;

const forbiddenKeys = new Set(["__proto__", "constructor", "prototype"]);

export type GuardOptions = {
  /** Origins whose pages may use the session cookie. */
  readonly origins?: readonly string[];
};

/** Refuses what may not pass; returns the request with its body read and checked. Throws ConsoleError (`not-allowed`, `input-invalid`, `too-large`). */
export async function guardRequest(request: Request, options: GuardOptions = {}): Promise<Request> {
  refuseSpoofedMiddleware(request.headers);
  refuseForeignOrigin(request, options.origins ?? [new URL(env().consoleUrl).origin]);
  if (request.method === "GET" || request.method === "HEAD") return request;
  if (request.method !== "POST" && request.method !== "PATCH" && request.method !== "PUT" && request.method !== "DELETE") throw new ConsoleError("input-invalid", `The method ${request.method} is not served here.`);
  const body = await readBody(request);
  if (body !== "") {
    requireJson(request.headers);
    parseJson(body);
  }
  return new Request(request.url, { method: request.method, headers: request.headers, body: body === "" ? null : body, signal: request.signal });
}

/** CVE-2025-29927: the header once made Next skip its middleware. Nothing here relies on middleware; whoever sends it is up to no good. */
function refuseSpoofedMiddleware(headers: Headers): void {
  if (headers.has("x-middleware-subrequest")) throw new ConsoleError("not-allowed", "The header x-middleware-subrequest is not accepted from outside.");
}

/**
 * A cookie is honoured only for pages of this console. Browsers send Origin with every cross-site request and with every POST; without a cookie there is nothing
 * to protect, and a bearer key is never sent by a browser on its own.
 */
function refuseForeignOrigin(request: Request, origins: readonly string[]): void {
  const { headers } = request;
  if (headers.has("authorization")) return;
  const origin = headers.get("origin");
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (origin !== null && !origins.includes(origin)) throw new ConsoleError("not-allowed", `This request came from a page of another site (${origin.slice(0, 100)}); open the console at ${origins[0] ?? "its own address"}.`);
  if (headers.get("sec-fetch-site") === "cross-site") throw new ConsoleError("not-allowed", "This request came from a page of another site.");
  if (origin === null && !isRead) throw new ConsoleError("not-allowed", "The request names no Origin; changes are taken from the console's own pages, or with an API key.");
}

function requireJson(headers: Headers): void {
  const type = headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") throw new ConsoleError("input-invalid", "The body must be application/json.");
}

/** A body somewhat over the limit is read to its end and dropped: a client that is still sending would see a reset instead of the answer. */
async function readBody(request: Request): Promise<string> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > drainedBytesMax) throw tooLarge();
  if (!request.body) return "";
  let chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > drainedBytesMax) throw tooLarge();
    if (size > bodyBytesMax) chunks = [];
    else chunks.push(chunk);
  }
  if (size > bodyBytesMax) throw tooLarge();
  return Buffer.concat(chunks).toString("utf8");
}

function tooLarge(): ConsoleError {
  return new ConsoleError("too-large", `The request body is larger than ${bodyBytesMax} bytes.`);
}

/** JSON without keys that reach into prototypes. Throws `input-invalid`. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text, (key, value: unknown) => {
      refuseKey(key);
      return value;
    });
  } catch (error) {
    if (error instanceof ConsoleError) throw error;
    throw new ConsoleError("input-invalid", "The body is not JSON.", { cause: error });
  }
}

/** Throws `input-invalid` for a name that would reach into a prototype. */
export function refuseKey(key: string): void {
  if (forbiddenKeys.has(key)) throw new ConsoleError("input-invalid", `The key "${key}" is not accepted.`);
}
