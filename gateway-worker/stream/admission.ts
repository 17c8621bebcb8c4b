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
  /** Unfinished handshakes that one relay carries, oldest first. */
  readonly #byRelay = new Map<string, Set<Pending>>();
  readonly #engines: number;
  readonly #fitting = connectionsThatFit(descriptorLimit());

  /** `engines`: how many share the port, each taking its part of the limits. */
  constructor(engines: number) {
    this.#engines = engines;
  }

  /**
   * Called at accept, before anything is read. When every place is taken, the oldest gives way if it had time enough.
   * `address` null: a balancer whose PROXY header will name the source; it is counted by `named`. `relayId`: the relay that carries it; a
   * relay may have at most half of the places, so that whoever sits behind one cannot keep everybody else out.
   */
  admit(address: string | null, limits: AdmissionLimits, nowMs: number, relayId?: string): AdmissionVerdict {
    if (this.connections >= this.#connectionsMax(limits) + answeredReserve) return "gateway-full";
    const carried = relayId === undefined ? undefined : this.#byRelay.get(relayId);
    if (carried && carried.size >= Math.ceil(this.#share(limits.handshakesMax) / 2) && !oldestMakesRoom(carried, nowMs)) return "gateway-full";
    if (address !== null && (this.#bySource.get(address) ?? 0) >= this.#share(limits.handshakesPerSourceMax)) return "source-limit";
    return this.#pending.size < this.#share(limits.handshakesMax) || oldestMakesRoom(this.#pending, nowMs) ? "admitted" : "gateway-full";
  }

  /** Counts an admitted connection until `handshakeOver` and `connectionOver`. */
  enter(connection: Pending, address: string | null, relayId?: string): void {
    if (relayId !== undefined) this.#byRelay.set(relayId, (this.#byRelay.get(relayId) ?? new Set()).add(connection));
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
  handshakeOver(connection: Pending, address: string | null, relayId?: string): void {
    this.#pending.delete(connection);
    if (relayId !== undefined) {
      const carried = this.#byRelay.get(relayId);
      carried?.delete(connection);
      if (carried?.size === 0) this.#byRelay.delete(relayId);
    }
    if (address === null) return;
    const ofSource = (this.#bySource.get(address) ?? 1) - 1;
    if (ofSource > 0) this.#bySource.set(address, ofSource);
    else this.#bySource.delete(address);
  }

  /** A stream of an agent's channel that holds a connection to a server; counted like a connection until `connectionOver`. False: the limit is reached. */
  streamOpened(limits: AdmissionLimits): boolean {
    if (this.isFull(limits)) return false;
    this.connections += 1;
    return true;
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

function oldestMakesRoom(pending: ReadonlySet<Pending>, nowMs: number): boolean {
  const [oldest] = pending;
  return oldest?.makeRoom(nowMs) ?? false;
}
