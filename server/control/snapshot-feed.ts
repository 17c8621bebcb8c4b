/** Snapshots of one organisation's gateways, built together: a setting that concerns twenty gateways costs the queries of one. */
import type { Snapshot } from "../../contract/snapshot.ts";
import type { Db } from "../db.ts";
import { buildSnapshots } from "../services/snapshot/build.ts";

type Built = Map<string, Snapshot | Error>;

export class SnapshotFeed {
  readonly #db: Db;
  readonly #organisationId: string;
  #wanted = new Set<string>();
  #next: Promise<Built> | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(db: Db, organisationId: string) {
    this.#db = db;
    this.#organisationId = organisationId;
  }

  /** The gateway's snapshot, read after this call; null when it is gone. Calls of the same moment, or during a running build, share the next one. */
  async build(gatewayId: string): Promise<Snapshot | null> {
    this.#wanted.add(gatewayId);
    this.#next ??= this.#schedule();
    const built = (await this.#next).get(gatewayId);
    if (built instanceof Error) throw built;
    return built ?? null;
  }

  #schedule(): Promise<Built> {
    const built = this.#running.then(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      const wanted = [...this.#wanted];
      this.#wanted = new Set();
      this.#next = undefined;
      return await buildSnapshots(this.#db, this.#organisationId, wanted);
    });
    this.#running = built.catch(() => undefined); // those who wait have the rejection; the next build goes on
    return built;
  }
}
