/**
 * What an offline bundle may contain, judged from names, types and sizes alone, before any content is used (T23, H14). One bad entry refuses the whole bundle.
 * Reading never writes: contents are hashed, and the small ones kept in memory until the signature has been checked.
 */
import { createHash, type Hash } from "node:crypto";
import { AgentError } from "../errors.ts";

/** Content is kept of the few files that are read; the others are only hashed. */
export type Member = { bytes: number; sha256: string; content: Buffer | null };
export type Members = ReadonlyMap<string, Member>;

export const folderName = "sallyport-agent/";
export const membersMax = 64;
export const totalBytesMax = 400 * 1024 * 1024;
const fileBytesMax = 1024 * 1024;
const keptNames = new Set(["manifest.json", "manifest.sig", "signer.pem", "ca.pem", "bootstrap.pem", "bootstrap.key", "token", "policy.json"]);
/** The two files that are legitimately large. */
const largeBytesMax: Record<string, number> = { runtime: totalBytesMax, "agent.mjs": 16 * 1024 * 1024 };
const nameMax = 120;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

export function refuse(detail: string, cause?: unknown): AgentError {
  return new AgentError("bundle-refused", `${detail}.`, cause);
}

/** Collects members one after the other; every rule is checked the moment a header is known. */
export class MemberList {
  readonly #members = new Map<string, Member>();
  readonly #folded = new Set<string>();
  readonly #onContent: ((name: string, chunk: Buffer) => void) | undefined;
  #hasFolder: boolean | undefined;
  #total = 0;

  /** `onContent` gets every byte of every file that passed the rules so far; nothing may be believed of it before the list is checked. */
  constructor(options: { onContent?: (name: string, chunk: Buffer) => void } = {}) {
    this.#onContent = options.onContent;
  }

  /** Checks a regular file's name and size and opens it for content. Throws `bundle-refused`. */
  begin(rawName: string, bytes: number): MemberWriter {
    const name = this.#plainName(rawName);
    const folded = name.normalize("NFKC").toLowerCase();
    if (this.#folded.has(folded)) throw refuse(`It contains ${shown(name)} twice`);
    if (this.#folded.size >= membersMax) throw refuse(`It has more than ${membersMax} files`);
    const limit = Object.hasOwn(largeBytesMax, name) ? (largeBytesMax[name] ?? fileBytesMax) : fileBytesMax;
    if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > limit) throw refuse(`${shown(name)} has ${bytes} bytes, more than the ${limit} that it may have`);
    this.#total += bytes;
    if (this.#total > totalBytesMax) throw refuse(`It unpacks to more than ${totalBytesMax} bytes`);
    this.#folded.add(folded);
    return new MemberWriter({ name, bytes, isKept: keptNames.has(name), onContent: this.#onContent, onDone: (member) => this.#members.set(name, member) });
  }

  /** A folder entry: only the one top folder is one. */
  folder(rawName: string): void {
    if (rawName !== folderName || this.#hasFolder === false) throw refuse(`It contains the folder ${shown(rawName)}`);
    this.#hasFolder = true;
  }

  /** All members, once the archive has ended. */
  finish(): Members {
    if (!this.#members.has("manifest.json")) throw refuse("It has no manifest.json");
    if (this.#members.size !== this.#folded.size) throw refuse("It ends in the middle of a file");
    return this.#members;
  }

  /** Names stand either all in the one folder or all without; nothing is decoded, normalised or repaired. */
  #plainName(rawName: string): string {
    const isInFolder = rawName.startsWith(folderName);
    if (this.#hasFolder !== undefined && this.#hasFolder !== isInFolder) throw refuse(`The file ${shown(rawName)} stands outside the bundle's folder`);
    this.#hasFolder = isInFolder;
    const name = isInFolder ? rawName.slice(folderName.length) : rawName;
    if (name.length > nameMax || !namePattern.test(name) || Object.hasOwn(Object.prototype, name)) throw refuse(`It contains a file with the name ${shown(rawName)}`);
    return name;
  }
}

/** Takes one member's content; more or fewer bytes than announced refuse the bundle. */
export class MemberWriter {
  readonly name: string;
  readonly #bytes: number;
  readonly #isKept: boolean;
  readonly #onDone: (member: Member) => void;
  readonly #onContent: ((name: string, chunk: Buffer) => void) | undefined;
  readonly #hash: Hash = createHash("sha256");
  #parts: Buffer[] = [];
  #seen = 0;

  constructor(file: { name: string; bytes: number; isKept: boolean; onContent: ((name: string, chunk: Buffer) => void) | undefined; onDone: (member: Member) => void }) {
    this.name = file.name;
    this.#bytes = file.bytes;
    this.#isKept = file.isKept;
    this.#onContent = file.onContent;
    this.#onDone = file.onDone;
  }

  get missing(): number {
    return this.#bytes - this.#seen;
  }

  write(chunk: Buffer): void {
    this.#seen += chunk.length;
    if (this.#seen > this.#bytes) throw refuse(`${shown(this.name)} is larger than announced`);
    this.#hash.update(chunk);
    this.#onContent?.(this.name, chunk);
    if (this.#isKept) this.#parts.push(Buffer.from(chunk));
  }

  end(): void {
    if (this.missing !== 0) throw refuse(`${shown(this.name)} is shorter than announced`);
    this.#onDone({ bytes: this.#seen, sha256: this.#hash.digest("hex"), content: this.#isKept ? Buffer.concat(this.#parts) : null });
    this.#parts = [];
  }
}

/** A name in a message: printable and short, whatever it holds. */
export function shown(name: string): string {
  return JSON.stringify(name.slice(0, 60)).replace(/[^\x20-\x7e]/g, "?");
}
