/** What went wrong, as a page shows it: our code, the sentence, the fields and the request id, read from whatever a call threw. */
import { consoleErrors, type ConsoleErrorCode } from "@/contract/error-codes.ts";

export type Problem = { code: ConsoleErrorCode | "unreachable"; message: string; fields: { path: string; message: string }[]; requestId: string };

const unreachable: Problem = { code: "unreachable", message: "The console does not answer. Gateways and tunnels go on without it; check that the console runs, then try again.", fields: [], requestId: "" };

/** Never throws; a value of unknown shape means that no answer of ours arrived. */
export function readProblem(error: unknown): Problem {
  const data = typeof error === "object" && error !== null && "data" in error ? error.data : undefined;
  if (typeof data !== "object" || data === null || !("code" in data) || typeof data.code !== "string" || !(data.code in consoleErrors)) return unreachable;
  const { code, message, fields, requestId } = data as Partial<Problem> & { code: ConsoleErrorCode };
  return { code, message: message ?? consoleErrors[code].sentence, fields: fields ?? [], requestId: requestId ?? "" };
}
