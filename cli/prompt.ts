/** Questions to the person at the terminal, and secrets from standard input. Nothing secret is echoed or taken from the command line. */
import fs from "node:fs";
import readline from "node:readline/promises";
import { Writable } from "node:stream";
import { usage } from "./errors.ts";

export function isInteractive(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** Asks on the error stream, so that standard output stays clean. `missing` is the sentence when nobody is there to answer. */
export async function ask(question: string, missing: string): Promise<string> {
  if (!isInteractive()) throw usage(missing);
  const prompt = readline.createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await prompt.question(question)).trim();
  } finally {
    prompt.close();
  }
}

/** The same without echo. */
export async function askSecret(question: string, missing: string): Promise<string> {
  if (!isInteractive()) throw usage(missing);
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = readline.createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await prompt.question("");
  } finally {
    prompt.close();
    process.stderr.write("\n");
  }
}

/** First line of standard input, or of a file; at most 64 KiB. */
export async function firstLine(source: "stdin" | string): Promise<string> {
  const text = source === "stdin" ? await readStdin() : readSmallFile(source);
  return text.split(/\r?\n/, 1)[0]?.trim() ?? "";
}

export async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    const bytes = Buffer.from(chunk as Uint8Array);
    size += bytes.length;
    if (size > 4 * 1024 * 1024) throw usage("Standard input is larger than 4 MiB.");
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

export function readSmallFile(file: string): string {
  try {
    if (fs.statSync(file).size > 4 * 1024 * 1024) throw usage(`${file} is larger than 4 MiB.`);
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") throw usage(`There is no file ${file}.`);
    if (code === "EISDIR") throw usage(`${file} is a folder; give a file in it.`);
    if (code === "EACCES") throw usage(`You may not read ${file}.`);
    throw error;
  }
}
