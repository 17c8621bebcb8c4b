/** Which of the stored identities the running agent shows: an unproven one first, the proven one when the server refuses that (T19). */
import type { AgentLog } from "../log.ts";
import type { Trust } from "../path/route.ts";
import { pemList } from "./pem.ts";
import type { IdentityStore, Slot, StoredIdentity } from "./store.ts";

export class IdentityInUse {
  readonly #store: IdentityStore;
  readonly #log: AgentLog;
  #candidates: { slot: Slot; identity: StoredIdentity }[] = [];
  /** Which unproven identity is in use, so that a refused one is not taken again. */
  #takenAt: string | undefined;
  /** Which unproven identity the server refused in this run. */
  #refusedNextAt: string | undefined;

  constructor(store: IdentityStore, log: AgentLog) {
    this.#store = store;
    this.#log = log;
  }

  get identity(): StoredIdentity | undefined {
    return this.#candidates[0]?.identity;
  }

  get trust(): Omit<Trust, "relay"> {
    const { identity } = this;
    if (!identity) return { credentials: null, ca: [] };
    return { credentials: { chainPem: identity.chainPem, keyPem: identity.keyPem }, ca: pemList(identity.caPem) };
  }

  /** Reads what is on disk. */
  load(): void {
    this.#candidates = this.#store.candidates();
    this.#takenAt = this.#store.load("next")?.enrolledAt;
  }

  /** A new identity has come to disk since: true when it is the one in use from now on. The old one is kept until it has worked. */
  takeNew(): boolean {
    const next = this.#store.load("next");
    if (!next || next.enrolledAt === this.#takenAt) return false;
    this.load();
    return true;
  }

  /** The server refused this certificate. True when another one is in use now: the unproven identity was refused, and the proven one is still there (T19). */
  refused(code: string, chainPem: string | null): boolean {
    // Several names are tried at once: the others may still tell of an identity that is out of use already.
    if (this.identity?.chainPem !== chainPem) return true;
    this.#log.error("the management server refused this agent's certificate", { code });
    if (this.#candidates.length < 2) return false;
    this.#refusedNextAt = this.identity?.enrolledAt;
    this.#candidates = this.#candidates.slice(1);
    return true;
  }

  /** The identity in use was accepted: an unproven one becomes the current one. One that the server refused goes, now that the old one has worked again. */
  settle(): void {
    if (this.#candidates[0]?.slot === "next") this.#store.promote();
    else if (this.#refusedNextAt !== undefined && this.#store.load("next")?.enrolledAt === this.#refusedNextAt) this.#store.dropNext();
    this.#candidates = this.#store.candidates();
  }
}
