/** Reading bounded JSON bodies and writing answers of the agent site. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { z } from "zod";
import { ConsoleError } from "../errors.ts";

/** Largest request body, bytes (contract/agent-site.ts). */
export const bodyBytesMax = 1_048_576;
/** A body that takes longer than this is given up, ms. */
const bodyTimeoutMs = 15_000;
/** The one answer to everything that is no interface of agents: no path, method or certificate changes a byte of it (S1-17, S1-18). */
const nothingHere = Buffer.from('{"error":{"code":"not-found","message":"Nothing here.","requestId":""}}\n');

export function sendNothingHere(response: ServerResponse): void {
  response.writeHead(404, { "content-type": "application/json", "content-length": nothingHere.length, connection: "close" });
  response.end(nothingHere);
}

export function sendJson(response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  response.writeHead(status, { "content-type": "application/json", "content-length": body.length, "cache-control": "no-store", ...headers });
  response.end(body);
}

export function sendEmpty(response: ServerResponse, status: 204 | 304, headers: Record<string, string> = {}): void {
  response.writeHead(status, headers);
  response.end();
}

export function sendError(response: ServerResponse, failure: { status: number; code: string; message: string; requestId: string }): void {
  if (response.headersSent || response.destroyed) return;
  const { status, ...error } = failure;
  // The rest of a refused body is not read, so the connection cannot be reused.
  sendJson(response, status, { error }, { connection: "close" });
}

/** Reads a JSON body against its schema. Throws `too-large` or `input-invalid` with every problem's path. */
export async function readJson<S extends z.ZodType>(request: IncomingMessage, schema: S): Promise<z.infer<S>> {
  const contentType = (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  if (contentType !== "application/json") throw new ConsoleError("input-invalid", "The body must be JSON (content-type: application/json).");
  const text = (await readBody(request)).toString("utf8");
  const parsed = schema.safeParse(parseText(text));
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.slice(0, 20).map((issue) => ({ path: issue.path.join("."), message: issue.message }));
  throw new ConsoleError("input-invalid", `The body does not fit: ${fields.map((field) => `${field.path || "(whole)"}: ${field.message}`).join("; ")}`.slice(0, 1000), { fields });
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConsoleError("input-invalid", "The body is not JSON.", { cause });
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > bodyBytesMax) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const timer = setTimeout(() => request.destroy(), bodyTimeoutMs);
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > bodyBytesMax) throw tooLarge();
      chunks.push(chunk);
    }
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks);
}

function tooLarge(): ConsoleError {
  return new ConsoleError("too-large", `The body is larger than ${bodyBytesMax} bytes.`);
}
