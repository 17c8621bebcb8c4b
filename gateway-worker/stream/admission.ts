/**
 * Counts connections and unfinished handshakes of an engine, in all and per source address, so that silent or hostile clients
 * cannot use up descriptors or handshake work (T05, T38). Limits are an engine's share of the gateway's.
 */
import { connectionsThatFit, descriptorLimit } from "../net/descriptor-limit.ts";
import type { ListenerLimits } from "../../contract/snapshot.ts";

export type AdmissionVerdict = "admitted" | "source-limit" | "gateway-full";

/** Connections above the limit that are still answered (with 503) instead of being dropped at accept. */
const answeredReserve = 32;

export class Admission {
  connections = 0;
  handshakes = 0;
  readonly #bySource = new Map<string, number>();
  readonly #engines: number;
  readonly #fitting = connectionsThatFit(descriptorLimit());

  /** `engines`: how many share the port, each taking its part of the limits. */
  constructor(engines: number) {
    this.#engines = engines;
  }

  /** Called at accept, before anything is read. Admitted ones are counted until `handshakeOver` and `connectionOver`. */
  admit(source: string, limits: ListenerLimits): AdmissionVerdict {
    if (this.connections >= this.#connectionsMax(limits) + answeredReserve || this.handshakes >= this.#share(limits.handshakesMax)) return "gateway-full";
    const ofSource = this.#bySource.get(source) ?? 0;
    if (ofSource >= this.#share(limits.handshakesPerSourceMax)) return "source-limit";
    this.#bySource.set(source, ofSource + 1);
    this.handshakes += 1;
    this.connections += 1;
    return "admitted";
  }

  /** The handshake is done or the connection gone: it no longer counts as unfinished. */
  handshakeOver(source: string): void {
    this.handshakes -= 1;
    const ofSource = (this.#bySource.get(source) ?? 1) - 1;
    if (ofSource > 0) this.#bySource.set(source, ofSource);
    else this.#bySource.delete(source);
  }

  connectionOver(): void {
    this.connections -= 1;
  }

  /** True when a connection that is already counted must be answered with 503. */
  isOver(limits: ListenerLimits): boolean {
    return this.connections > this.#connectionsMax(limits);
  }

  /** True when the next connection would be over the limit. */
  isFull(limits: ListenerLimits): boolean {
    return this.connections >= this.#connectionsMax(limits);
  }

  #connectionsMax(limits: ListenerLimits): number {
    return Math.max(1, Math.min(this.#share(limits.connectionsMax), this.#fitting - answeredReserve));
  }

  #share(limit: number): number {
    return Math.ceil(limit / this.#engines);
  }
}
