/** The HTTP end of the tRPC door: guards, context, then tRPC's own fetch adapter. Queries and the live stream come by GET, mutations by POST. */
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { batchMax, guardRequest, parseJson } from "../auth/guard.ts";
import { callerFromRequest } from "../auth/session.ts";
import { requestIdOf, sourceOf } from "../auth/source.ts";
import { ConsoleError } from "../errors.ts";
import { toConsoleError } from "./errors.ts";
import type { Context } from "./init.ts";
import { appRouter } from "./root.ts";

export const trpcPath = "/api/trpc";
const answerHeaders = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;

/** Answers one HTTP request of the tRPC door. */
export async function handleTrpc(incoming: Request): Promise<Response> {
  const requestId = requestIdOf(incoming.headers);
  try {
    refuseLargeBatch(incoming);
    const req = await guardRequest(incoming);
    return await fetchRequestHandler({ endpoint: trpcPath, req, router: appRouter, maxBatchSize: batchMax, createContext: () => contextOf(req, requestId), responseMeta: () => ({ headers: new Headers(answerHeaders) }) });
  } catch (error) {
    return refuse(toConsoleError(error), requestId);
  }
}

async function contextOf(request: Request, requestId: string): Promise<Context> {
  const caller = await callerFromRequest(request);
  return { caller: caller && { ...caller, requestId }, requestId, source: sourceOf(request.headers) };
}

/** Before the body is read: the names in the path, and a query's input, which would otherwise be parsed by tRPC alone. */
function refuseLargeBatch(request: Request): void {
  const url = new URL(request.url);
  const count = url.pathname.slice(trpcPath.length).split(",").length;
  if (count > batchMax) throw new ConsoleError("input-invalid", `A batch holds at most ${batchMax} calls; this one has ${count}.`);
  const input = url.searchParams.get("input");
  if (input !== null) parseJson(input);
}

/** In the shape that tRPC's clients read, also for a batch. */
function refuse(error: ConsoleError, requestId: string): Response {
  const data = { code: error.code, message: error.message, fields: error.fields, requestId, httpStatus: error.status };
  return Response.json({ error: { message: error.message, code: -32_600, data } }, { status: error.status, headers: answerHeaders });
}
