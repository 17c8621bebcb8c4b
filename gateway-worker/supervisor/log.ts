/** The supervisor's log: one JSON object a line on standard output; a blocked reader never blocks the gateway (T38). Lines of warn and above also go to the reporter. */
import pino from "pino";
import type { LogLine } from "../../contract/control.ts";

type Fields = LogLine["fields"];

/** Unwritten log bytes kept for a reader that does not read; what is more is dropped. */
const unwrittenMax = 1024 * 1024;

export class GatewayLog {
  readonly #pino: pino.Logger;
  readonly #destination: ReturnType<typeof pino.destination>;
  #listener: ((line: LogLine) => void) | undefined;

  constructor(level: LogLine["level"]) {
    this.#destination = pino.destination({ fd: 1, sync: false, minLength: 0, maxLength: unwrittenMax });
    this.#destination.on("error", () => {}); // nobody reads any more: there is nowhere left to say it
    this.#pino = pino({ base: null, level, timestamp: pino.stdTimeFunctions.isoTime, redact: ["secret", "token", "keyPem"] }, this.#destination);
  }

  /** Every line from now on is also given to `listener`. */
  listen(listener: (line: LogLine) => void): void {
    this.#listener = listener;
  }

  debug(message: string, fields: Fields = {}): void {
    this.write({ at: new Date().toISOString(), level: "debug", message, fields });
  }

  info(message: string, fields: Fields = {}): void {
    this.write({ at: new Date().toISOString(), level: "info", message, fields });
  }

  warn(message: string, fields: Fields = {}): void {
    this.write({ at: new Date().toISOString(), level: "warn", message, fields });
  }

  error(message: string, fields: Fields = {}): void {
    this.write({ at: new Date().toISOString(), level: "error", message, fields });
  }

  /** A line that an engine made, with its own time. */
  write(line: LogLine): void {
    const bounded = { ...line, message: line.message.slice(0, 2_000) };
    this.#pino[bounded.level]({ ...bounded.fields }, bounded.message);
    this.#listener?.(bounded);
  }

  /** Writes out what is buffered, as far as the reader takes it. */
  flush(): void {
    try {
      this.#destination.flushSync();
    } catch {
      // The reader is gone or its pipe is full; the process ends anyway.
    }
  }
}
