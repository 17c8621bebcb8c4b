/**
 * Fail-over (S3-64): everything to one member, another only when it cannot. With `failsBack` that one is the first of the list;
 * without, the one in use until it fails, which the supervisor names to all engines and this engine remembers until it did.
 */
import type { SnapshotPool } from "../../contract/pool.ts";
import type { LiveMember } from "./live-member.ts";
import type { Choice, Scheduler } from "./scheduler.ts";

export class FailOver implements Scheduler {
  readonly #pool: Pick<SnapshotPool, "id" | "failsBack">;
  readonly #actives: Map<string, string>;

  constructor(pool: Pick<SnapshotPool, "id" | "failsBack">, actives: Map<string, string>) {
    this.#pool = pool;
    this.#actives = actives;
  }

  choose({ working, free }: Choice): LiveMember {
    const active = this.#pool.failsBack ? working[0] : this.#activeOf(working);
    // Full, or just failed this client: the next in order takes the overflow without becoming the active one.
    return active !== undefined && free.includes(active) ? active : free[0];
  }

  #activeOf(working: readonly LiveMember[]): LiveMember | undefined {
    const known = this.#actives.get(this.#pool.id);
    const active = working.find(({ member }) => member.id === known) ?? working[0];
    if (active !== undefined && active.member.id !== known) this.#actives.set(this.#pool.id, active.member.id);
    return active;
  }
}
