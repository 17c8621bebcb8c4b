/** Files that survive a crash: written beside, flushed, renamed over, directory flushed. Whoever reads finds the old content or the new, never a half. */
import fs from "node:fs";
import path from "node:path";
import { randomBytes } from "node:crypto";

/** Makes the directory with mode 0700 when it is missing. */
export function makePrivateDir(directory: string): void {
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
}

/** Replaces a file as a whole. `mode` 0600 unless it may be read by everybody. */
export function writeFileWhole(file: string, content: string | Uint8Array, mode = 0o600): void {
  const draft = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.${randomBytes(4).toString("hex")}`);
  const descriptor = fs.openSync(draft, "wx", mode);
  try {
    fs.writeFileSync(descriptor, content);
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
  fs.renameSync(draft, file);
  flushDir(path.dirname(file));
}

/** Moves a file over another; the move is on disk when this returns. */
export function renameWhole(from: string, to: string): void {
  fs.renameSync(from, to);
  flushDir(path.dirname(to));
}

export function removeFile(file: string): void {
  fs.rmSync(file, { force: true });
  flushDir(path.dirname(file));
}

/** The text of a file, or undefined when there is none. Other failures are thrown: an unreadable identity is no missing one. */
export function readTextFile(file: string): string | undefined {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function flushDir(directory: string): void {
  let descriptor: number | undefined;
  try {
    descriptor = fs.openSync(directory, "r");
    fs.fsyncSync(descriptor);
  } catch {
    // Some file systems cannot flush a directory; the rename is atomic all the same.
  } finally {
    if (descriptor !== undefined) fs.closeSync(descriptor);
  }
}
