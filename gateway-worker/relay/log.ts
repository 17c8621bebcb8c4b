/** The relay's log: one JSON object a line on standard output. A reader that does not read loses lines rather than holding the relay (T38). */

type Level = "debug" | "info" | "warn" | "error";
type Fields = Record<string, string | number | boolean | null>;

const rank: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };
/** Unwritten log bytes kept for a slow reader. */
const unwrittenMax = 1024 * 1024;

export class RelayLog {
  readonly #least: number;

  constructor(level: Level) {
    this.#least = rank[level];
    process.stdout.on("error", () => {}); // nobody reads any more: there is nowhere left to say it
  }

  debug(message: string, fields: Fields = {}): void {
    this.#write("debug", message, fields);
  }
  info(message: string, fields: Fields = {}): void {
    this.#write("info", message, fields);
  }
  warn(message: string, fields: Fields = {}): void {
    this.#write("warn", message, fields);
  }
  error(message: string, fields: Fields = {}): void {
    this.#write("error", message, fields);
  }

  #write(level: Level, message: string, fields: Fields): void {
    if (rank[level] < this.#least || process.stdout.writableLength > unwrittenMax) return;
    process.stdout.write(`${JSON.stringify({ level, time: new Date().toISOString(), ...fields, msg: message.slice(0, 2_000) })}\n`);
  }
}
