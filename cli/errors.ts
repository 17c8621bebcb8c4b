/** What ends a command: a sentence and an exit code. 1: it was refused or failed; 2: the command line does not fit; 255: what ssh takes for a failed connection. */
export type ExitCode = 1 | 2 | 255;

export class CliError extends Error {
  readonly exitCode: ExitCode;
  readonly code: string;
  readonly details: readonly string[];
  /** Of the console's answer. */
  readonly fields: readonly { path: string; message: string }[];

  /** `details` are further lines for people; `code` is the console's error code, or one of the CLI's own. */
  constructor(message: string, options: { exitCode?: ExitCode; code?: string; details?: readonly string[]; fields?: readonly { path: string; message: string }[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "CliError";
    this.exitCode = options.exitCode ?? 1;
    this.code = options.code ?? "failed";
    this.details = options.details ?? [];
    this.fields = options.fields ?? [];
  }
}

export function usage(message: string, details: readonly string[] = []): CliError {
  return new CliError(message, { exitCode: 2, code: "usage", details });
}
