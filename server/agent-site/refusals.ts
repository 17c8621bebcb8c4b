/** Writes the agent site's refusals to the ledger (N1). Equal refusals of one source within a second become one row with a count; the rate is bounded. */
import { randomUUID } from "node:crypto";
import { refusals } from "../../contract/error-codes.ts";
import type { Db } from "../db.ts";
import { errorFields, log } from "../log.ts";
import { type AgentSiteRefusal, recordRefusals, type RefusalRow } from "../services/refusal/record.ts";

const flushEveryMs = 1_000;
/** Distinct refusals held until the next flush; beyond it they are counted in the log only. */
const heldMax = 500;

export class RefusalLedger {
  readonly #db: Db;
  readonly #held = new Map<string, RefusalRow>();
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(db: Db) {
    this.#db = db;
  }

  /** Takes one refusal; it is in the ledger within a second or so. */
  add(refusal: AgentSiteRefusal): void {
    log.warn({ code: refusal.code, detail: refusal.detail, source: refusal.source, connectionId: refusal.connectionId, agentId: refusal.agentId, target: refusal.target }, `the agent site refused a request: ${refusals[refusal.code].sentence}`);
    const key = [refusal.organisationId, refusal.code, refusal.source, refusal.agentId, refusal.certificate?.fingerprint].join(" ");
    const known = this.#held.get(key);
    if (known) known.count += 1;
    else if (this.#held.size >= heldMax) this.#dropped += 1;
    else this.#held.set(key, { ...refusal, id: randomUUID(), at: new Date(), count: 1 });
    this.#timer ??= setTimeout(() => void this.flush(), flushEveryMs).unref();
  }

  /** Writes what is held. Never throws: a ledger that cannot be written must not refuse anybody else. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const rows = [...this.#held.values()];
    this.#held.clear();
    if (this.#dropped > 0) log.warn({ dropped: this.#dropped }, "more refusals than the ledger takes in a second");
    this.#dropped = 0;
    if (rows.length === 0) return;
    try {
      await recordRefusals(this.#db, rows);
    } catch (error) {
      log.error(errorFields(error), "refusals could not be stored");
    }
  }
}
