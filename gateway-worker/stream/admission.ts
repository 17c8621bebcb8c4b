/**
 * Counts connections and unfinished handshakes of an engine, in all and per source address, so that silent or hostile clients
 * cannot use up descriptors or handshake work (T05, T38). Limits are an engine's share of the gateway's.
 */
import { connectionsThatFit, descriptorLimit } from "../net/descriptor-limit.ts";
import type { ListenerLimits } from "../../contract/snapshot.ts";

export type AdmissionLimits = Pick<ListenerLimits, "handshakesMax" | "handshakesPerSourceMax" | "connectionsMax">;
export type AdmissionVerdict = "admitted" | "source-limit" | "gateway-full";

/** A connection whose handshake is not finished. `makeRoom` ends it when it has had its chance, and returns whether it did. */
export type Pending = { makeRoom: (nowMs: number) => boolean };

/** Connections above the limit that are still answered (with 503) instead of being dropped at accept. */
const answeredReserve = 32;

export class Admission {
  connections = 0;
  /** Unfinished handshakes, oldest first. */
  readonly #pending = new Set<Pending>();
  readonly #bySource = new Map<string, number>();
  readonly #engines: number;
  readonly #fitting = connectionsThatFit(descriptorLimit());

  /** `engines`: how many share the port, each taking its part of the limits. */
  constructor(engines: number) {
    this.#engines = engines;
  }

  /**
   * Called at accept, before anything is read. When every place is taken, the oldest gives way if it had time enough.
   * `address` null: a balancer whose PROXY header will name the source; it is counted by `named`.
   */
  admit(address: string | null, limits: AdmissionLimits, nowMs: number): AdmissionVerdict {
    if (this.connections >= this.#connectionsMax(limits) + answeredReserve) return "gateway-full";
    if (address !== null && (this.#bySource.get(address) ?? 0) >= this.#share(limits.handshakesPerSourceMax)) return "source-limit";
    return this.#pending.size < this.#share(limits.handshakesMax) || this.#oldestMakesRoom(nowMs) ? "admitted" : "gateway-full";
  }

  /** Counts an admitted connection until `handshakeOver` and `connectionOver`. */
  enter(connection: Pending, address: string | null): void {
    if (address !== null) this.#bySource.set(address, (this.#bySource.get(address) ?? 0) + 1);
    this.#pending.add(connection);
    this.connections += 1;
  }

  /** The PROXY header of an admitted connection named its source, which counts from now on. False: that source has too many unfinished handshakes. */
  named(address: string, limits: AdmissionLimits): boolean {
    const count = (this.#bySource.get(address) ?? 0) + 1;
    if (count > this.#share(limits.handshakesPerSourceMax)) return false;
    this.#bySource.set(address, count);
    return true;
  }

  /** The handshake is done or the connection gone: it no longer counts as unfinished. */
  handshakeOver(connection: Pending, address: string | null): void {
    this.#pending.delete(connection);
    if (address === null) return;
    const ofSource = (this.#bySource.get(address) ?? 1) - 1;
    if (ofSource > 0) this.#bySource.set(address, ofSource);
    else this.#bySource.delete(address);
  }

  connectionOver(): void {
    this.connections -= 1;
  }

  /** True when a connection that is already counted must be answered with 503. */
  isOver(limits: AdmissionLimits): boolean {
    return this.connections > this.#connectionsMax(limits);
  }

  /** True when the next connection would be over the limit. */
  isFull(limits: AdmissionLimits): boolean {
    return this.connections >= this.#connectionsMax(limits);
  }

  #oldestMakesRoom(nowMs: number): boolean {
    const [oldest] = this.#pending;
    return oldest?.makeRoom(nowMs) ?? false;
  }

  /** This engine's part of a limit of the whole gateway. */
  shareOf(limit: number): number {
    return this.#share(limit);
  }

  #connectionsMax(limits: AdmissionLimits): number {
    return Math.max(1, Math.min(this.#share(limits.connectionsMax), this.#fitting - answeredReserve));
  }

  #share(limit: number): number {
    return Math.ceil(limit / this.#engines);
  }
}
