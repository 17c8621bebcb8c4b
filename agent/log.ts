/**
 * The agent's log: one line per event at a documented place (S1-66), `time level sentence key=value …`, rotated at 10 MB, five old files kept. Lines that
 * concern a connection carry `connection=`, the id that the gateway logs too (S1-65).
 */
import fs from "node:fs";
import path from "node:path";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Record<string, string | number | boolean | null | undefined>;

/** Size at which a log file is put aside, bytes, and how many old ones are kept. */
const fileBytesMax = 10 * 1024 * 1024;
const oldFilesMax = 5;
/** Lines waiting to be sent to the console; the oldest go first. */
const unsentMax = 2_000;
const lineMax = 4_000;

export class AgentLog {
  readonly #file: string | null;
  #echo: boolean;
  #bytes = 0;
  #unsent: string[] = [];

  /** `file` null: memory only. `echo`: lines go to standard output as well. */
  constructor(file: string | null, options: { echo?: boolean } = {}) {
    this.#file = file;
    this.#echo = options.echo ?? false;
    // Whoever read our output is gone. Saying so there would fail again, and again: the file goes on alone.
    if (this.#echo) process.stdout.on("error", () => (this.#echo = false));
    if (file === null) return;
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    this.#bytes = sizeOf(file);
  }

  debug(sentence: string, fields: LogFields = {}): void {
    this.#write("debug", sentence, fields);
  }

  info(sentence: string, fields: LogFields = {}): void {
    this.#write("info", sentence, fields);
  }

  warn(sentence: string, fields: LogFields = {}): void {
    this.#write("warn", sentence, fields);
  }

  error(sentence: string, fields: LogFields = {}): void {
    this.#write("error", sentence, fields);
  }

  /** Takes the lines that were not sent to the console yet; give them back with `untake` when sending failed. */
  take(max: number): string[] {
    return this.#unsent.splice(0, max);
  }

  untake(lines: readonly string[]): void {
    this.#unsent = [...lines, ...this.#unsent].slice(-unsentMax);
  }

  #write(level: LogLevel, sentence: string, fields: LogFields): void {
    const line = formatLine(new Date(), level, sentence, fields);
    if (level !== "debug") {
      this.#unsent.push(line);
      if (this.#unsent.length > unsentMax) this.#unsent.shift();
    }
    if (this.#echo) process.stdout.write(`${line}\n`);
    if (this.#file !== null) this.#append(this.#file, `${line}\n`);
  }

  /** A full disk or a read-only directory must not stop the agent: the line is then only in memory. */
  #append(file: string, text: string): void {
    try {
      if (this.#bytes + text.length > fileBytesMax) this.#rotate(file);
      fs.appendFileSync(file, text, { mode: 0o600 });
      this.#bytes += Buffer.byteLength(text);
    } catch {
      this.#bytes = 0;
    }
  }

  #rotate(file: string): void {
    for (let index = oldFilesMax - 1; index >= 1; index -= 1) {
      if (fs.existsSync(`${file}.${index}`)) fs.renameSync(`${file}.${index}`, `${file}.${index + 1}`);
    }
    if (fs.existsSync(file)) fs.renameSync(file, `${file}.1`);
    this.#bytes = 0;
  }
}

/** One line without line breaks or control characters, whatever the values hold. */
export function formatLine(at: Date, level: LogLevel, sentence: string, fields: LogFields): string {
  const pairs = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null).map(([key, value]) => `${key}=${quote(String(value))}`);
  return [at.toISOString(), level, sentence, ...pairs].join(" ").replace(/\p{Cc}/gu, " ").slice(0, lineMax);
}

function quote(value: string): string {
  return /^[A-Za-z0-9._:/@+[\]-]+$/.test(value) ? value : JSON.stringify(value);
}

function sizeOf(file: string): number {
  try {
    return fs.statSync(file).size;
  } catch {
    return 0;
  }
}
