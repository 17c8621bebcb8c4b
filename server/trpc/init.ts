/**
 * The tRPC door: its context, the error answer, and the procedure builders that carry a role. Every procedure of the console is made from one of the four
 * builders below, so that no procedure exists whose role is not decided in the procedure itself (T32).
 */
import { initTRPC } from "@trpc/server";
import { consoleErrors, type ConsoleErrorCode } from "../../contract/error-codes.ts";
import type { Demand } from "../../contract/roles.ts";
import { ConsoleError, type FieldProblem } from "../errors.ts";
import { errorFields, log } from "../log.ts";
import { type Caller, demandRole } from "../services/caller.ts";
import { toConsoleError, toTrpcError } from "./errors.ts";

/** What a procedure knows of its request; `caller` is null when neither session nor key is valid. */
export type Context = {
  readonly caller: Caller | null;
  readonly requestId: string;
  readonly source: string | null;
};

/** What an error answer carries under `data`; `code` is ours, not tRPC's. */
export type ErrorData = {
  readonly code: ConsoleErrorCode;
  readonly message: string;
  readonly fields: readonly FieldProblem[];
  readonly requestId: string;
  readonly httpStatus: number;
};

/** `demand` is set by the builder and read by the tests that hold the role table. */
export type Meta = { openapi?: { method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"; path: `/${string}`; tags?: string[]; summary?: string; protect?: boolean }; demand?: Demand };

const t = initTRPC.context<Context>().meta<Meta>().create({
  isServer: true,
  sse: { ping: { enabled: true, intervalMs: 15_000 }, client: { reconnectAfterInactivityMs: 40_000 } },
  errorFormatter({ shape, error, ctx }) {
    const known = toConsoleError(error);
    const data: ErrorData = { code: known.code, message: known.message, fields: known.fields, requestId: ctx?.requestId ?? "", httpStatus: consoleErrors[known.code].status };
    return { code: shape.code, message: known.message, data };
  },
});

export const router = t.router;
export const createCallerFactory = t.createCallerFactory;
export const mergeRouters = t.mergeRouters;

/** Turns what a procedure throws into our answer, and logs what nobody expected with its cause under the request id. */
const answerErrors = t.middleware(async ({ ctx, path, next }) => {
  const result = await next();
  if (result.ok) return result;
  const known = toConsoleError(result.error);
  if (known.code === "internal") log.error({ ...errorFields(known.cause ?? known), requestId: ctx.requestId, procedure: path }, "a procedure failed");
  if (known.code === "database-unavailable") log.warn({ ...errorFields(known.cause ?? known), requestId: ctx.requestId, procedure: path }, "the database did not answer");
  throw toTrpcError(known);
});

const signedIn = t.procedure.use(answerErrors).use(async ({ ctx, next }) => {
  if (!ctx.caller) throw new ConsoleError("not-signed-in");
  return next({ ctx: { ...ctx, caller: ctx.caller } });
});

function procedureFor(wanted: Demand) {
  return signedIn.meta({ demand: wanted }).use(async ({ ctx, next }) => {
    demandRole(ctx.caller, wanted);
    return next();
  });
}

/** Any role. */
export const readProcedure = procedureFor("read");
/** Operator and above: day-to-day work. */
export const operateProcedure = procedureFor("operate");
/** Administrator and above: objects, policies, certificates. */
export const administerProcedure = procedureFor("administer");
/** Owner: people, API keys, the CA. */
export const ownProcedure = procedureFor("own");

/** Meta of a REST operation under /api/v1; all of them need a key or session. */
export function rest(method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE", path: `/${string}`, tag: string, summary: string): Meta {
  return { openapi: { method, path, tags: [tag], summary, protect: true } };
}
