/**
 * The REST door: /api/v1. API keys only, never cookies, so that no page of another site can use somebody's session here. Each operation runs the tRPC
 * procedure of the same name, with its role check, its schemas and its errors.
 */
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { answering, answerJson } from "../auth/answer.ts";
import { guardRequest, parseJson } from "../auth/guard.ts";
import { callerFromBearer } from "../auth/session.ts";
import { sourceOf } from "../auth/source.ts";
import { env } from "../env.ts";
import { ConsoleError } from "../errors.ts";
import { errorFields, log } from "../log.ts";
import type { Caller } from "../services/caller.ts";
import { toConsoleError } from "../trpc/errors.ts";
import type { Context } from "../trpc/init.ts";
import { appRouter } from "../trpc/root.ts";
import { readInput } from "./input.ts";
import { openApiDocument, successStatus } from "./openapi.ts";
import { matchOperation, type Operation, operationsOf } from "./operations.ts";

const root = "/api/v1";
/** Calls per key and minute, per console process. */
export const callsPerMinute = 1_200;

const limiter = new RateLimiterMemory({ points: callsPerMinute, duration: 60 });
let cachedOperations: Operation[] | undefined;
let cachedDocument: string | undefined;

/** All operations of this build. */
export function restOperations(): Operation[] {
  cachedOperations ??= operationsOf(appRouter._def.procedures);
  return cachedOperations;
}

/** Answers one request below /api/v1. */
export function handleRest(incoming: Request): Promise<Response> {
  return answering(incoming, async (requestId) => {
    const url = new URL(incoming.url);
    const path = url.pathname.slice(root.length);
    if (path === "/openapi.json" && incoming.method === "GET") return documentAnswer();
    const caller = await demandKey(incoming.headers, requestId);
    const match = matchOperation(restOperations(), incoming.method, path);
    if (match.kind === "none") throw new ConsoleError("not-found", `There is no ${path} in this API; ${root}/openapi.json lists what there is.`);
    if (match.kind === "wrong-method") return wrongMethod(match.allow, requestId);
    const request = await guardRequest(incoming);
    const text = request.body ? await request.text() : "";
    const input = readInput(match.operation, { params: match.params, query: url.searchParams, body: text === "" ? undefined : parseJson(text) });
    const context: Context = { caller, requestId, source: sourceOf(incoming.headers) };
    return answerJson(await run(match.operation, { context, input, signal: incoming.signal }), successStatus(match.operation));
  });
}

async function demandKey(headers: Headers, requestId: string): Promise<Caller> {
  const authorization = headers.get("authorization");
  const caller = authorization === null ? null : await callerFromBearer(headers, authorization);
  if (!caller) throw new ConsoleError("not-signed-in", authorization === null ? "Send an API key: Authorization: Bearer spk_…" : "This API key is not valid here: unknown, expired or revoked. Make a new one under Settings, API keys.");
  await limiter.consume(caller.actor.id).catch((refused: unknown) => {
    if (!(refused instanceof RateLimiterRes)) throw refused;
    throw new ConsoleError("rate-limited", `This API key made more than ${callsPerMinute} calls in a minute; wait ${Math.ceil(refused.msBeforeNext / 1000)} seconds and go on.`);
  });
  return { ...caller, requestId };
}

async function run(operation: Operation, call: { context: Context; input: unknown; signal: AbortSignal }): Promise<unknown> {
  try {
    return await operation.procedure({ path: operation.name, type: operation.type, ctx: call.context, getRawInput: async () => call.input, input: call.input, signal: call.signal, batchIndex: 0 });
  } catch (error) {
    const known = toConsoleError(error);
    // The procedure has logged it with its cause; here only the door is named.
    if (known.code === "internal") log.debug({ ...errorFields(known), operation: operation.name }, "a REST call failed");
    throw known;
  }
}

function wrongMethod(allow: readonly string[], requestId: string): Response {
  return answerJson({ error: { code: "input-invalid", message: `This path is used with ${allow.join(", ")}.`, fields: [], requestId } }, 405, { allow: allow.join(", ") });
}

function documentAnswer(): Response {
  cachedDocument ??= JSON.stringify(openApiDocument(restOperations(), `${env().consoleUrl}${root}`));
  return new Response(cachedDocument, { headers: { "content-type": "application/json; charset=utf-8", "cache-control": "no-cache", "x-content-type-options": "nosniff" } });
}
