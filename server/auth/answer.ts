/** Answers of the doors that are not tRPC procedures: `{ error: { code, message, fields, requestId } }` with the code's HTTP status, as REST and the agent site use it. */
import { type ConsoleError } from "../errors.ts";
import { errorFields, log } from "../log.ts";
import { toConsoleError } from "../trpc/errors.ts";
import { requestIdOf } from "./source.ts";

const headers = { "cache-control": "no-store", "content-type": "application/json; charset=utf-8", "x-content-type-options": "nosniff" } as const;

export function answerJson(body: unknown, status = 200, extra: Record<string, string> = {}): Response {
  return new Response(status === 204 ? null : JSON.stringify(body), { status, headers: { ...headers, ...extra } });
}

/** The error answer. Unexpected errors are logged with their cause under the request id; the answer names only the id. */
export function answerError(error: unknown, requestId: string): Response {
  const known = toConsoleError(error);
  if (known.code === "internal" || known.code === "database-unavailable") log.error({ ...errorFields(known.cause ?? known), requestId }, "a request failed");
  return answerJson({ error: errorBody(known, requestId) }, known.status, retryAfter(known));
}

export function errorBody(error: ConsoleError, requestId: string) {
  return { code: error.code, message: error.message, fields: error.fields, requestId };
}

function retryAfter(error: ConsoleError): Record<string, string> {
  const wait = error.code === "rate-limited" ? /wait (\d+) seconds/.exec(error.message)?.[1] : undefined;
  return wait === undefined ? {} : { "retry-after": wait };
}

/** Runs a route handler; whatever it throws becomes the error answer. */
export async function answering(request: { readonly headers: Headers }, work: (requestId: string) => Promise<Response>): Promise<Response> {
  const requestId = requestIdOf(request.headers);
  try {
    return await work(requestId);
  } catch (error) {
    return answerError(error, requestId);
  }
}
