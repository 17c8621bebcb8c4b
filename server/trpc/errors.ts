/** The one place where an error of a service becomes the answer of the tRPC door: code, sentence, fields and request id; never a stack, never the text of an unknown error. */
import { TRPCError } from "@trpc/server";
import { z } from "zod";
import { consoleErrors, type ConsoleErrorCode } from "../../contract/error-codes.ts";
import { ConsoleError, type FieldProblem, isDatabaseUnavailable } from "../errors.ts";

type TrpcCode = TRPCError["code"];

/** Which tRPC code carries which of ours; complete by type, so a new code does not compile until it has a line here. */
export const trpcCodes = {
  "input-invalid": "BAD_REQUEST",
  "not-signed-in": "UNAUTHORIZED",
  "not-allowed": "FORBIDDEN",
  "not-found": "NOT_FOUND",
  "name-taken": "CONFLICT",
  "in-use": "CONFLICT",
  "confirmation-missing": "CONFLICT",
  "changed-meanwhile": "CONFLICT",
  "management-server-in-internet-site": "CONFLICT",
  "policy-proxy-and-gateway": "CONFLICT",
  "policy-pin-missing": "CONFLICT",
  "round-robin-session-bound": "CONFLICT",
  "persistence-needs-http": "CONFLICT",
  "http-needs-decryption": "CONFLICT",
  "service-certificate-missing": "CONFLICT",
  "service-name-taken": "CONFLICT",
  "listener-taken": "CONFLICT",
  "decryption-before-tunnel": "CONFLICT",
  "last-owner": "CONFLICT",
  "token-refused": "FORBIDDEN",
  "csr-refused": "BAD_REQUEST",
  "key-reused": "CONFLICT",
  "certificate-key-mismatch": "BAD_REQUEST",
  "certificate-password": "BAD_REQUEST",
  "certificate-intermediate-missing": "BAD_REQUEST",
  "certificate-unreadable": "BAD_REQUEST",
  "certificate-not-usable": "BAD_REQUEST",
  "identity-refused": "FORBIDDEN",
  "snapshot-refused": "CONFLICT",
  "step-not-ready": "CONFLICT",
  "reach-not-allowed": "FORBIDDEN",
  "reach-approval-needed": "FORBIDDEN",
  "agent-name-unclear": "BAD_REQUEST",
  "agent-away": "CONFLICT",
  "inside-listener-missing": "CONFLICT",
  "relay-not-answering": "CONFLICT",
  "relay-key-taken": "CONFLICT",
  "task-not-allowed": "FORBIDDEN",
  "agent-keys-missing": "CONFLICT",
  "command-invalid": "BAD_REQUEST",
  "rate-limited": "TOO_MANY_REQUESTS",
  "too-large": "PAYLOAD_TOO_LARGE",
  "database-unavailable": "SERVICE_UNAVAILABLE",
  "internal": "INTERNAL_SERVER_ERROR",
} as const satisfies Record<ConsoleErrorCode, TrpcCode>;

/** Errors that tRPC itself raises, such as an unknown procedure, in our words. */
const ownWords: Partial<Record<TrpcCode, { code: ConsoleErrorCode; message: string }>> = {
  NOT_FOUND: { code: "not-found", message: "There is no such procedure." },
  METHOD_NOT_SUPPORTED: { code: "input-invalid", message: "Wrong HTTP method: queries are read with GET, mutations are sent with POST." },
  PARSE_ERROR: { code: "input-invalid", message: "The body is not JSON." },
  BAD_REQUEST: { code: "input-invalid", message: "The request does not fit." },
  UNSUPPORTED_MEDIA_TYPE: { code: "input-invalid", message: "The body must be application/json." },
  PAYLOAD_TOO_LARGE: { code: "too-large", message: consoleErrors["too-large"].sentence },
};

/** Reads any thrown value as a ConsoleError. Unknown ones become `internal` and keep the original as cause for the log. */
export function toConsoleError(error: unknown): ConsoleError {
  if (error instanceof ConsoleError) return error;
  if (error instanceof TRPCError) return fromTrpcError(error);
  if (isDatabaseUnavailable(error)) return new ConsoleError("database-unavailable", undefined, { cause: error });
  return new ConsoleError("internal", undefined, { cause: error });
}

/** The same as a TRPCError, whose cause is the ConsoleError. */
export function toTrpcError(error: unknown): TRPCError {
  const known = toConsoleError(error);
  return new TRPCError({ code: trpcCodes[known.code], message: known.message, cause: known });
}

function fromTrpcError(error: TRPCError): ConsoleError {
  const { cause } = error;
  if (cause instanceof ConsoleError) return cause;
  if (cause instanceof z.core.$ZodError && error.code === "BAD_REQUEST") return inputInvalid(cause);
  const own = ownWords[error.code];
  if (own) return new ConsoleError(own.code, own.message, { cause: error });
  return toConsoleError(cause ?? new Error(error.message));
}

function inputInvalid(error: z.core.$ZodError): ConsoleError {
  const fields: FieldProblem[] = error.issues.slice(0, 50).map((issue) => ({ path: issue.path.map(String).join("."), message: issue.message }));
  const [first] = fields;
  const sentence = first ? `${first.path === "" ? "The input" : first.path}: ${first.message}` : consoleErrors["input-invalid"].sentence;
  return new ConsoleError("input-invalid", sentence, { fields, cause: error });
}
