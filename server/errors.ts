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
