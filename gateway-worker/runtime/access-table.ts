/**
 * Who may connect, as an engine holds it: one entry per agent or bundle, changed by pages of the access stream (contract/access.ts),
 * with the live connections of each, so that revoking one ends its tunnels and touches nobody else's (T10).
 */
import type { AccessEntry, AccessPage } from "../../contract/access.ts";

/** A live connection, as far as access is concerned. */
export type AccessEnd = "agent-revoked" | "agent-not-approved" | "certificate-superseded" | "agent-unknown";
export type Admitted = { readonly fingerprint: string; readonly end: (reason: AccessEnd) => void };

type Slot<T extends Admitted> = { entry: AccessEntry | undefined; live: Set<T> | undefined };

export class AccessTable<T extends Admitted> {
  version = 0;
  #slots = new Map<string, Slot<T>>();
  /** A whole new table being received; in force at once when it is complete. */
  #next: Map<string, AccessEntry> | undefined;

  get(kind: "agent" | "bundle", id: string): AccessEntry | undefined {
    return this.#slots.get(`${kind}:${id}`)?.entry;
  }

  /** Remembers a connection until `leave`, so that a change of its entry can end it. */
  enter(kind: "agent" | "bundle", id: string, connection: T): void {
    const slot = this.#slots.get(`${kind}:${id}`);
    if (slot) (slot.live ??= new Set()).add(connection);
  }

  leave(kind: "agent" | "bundle", id: string, connection: T): void {
    const key = `${kind}:${id}`;
    const slot = this.#slots.get(key);
    if (!slot?.live) return;
    slot.live.delete(connection);
    if (slot.live.size > 0) return;
    slot.live = undefined;
    if (!slot.entry) this.#slots.delete(key);
  }

  /** Takes a page; returns how many connections it ended. See EngineCommand `access` for `isFull`. */
  take(page: AccessPage, isFull: boolean): number {
    if (isFull) this.#next = new Map();
    if (this.#next) return this.#takeWhole(page, this.#next);
    let ended = 0;
    for (const entry of page.entries) ended += this.#set(keyOf(entry), entry.status === "removed" ? undefined : entry);
    this.version = page.version;
    return ended;
  }

  #takeWhole(page: AccessPage, next: Map<string, AccessEntry>): number {
    for (const entry of page.entries) {
      if (entry.status === "removed") next.delete(keyOf(entry));
      else next.set(keyOf(entry), entry);
    }
    if (!page.complete) return 0;
    this.#next = undefined;
    let ended = 0;
    for (const key of [...this.#slots.keys()]) if (!next.has(key)) ended += this.#set(key, undefined);
    for (const [key, entry] of next) ended += this.#set(key, entry);
    this.version = page.version;
    return ended;
  }

  #set(key: string, entry: AccessEntry | undefined): number {
    const slot = this.#slots.get(key);
    if (!slot) {
      if (entry) this.#slots.set(key, { entry, live: undefined });
      return 0;
    }
    slot.entry = entry;
    if (!slot.live) {
      if (!entry) this.#slots.delete(key);
      return 0;
    }
    return endForbidden(slot.live, entry);
  }
}

function keyOf(entry: AccessEntry): string {
  return `${entry.kind}:${entry.id}`;
}

/** Ends the connections that the entry no longer covers. */
function endForbidden<T extends Admitted>(live: Set<T>, entry: AccessEntry | undefined): number {
  let ended = 0;
  for (const connection of [...live]) {
    const reason = whyForbidden(entry, connection.fingerprint);
    if (reason === undefined) continue;
    connection.end(reason);
    ended += 1;
  }
  return ended;
}

function whyForbidden(entry: AccessEntry | undefined, fingerprint: string): AccessEnd | undefined {
  if (!entry) return "agent-unknown";
  if (entry.status !== "active") return entry.status === "waiting" ? "agent-not-approved" : "agent-revoked";
  return entry.fingerprints.includes(fingerprint) ? undefined : "certificate-superseded";
}
