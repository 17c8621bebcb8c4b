/**
 * The access stream of one organisation for all of its connected gateways: one change costs one query, whatever their number. Recent pages are kept by the cursor
 * they continue; a gateway that is further behind gets its pages from the database.
 */
import type { AccessPage } from "../../contract/access.ts";
import type { Db } from "../db.ts";
import { readAccessPage } from "../services/access/read-page.ts";

/** Recent pages kept. A page of one entry is some 300 bytes. */
const recentMax = 256;

export class AccessFeed {
  /** Version up to which everything was read; undefined before the first read. */
  head: number | undefined;
  readonly #db: Db;
  readonly #organisationId: string;
  /** Page by the cursor it continues; oldest first. */
  readonly #recent = new Map<number, AccessPage>();
  readonly #reading = new Map<number, Promise<AccessPage>>();
  #refreshing: Promise<boolean> | undefined;
  #isRefreshWanted = false;

  constructor(db: Db, organisationId: string) {
    this.#db = db;
    this.#organisationId = organisationId;
  }

  /** Reads what is new since the head; true when there was something. Calls during a read lead to one more read, not to many. */
  async refresh(): Promise<boolean> {
    if (this.#refreshing) {
      this.#isRefreshWanted = true;
      return await this.#refreshing;
    }
    this.#refreshing = this.#readNew();
    try {
      return await this.#refreshing;
    } finally {
      this.#refreshing = undefined;
    }
  }

  /** The page that continues `after`. */
  async read(after: number): Promise<AccessPage> {
    const recent = this.#recent.get(after);
    if (recent) return recent;
    const running = this.#reading.get(after);
    if (running) return await running;
    const reading = this.#query(after);
    this.#reading.set(after, reading);
    try {
      return await reading;
    } finally {
      this.#reading.delete(after);
    }
  }

  async #readNew(): Promise<boolean> {
    let isNew = false;
    do {
      this.#isRefreshWanted = false;
      const after = this.head;
      if (after === undefined) return isNew;
      const page = await this.#query(after);
      if (page.version > after) {
        this.#keep(after, page);
        this.head = page.version;
        isNew = true;
      }
      this.#isRefreshWanted ||= !page.complete;
    } while (this.#isRefreshWanted);
    return isNew;
  }

  #keep(after: number, page: AccessPage): void {
    this.#recent.set(after, page);
    if (page.entries.length > 500) this.#recent.clear(); // large pages are cheap to read again and expensive to keep
    for (const oldest of this.#recent.keys()) {
      if (this.#recent.size <= recentMax) break;
      this.#recent.delete(oldest);
    }
  }

  async #query(after: number): Promise<AccessPage> {
    const page = await readAccessPage(this.#db, this.#organisationId, after);
    if (!page) throw new Error(`organisation ${this.#organisationId} is gone`);
    return page;
  }
}
