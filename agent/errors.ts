/** The agent's one error type: a stable code, what happened, and the step of the connection that was reached (S0-22). */
import { type AgentErrorCode, agentErrors } from "../contract/error-codes.ts";

export class AgentError extends Error {
  readonly code: AgentErrorCode;

  /** `detail` names the values; the code's own sentence and cure are added for people. */
  constructor(code: AgentErrorCode, detail: string, cause?: unknown) {
    super(detail, cause === undefined ? undefined : { cause });
    this.name = "AgentError";
    this.code = code;
  }

  /** Three sentences: what, the values, what to do. */
  get explanation(): string {
    return `${agentErrors[this.code].sentence} ${this.message} ${agentErrors[this.code].cure}`;
  }
}

/** Any failure as an AgentError; `code` is used for those that are not one yet. */
export function asAgentError(error: unknown, code: AgentErrorCode): AgentError {
  if (error instanceof AgentError) return error;
  return new AgentError(code, error instanceof Error ? error.message : String(error), error);
}
