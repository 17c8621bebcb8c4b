/** What asks this process to stop: a signal, or the end of the launcher that started it (its IPC channel or our standard input closes). */
import fs from "node:fs";
import { env } from "./env.ts";

export function onStopRequest(stop: (reason: string) => void): void {
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  if (!isUnderLauncher()) return;
  process.on("disconnect", () => stop("the launcher has gone"));
  if (!isPipe(0)) return; // a terminal or /dev/null says nothing about who started us
  process.stdin.on("end", () => stop("the launcher has gone"));
  process.stdin.on("error", () => stop("the launcher has gone"));
  process.stdin.resume().unref?.();
}

function isUnderLauncher(): boolean {
  try {
    return env().SALLYPORT_LAUNCHER;
  } catch {
    return false; // the environment does not parse; start says so and ends the process
  }
}

function isPipe(descriptor: number): boolean {
  try {
    const kind = fs.fstatSync(descriptor);
    return kind.isFIFO() || kind.isSocket();
  } catch {
    return false; // closed
  }
}
