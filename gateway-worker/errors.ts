/** The supervisor's one error type: a stable code, a sentence for the person who runs the gateway, and the cause for the log. */

export type GatewayErrorCode =
  | "config"
  | "token"
  | "not-enrolled"
  | "state-damaged"
  | "console-unreachable"
  | "console-untrusted"
  | "console-refused"
  | "console-protocol"
  | "timeout"
  | "certificate";

export class GatewayError extends Error {
  readonly code: GatewayErrorCode;

  /** `message` names the value, the expectation and the next step; it is logged as it is and must hold no secret. */
  constructor(code: GatewayErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "GatewayError";
    this.code = code;
  }
}

/** One line with the messages of the whole cause chain, for the log. */
export function explain(error: unknown): string {
  const parts: string[] = [];
  for (let current: unknown = error; current !== undefined && parts.length < 5; current = current instanceof Error ? current.cause : undefined) {
    parts.push(current instanceof Error ? current.message || current.name : typeof current === "string" ? current : JSON.stringify(current));
  }
  return [...new Set(parts)].join(" <- ");
}

const unreachable: Record<string, string> = {
  ECONNREFUSED: "nothing listens there; check that the console runs and that its control port is right",
  ENOTFOUND: "the name does not resolve; check this machine's DNS",
  EAI_AGAIN: "the name does not resolve just now; check this machine's DNS",
  EHOSTUNREACH: "there is no route to it; check the network",
  ENETUNREACH: "there is no route to it; check the network",
  ETIMEDOUT: "it does not answer; check the firewall rule from this machine to the console's control port",
};

const untrusted: Record<string, string> = {
  CERT_HAS_EXPIRED: "its certificate has expired by this machine's clock; compare the clocks of gateway and console",
  CERT_NOT_YET_VALID: "its certificate is not valid yet by this machine's clock; compare the clocks of gateway and console",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate does not come from the organisation's CA; something else answers at this address",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate does not come from the organisation's CA; something else answers at this address",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate does not come from the organisation's CA; something else answers at this address",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate does not come from the organisation's CA; something else answers at this address",
  UNABLE_TO_GET_ISSUER_CERT: "its certificate does not come from the organisation's CA; something else answers at this address",
  CERT_SIGNATURE_FAILURE: "its certificate does not come from the organisation's CA; something else answers at this address",
};

/** Names why a connection to the console at `where` failed. TLS verdicts also say this machine's time, because a wrong clock looks like a bad certificate (T17). */
export function classifyConsoleFailure(where: string, error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const trust = untrusted[code];
  if (trust) return new GatewayError("console-untrusted", `The console at ${where} is not trusted: ${trust} (this machine says ${new Date().toISOString()}).`, error);
  const network = unreachable[code];
  return new GatewayError("console-unreachable", `The console at ${where} cannot be reached: ${network ?? explain(error)}.`, error);
}
