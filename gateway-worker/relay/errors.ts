/** The relay's one error type: a stable code, a sentence for the person who runs it, and the cause for the log. */

export type RelayErrorCode =
  | "config"
  /** The settings file is missing or does not fit. */
  | "settings"
  /** The key file is damaged, readable by others, or cannot be written. */
  | "key"
  /** The port cannot be bound. */
  | "listen"
  /** No TCP connection to the upstream. */
  | "upstream-unreachable"
  /** The upstream's TLS failed or its certificate is not the expected one. */
  | "upstream-untrusted"
  /** The upstream answered with a refusal, or not in our protocol. */
  | "upstream-refused";

export class RelayError extends Error {
  readonly code: RelayErrorCode;

  /** `message` names the value, the expectation and the next step; it is logged as it is and holds no secret. */
  constructor(code: RelayErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "RelayError";
    this.code = code;
  }
}
