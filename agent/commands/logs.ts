/** `sallyport-agent logs`: the end of the log file, and on request what is added to it. */
import fs from "node:fs";
import type { AgentConfig } from "../config.ts";

const followEveryMs = 300;
/** Of the end of the file at most this much is read, bytes. */
const tailBytesMax = 4 * 1024 * 1024;

export async function showLogs(config: AgentConfig, options: { isFollowing: boolean; lines: number }): Promise<number> {
  if (!fs.existsSync(config.logFile)) {
    process.stderr.write(`There is no log yet at ${config.logFile}.\n`);
    if (!options.isFollowing) return 3;
  }
  let { text, end } = readFrom(config.logFile, Math.max(0, sizeOf(config.logFile) - tailBytesMax));
  const lines = text.split("\n");
  process.stdout.write(lines.slice(-options.lines - 1).join("\n"));
  while (options.isFollowing) {
    await new Promise((resolve) => setTimeout(resolve, followEveryMs));
    const size = sizeOf(config.logFile);
    if (size < end) end = 0; // rotated
    if (size === end) continue;
    ({ text, end } = readFrom(config.logFile, end));
    process.stdout.write(text);
  }
  return 0;
}

function readFrom(file: string, start: number): { text: string; end: number } {
  const size = sizeOf(file);
  if (size <= start) return { text: "", end: size };
  const descriptor = fs.openSync(file, "r");
  try {
    const buffer = Buffer.alloc(size - start);
    const read = fs.readSync(descriptor, buffer, 0, buffer.length, start);
    return { text: buffer.subarray(0, read).toString("utf8"), end: start + read };
  } finally {
    fs.closeSync(descriptor);
  }
}

function sizeOf(file: string): number {
  try {
    return fs.statSync(file).size;
  } catch {
    return 0;
  }
}
