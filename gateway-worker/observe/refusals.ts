/**
 * Refusals waiting to be reported: equal ones of one source within a second are counted, the queue is bounded, and what does not fit is
 * counted too. A flood of refused clients thus costs neither memory nor the control channel.
 */
import { randomUUID } from "node:crypto";
import type { Refusal } from "../../contract/control.ts";

export type RefusalFacts = Omit<Refusal, "id" | "at" | "count">;

/** Bound of the queue and of one report (contract/control.ts controlReport). */
export const refusalsMax = 5_000;
export const refusalsPerReport = 500;
const sameWithinMs = 1_000;

export class RefusalQueue {
  /** All that were recorded since the start. */
  total = 0;
  readonly #waiting = new Map<string, { refusal: Refusal; atMs: number }>();
  #dropped = 0;

  get size(): number {
    return this.#waiting.size;
  }

  add(facts: RefusalFacts, nowMs = Date.now()): void {
    this.total += 1;
    // The source without its port: a client that tries again does so from another one.
    const key = `${facts.code} ${facts.source.replace(/:\d+$/, "")} ${facts.listenerId ?? ""} ${facts.target ?? ""} ${facts.certificate?.fingerprint ?? ""}`;
    const same = this.#waiting.get(key);
    if (same && nowMs - same.atMs < sameWithinMs) {
      same.refusal.count += 1;
      return;
    }
    if (this.#waiting.size >= refusalsMax) {
      this.#dropped += 1;
      return;
    }
    const refusal = { ...facts, id: randomUUID(), at: new Date(nowMs).toISOString(), count: 1 };
    this.#waiting.set(same ? `${key} ${refusal.id}` : key, { refusal, atMs: nowMs });
  }

  /** Takes the oldest of them out, and how many were dropped since the last call. */
  take(max = refusalsPerReport): { refusals: Refusal[]; dropped: number } {
    const refusals: Refusal[] = [];
    for (const [key, { refusal }] of this.#waiting) {
      if (refusals.length >= max) break;
      refusals.push(refusal);
      this.#waiting.delete(key);
    }
    const dropped = this.#dropped;
    this.#dropped = 0;
    return { refusals, dropped };
  }
}
