/** Writes what the console makes (a bundle, a gateway package) to a file: whole or not at all, readable by its owner only, since it carries a token. */
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Connection } from "../config.ts";
import { CliError, usage } from "../errors.ts";
import type { Shared } from "../generic.ts";
import { reach, readAnswer } from "../http.ts";
import { printJson } from "../output.ts";

/** Longest a download may take, ms. */
const downloadMs = 10 * 60_000;

/** `output` is a file, a directory, or undefined for the console's own file name here. Existing files are kept unless `isForced`. */
export async function saveDownload(target: Connection, link: { url: string; fileName: string }, options: { output?: string | undefined; isForced: boolean }): Promise<{ file: string; bytes: number; sha256: string }> {
  const file = fileFor(link.fileName, options.output);
  if (fs.existsSync(file) && !options.isForced) throw usage(`${file} exists already; choose another name with -o, or add --force.`);
  const url = new URL(link.url, target.url);
  if (url.origin !== target.url) throw new CliError(`The console named a download at another address (${url.origin}); it was not followed.`, { code: "foreign-download" });
  const response = await reach(url, { headers: { authorization: `Bearer ${target.apiKey}` } }, downloadMs);
  if (!response.ok || !response.body) {
    await readAnswer(response);
    throw new CliError(`The console answered ${response.status} without a file.`, { code: "no-file" });
  }
  const draft = `${file}.part-${process.pid}`;
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    const body = Readable.fromWeb(response.body as import("node:stream/web").ReadableStream);
    body.on("data", (chunk: Buffer) => {
      hash.update(chunk);
      bytes += chunk.length;
    });
    await pipeline(body, fs.createWriteStream(draft, { mode: 0o600, flags: "wx" }));
    fs.renameSync(draft, file);
  } catch (cause) {
    fs.rmSync(draft, { force: true });
    throw new CliError(`The download of ${link.fileName} broke off: ${cause instanceof Error ? cause.message : String(cause)}. Run the command again.`, { code: "download-failed", cause });
  }
  return { file, bytes, sha256: hash.digest("hex") };
}

export function reportSaved(shared: Shared, saved: { file: string; bytes: number; sha256: string }, extra: Record<string, unknown>, next: string): void {
  if (shared.isJson()) return printJson(shared.screen, { ...saved, ...extra });
  shared.screen.out(`Saved ${saved.file} (${(saved.bytes / 1024 / 1024).toFixed(1)} MiB)\nSHA-256 ${saved.sha256}\n${next}`);
}

function fileFor(fileName: string, output: string | undefined): string {
  const safe = path.basename(fileName).replace(/[^\w.-]/g, "_") || "download";
  if (output === undefined) return path.resolve(safe);
  const isDirectory = fs.existsSync(output) && fs.statSync(output).isDirectory();
  return isDirectory ? path.resolve(output, safe) : path.resolve(output);
}
