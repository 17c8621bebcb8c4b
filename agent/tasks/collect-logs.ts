/** Sends the last lines of the agent's own log, with those of its older files where the present one has too few. */
import fs from "node:fs";
import type { TaskContext, TaskEnd } from "./task.ts";

/** Bytes in all; the newest are kept. */
const bytesMax = 3_500_000;
const oldFilesMax = 5;
const chunkChars = 30_000;

export async function collectLogs(lines: number, context: TaskContext): Promise<TaskEnd> {
  const { text, isCut } = lastLines(context.work.config.logFile, lines);
  for (let at = 0; at < text.length && !context.signal.aborted; at += chunkChars) {
    await context.room();
    context.output(text.slice(at, at + chunkChars));
  }
  context.signal.throwIfAborted();
  const count = text === "" ? 0 : text.split("\n").length - 1;
  return { state: "done", message: `${count} lines of the log.`, isOutputCut: isCut };
}

/** Reads from the newest file back until there are enough lines or bytes. */
function lastLines(logFile: string, wanted: number): { text: string; isCut: boolean } {
  const files = [logFile, ...Array.from({ length: oldFilesMax }, (_, index) => `${logFile}.${index + 1}`)];
  let collected: string[] = [];
  let bytes = 0;
  for (const file of files) {
    const tail = readTail(file, bytesMax - bytes);
    if (tail === undefined) break;
    bytes += tail.bytes;
    collected = [...tail.lines, ...collected];
    if (collected.length >= wanted || bytes >= bytesMax) break;
  }
  const kept = collected.slice(-wanted);
  return { text: kept.map((line) => `${line}\n`).join(""), isCut: kept.length < wanted && bytes >= bytesMax };
}

/** Whole lines from the end of a file, at most `max` bytes; undefined when there is no such file. */
function readTail(file: string, max: number): { lines: string[]; bytes: number } | undefined {
  let descriptor: number;
  try {
    descriptor = fs.openSync(file, "r");
  } catch {
    return undefined;
  }
  try {
    const { size } = fs.fstatSync(descriptor);
    const buffer = Buffer.alloc(Math.min(size, max));
    const read = fs.readSync(descriptor, buffer, 0, buffer.length, size - buffer.length);
    const lines = buffer.subarray(0, read).toString("utf8").split("\n");
    if (buffer.length < size) lines.shift(); // its beginning is missing
    if (lines.at(-1) === "") lines.pop();
    return { lines, bytes: read };
  } finally {
    fs.closeSync(descriptor);
  }
}
