/** The console's one error type: a stable code, a sentence for the person, the fields it concerns, and the cause for the log. */
import { consoleErrors, type ConsoleErrorCode } from "../contract/error-codes.ts";

export type FieldProblem = { path: string; message: string };

export class ConsoleError extends Error {
  readonly code: ConsoleErrorCode;
  readonly fields: readonly FieldProblem[];

  /** `message` names the value, the expectation and the next step; it is shown as it is and must hold no secret. */
  constructor(code: ConsoleErrorCode, message?: string, options: { fields?: FieldProblem[]; cause?: unknown } = {}) {
    super(message ?? consoleErrors[code].sentence, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ConsoleError";
    this.code = code;
    this.fields = options.fields ?? [];
  }

  get status(): number {
    return consoleErrors[this.code].status;
  }
}

/** The one answer for a missing row and for a row of another organisation: the caller may not learn which (T33). */
export function notFound(kind: string, id: string): ConsoleError {
  return new ConsoleError("not-found", `There is no ${kind} with the id ${id} in this organisation.`);
}

const databaseCodes = /^(P1000|P1001|P1002|P1003|P1008|P1010|P1011|P1017|P2024|P2028|57P01|57P02|57P03|53300|ECONNREFUSED|ECONNRESET|ENOTFOUND|EPIPE|ETIMEDOUT|DatabaseNotReachable|ConnectionClosed|SocketTimeout|TooManyConnections)$/;
const databaseText = /can't reach database server|connection terminated|server has closed the connection|query read timeout|timeout exceeded when trying to connect|the database system is (starting up|shutting down|in recovery mode)/i;

/** True when an error (or a cause of it) says that PostgreSQL did not answer; told by code and text, so that no door needs the database's library. */
export function isDatabaseUnavailable(error: unknown): boolean {
  let current: unknown = error;
  for (let depth = 0; depth < 8 && typeof current === "object" && current !== null; depth += 1) {
    const { code, kind, name, message, cause, meta } = current as Record<string, unknown>;
    if ([code, kind, name].some((text) => typeof text === "string" && databaseCodes.test(text))) return true;
    if (typeof message === "string" && databaseText.test(message)) return true;
    current = cause ?? (meta as Record<string, unknown> | undefined)?.["driverAdapterError"];
  }
  return false;
}
