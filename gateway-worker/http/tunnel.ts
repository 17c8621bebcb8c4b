/** The bytes of an upgraded connection (WebSocket) between client and member, with the service's idle and closing deadlines. */
import type net from "node:net";
import type { ServiceLimits } from "../../contract/virtual-service.ts";
import type { DeadlineWheel, Timed } from "../net/deadline.ts";
import { Splice } from "../net/splice.ts";
import type { SpliceOwner } from "../net/splice.ts";

export type TunnelOptions = { client: net.Socket; member: net.Socket; /** What the member sent behind its 101. */ first: Buffer; limits: ServiceLimits; wheel: DeadlineWheel; onEnd: () => void };

export class Tunnel implements Timed, SpliceOwner {
  deadlineMs: number;
  readonly #splice: Splice;
  readonly #options: TunnelOptions;

  constructor(options: TunnelOptions) {
    const { client, member, wheel, limits } = options;
    this.#options = options;
    this.deadlineMs = wheel.nowMs + limits.idleTimeoutMs;
    this.#splice = new Splice({ client, clientRaw: client, server: member, serverRaw: member, owner: this });
  }

  start(): void {
    const { client, first, wheel } = this.#options;
    if (first.length > 0) client.write(first);
    wheel.add(this);
    this.#splice.start();
  }

  close(): void {
    this.#splice.close();
  }

  onDeadline(): void {
    this.#splice.close();
  }

  onBytes(): void {
    const { wheel, limits } = this.#options;
    if (!this.#splice.isHalfClosed) this.deadlineMs = wheel.nowMs + limits.idleTimeoutMs;
  }

  onHalfClose(): void {
    const { wheel, limits } = this.#options;
    this.deadlineMs = wheel.nowMs + limits.closingTimeoutMs;
    wheel.add(this);
  }

  onSpliceEnd(): void {
    const { wheel, onEnd } = this.#options;
    this.deadlineMs = Infinity;
    wheel.remove(this);
    onEnd();
  }
}
