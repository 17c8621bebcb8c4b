/** The tables of kept clients of all services, and what the other engines of the gateway do not know of them yet. */
import type { StickyEntry } from "../engine-messages.ts";
import { StickyTable } from "./sticky-table.ts";
import type { Sticky } from "./sticky-table.ts";

/** Entries per report (engine-messages.ts). */
const entriesPerReport = 5_000;
/** Entries that wait to be told; what comes while so many wait stays known to this engine alone. */
const waitingMax = 50_000;

/** How much later an expiry must be to be told, when nothing is known about an entry's whole life. */
const laterMs = 30_000;

type Waiting = { serviceId: string; key: string; isForgotten: boolean };

export class StickyShare {
  readonly #tables = new Map<string, StickyTable>();
  /** Entries to tell, in order of their change. */
  readonly #waiting = new Map<string, Waiting>();

  table(serviceId: string): StickyTable {
    const known = this.#tables.get(serviceId);
    if (known) return known;
    const table = new StickyTable();
    this.#tables.set(serviceId, table);
    return table;
  }

  /** A new entry, or another member for a known key. */
  keep(serviceId: string, key: string, { memberId, expiresAt }: Pick<Sticky, "memberId" | "expiresAt">): void {
    const known = this.table(serviceId).peek(key);
    if (known?.memberId === memberId) return this.extend(serviceId, key, { expiresAt, lifeMs: laterMs * 4 });
    this.table(serviceId).set(key, { memberId, expiresAt, toldExpiresAt: expiresAt, isProven: false });
    this.#tell(serviceId, key);
  }

  /** Later expiry. Told on only when others would be wrong by more than a quarter of the life, so that a busy client does not fill the reports. */
  extend(serviceId: string, key: string, { expiresAt, lifeMs }: { expiresAt: number; lifeMs: number }): void {
    const entry = this.table(serviceId).peek(key);
    if (!entry) return;
    entry.expiresAt = expiresAt;
    this.table(serviceId).set(key, entry);
    if (expiresAt - entry.toldExpiresAt <= lifeMs / 4) return;
    entry.toldExpiresAt = expiresAt;
    this.#tell(serviceId, key);
  }

  forget(serviceId: string, key: string): void {
    this.table(serviceId).delete(key);
    this.#tell(serviceId, key, true);
  }

  /** Of two engines that chose differently in the same moment, the later expiry wins in both; of equal ones, the lower member id. */
  learn({ serviceId, key, memberId, expiresAt }: StickyEntry): void {
    const table = this.table(serviceId);
    if (memberId === null) return table.delete(key);
    const known = table.peek(key);
    if (known && known.memberId !== memberId && (known.expiresAt > expiresAt || (known.expiresAt === expiresAt && known.memberId < memberId))) return this.#tell(serviceId, key);
    const latest = known?.memberId === memberId ? Math.max(known.expiresAt, expiresAt) : expiresAt;
    table.set(key, { memberId, expiresAt: latest, toldExpiresAt: latest, isProven: true });
  }

  /** The next entries to tell. One that only fell out of a full table is no news to others, who may have room for it. */
  take(): StickyEntry[] {
    const taken: StickyEntry[] = [];
    for (const [id, { serviceId, key, isForgotten }] of this.#waiting) {
      if (taken.length === entriesPerReport) break;
      this.#waiting.delete(id);
      const entry = this.#tables.get(serviceId)?.peek(key);
      if (entry) taken.push({ serviceId, key, memberId: entry.memberId, expiresAt: entry.expiresAt });
      else if (isForgotten) taken.push({ serviceId, key, memberId: null, expiresAt: 0 });
    }
    return taken;
  }

  /** Drops the tables of services that are gone. */
  keepOnly(services: ReadonlyMap<string, unknown>): void {
    for (const id of this.#tables.keys()) if (!services.has(id)) this.#tables.delete(id);
    for (const [id, { serviceId }] of this.#waiting) if (!services.has(serviceId)) this.#waiting.delete(id);
  }

  #tell(serviceId: string, key: string, isForgotten = false): void {
    const id = `${serviceId} ${key}`;
    if (this.#waiting.size < waitingMax || this.#waiting.has(id)) this.#waiting.set(id, { serviceId, key, isForgotten });
  }
}
