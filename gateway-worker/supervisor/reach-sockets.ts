/** Where the supervisor asks each stream engine for streams to agents: one Unix socket per engine in a folder that only this user can enter. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

/** A socket's path must fit sockaddr_un (108 bytes with its end on Linux, 104 elsewhere). */
const pathBytesMax = 100;

export class ReachSockets {
  readonly #folder: string;
  readonly #count: number;

  /** Makes the folder: below `stateDir` where that is short enough, else a fresh temporary one. Throws when no path is short enough. */
  constructor(stateDir: string | undefined, count: number) {
    this.#count = count;
    const wanted = stateDir === undefined ? undefined : path.join(stateDir, "reach");
    this.#folder = wanted !== undefined && fits(wanted, count) ? privateFolder(wanted) : mkdtempSync(path.join(os.tmpdir(), "sallyport-reach-"));
    if (!fits(this.#folder, count)) throw new Error(`the path ${this.#folder} is too long for Unix sockets; use a shorter state directory or temporary folder`);
    for (let engine = 0; engine < count; engine += 1) this.clear(engine);
  }

  of(engine: number): string {
    return path.join(this.#folder, `${engine}.sock`);
  }

  /** A socket file that a dead engine left would make its successor's bind fail. */
  clear(engine: number): void {
    rmSync(this.of(engine), { force: true });
  }

  /** Removes the sockets, and the folder when nothing else is in it. */
  remove(): void {
    for (let engine = 0; engine < this.#count; engine += 1) this.clear(engine);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function fits(folder: string, count: number): boolean {
  return Buffer.byteLength(path.join(folder, `${count}.sock`)) <= pathBytesMax;
}

function privateFolder(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  return folder;
}
