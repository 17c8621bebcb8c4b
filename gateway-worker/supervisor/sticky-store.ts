/**
 * Clients that are kept on a member where a table is needed (source address, duration, followed cookies): put together from all engines, told to the others,
 * and kept on disk, so that neither a reload nor a restart of an engine or the gateway moves a client (S3-34 to S3-43). Bounded; expired entries go.
 */
import path from "node:path";
import { z } from "zod";
import { stickyEntry, type StickyEntry } from "../engine-messages.ts";
import { readIfPresent, writeDurably } from "./durable-file.ts";

export const stickyFile = "sticky.json";
/** Entries kept over all services; beyond it those not renewed for longest go first. About 200 bytes each in memory. */
export const stickyMax = 100_000;
/** Shortest time between two writes, milliseconds. */
const writeEveryMs = 3_000;
/** The disk is left alone this many times as long as the last write took. */
const restAfterWrite = 10;
/** Entries per command to an engine; the bound of an engine's own report. */
const perCommand = 5_000;

const row = z.tuple([stickyEntry.shape.serviceId, stickyEntry.shape.key, z.uuid(), stickyEntry.shape.expiresAt]);
const stored = z.strictObject({ format: z.literal(1), entries: z.array(row).max(stickyMax) });
type Kept = { serviceId: string; key: string; memberId: string; expiresAt: number };

export class StickyStore {
  readonly #file: string;
  readonly #now: () => number;
  /** In the order of their last renewal. */
  readonly #entries = new Map<string, Kept>();
  #isDirty = false;
  #mayWriteAt = 0;
  #disk: Promise<void> = Promise.resolve();
  #isWriting = false;

  constructor(stateDir: string, now: () => number = Date.now) {
    this.#file = path.join(stateDir, stickyFile);
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Takes up what an earlier run kept. Returns a sentence when the file was damaged: those clients are scheduled anew. */
  async load(): Promise<string | undefined> {
    const text = await readIfPresent(this.#file);
    if (text === undefined) return undefined;
    try {
      for (const [serviceId, key, memberId, expiresAt] of stored.parse(JSON.parse(text)).entries) this.#put({ serviceId, key, memberId, expiresAt });
      this.#expire();
      return undefined;
    } catch {
      return `${this.#file} is damaged; clients that were kept on a member are scheduled anew`;
    }
  }

  /** Takes in what an engine learned. Where two engines chose differently the entry that lives longer wins, as in the engines themselves. */
  take(entries: readonly StickyEntry[]): void {
    for (const { serviceId, key, memberId, expiresAt } of entries) {
      this.#isDirty = true;
      const id = `${serviceId} ${key}`;
      const known = this.#entries.get(id);
      if (memberId === null) this.#entries.delete(id);
      else if (known?.memberId === memberId) this.#put({ ...known, expiresAt: Math.max(known.expiresAt, expiresAt) });
      else if (!known || known.expiresAt < expiresAt || (known.expiresAt === expiresAt && known.memberId >= memberId)) this.#put({ serviceId, key, memberId, expiresAt });
    }
  }

  /** Forgets entries of services and members that are no longer there. */
  keepOnly(serviceIds: ReadonlySet<string>, memberIds: ReadonlySet<string>): void {
    for (const [id, entry] of this.#entries) {
      if (serviceIds.has(entry.serviceId) && memberIds.has(entry.memberId)) continue;
      this.#entries.delete(id);
      this.#isDirty = true;
    }
  }

  /** Everything that still holds, in pieces that fit one command. */
  pages(): StickyEntry[][] {
    this.#expire();
    const all = [...this.#entries.values()];
    return Array.from({ length: Math.ceil(all.length / perCommand) }, (_, index) => all.slice(index * perCommand, (index + 1) * perCommand));
  }

  /** Writes what changed, when it is time; call it every second. */
  async tick(): Promise<void> {
    if (this.#isDirty && !this.#isWriting && performance.now() >= this.#mayWriteAt) await this.save();
  }

  /** Writes what changed now. A full disk costs at most that clients are scheduled anew after a restart. */
  async save(): Promise<void> {
    this.#disk = this.#disk.then(async () => {
      if (!this.#isDirty) return;
      this.#isDirty = false;
      this.#isWriting = true;
      const startedAt = performance.now();
      this.#expire();
      const entries = [...this.#entries.values()].map(({ serviceId, key, memberId, expiresAt }) => [serviceId, key, memberId, expiresAt] as z.infer<typeof row>);
      await writeDurably(this.#file, `${JSON.stringify({ format: 1, entries } satisfies z.infer<typeof stored>)}\n`).catch(() => { this.#isDirty = true; });
      this.#mayWriteAt = performance.now() + Math.max(writeEveryMs, restAfterWrite * (performance.now() - startedAt));
      this.#isWriting = false;
    });
    await this.#disk;
  }

  #put(entry: Kept): void {
    const id = `${entry.serviceId} ${entry.key}`;
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    if (this.#entries.size <= stickyMax) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  #expire(): void {
    const now = this.#now();
    for (const [id, entry] of this.#entries) if (entry.expiresAt <= now) this.#entries.delete(id);
  }
}
