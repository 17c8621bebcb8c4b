/** Where stream engines hand plaintext HTTP to the HTTP engine: a Unix socket in a folder that only this user can enter. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

/** A socket's path must fit sockaddr_un (108 bytes with its end on Linux, 104 elsewhere). */
const pathBytesMax = 100;
const fileName = "engine.sock";

/** Makes the folder and returns the socket's path: below `stateDir` where that is short enough, so that nothing cleans it up under us, else in a fresh temporary folder. */
export function makeHttpSocketPath(stateDir: string | undefined): string {
  const wanted = stateDir === undefined ? undefined : path.join(stateDir, "http", fileName);
  if (wanted === undefined || Buffer.byteLength(wanted) > pathBytesMax) return temporaryPath();
  mkdirSync(path.dirname(wanted), { recursive: true, mode: 0o700 });
  chmodSync(path.dirname(wanted), 0o700);
  removeHttpSocket(wanted);
  return wanted;
}

function temporaryPath(): string {
  const made = path.join(mkdtempSync(path.join(os.tmpdir(), "sallyport-http-")), fileName);
  if (Buffer.byteLength(made) > pathBytesMax) throw new Error(`the path ${made} is too long for a Unix socket; use a shorter state directory or temporary folder`);
  return made;
}

/** A socket file that a dead engine left would make its successor's bind fail. */
export function removeHttpSocket(socketPath: string): void {
  rmSync(socketPath, { force: true });
}

/** Removes the socket and its folder. */
export function removeHttpSocketFolder(socketPath: string): void {
  rmSync(path.dirname(socketPath), { recursive: true, force: true });
}
