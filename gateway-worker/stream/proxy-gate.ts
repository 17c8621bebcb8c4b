/**
 * Waits for the PROXY protocol header of a load balancer in front of a tunnel listener (S0-01, T26), before anything of TLS is looked at.
 * Counted as an unfinished handshake meanwhile, under no source: the header names the source, which counts from then on.
 */
import type net from "node:net";
import type { RefusalCode } from "../../contract/error-codes.ts";
import type { DeadlineWheel, Timed } from "../net/deadline.ts";
import type { Endpoint } from "../net/proxy-protocol.ts";
import { Opening } from "./opening.ts";
import { peerEndpoint } from "./peer-address.ts";

export type GateHost = {
  wheel: DeadlineWheel;
  /** Milliseconds from accept to the whole header. */
  timeoutMs: number;
  /** The header was read; `read` are the bytes behind it. The socket is paused. */
  onHeader: (source: Endpoint, read: Buffer) => void;
  /** Not for a client that leaves without a byte, as TCP health checks do. The socket is destroyed. */
  onRefused: (code: RefusalCode, detail: string) => void;
  /** Called once, before either of the above. */
  onOver: () => void;
};

export class ProxyGate implements Timed {
  deadlineMs: number;
  readonly #host: GateHost;
  readonly #raw: net.Socket;
  readonly #acceptedMs: number;
  readonly #opening = new Opening({ header: true, hello: false });
  readonly #onData = (chunk: Buffer): void => this.#read(chunk);
  readonly #onGone = (): void => this.cut();
  #isOver = false;

  constructor(raw: net.Socket, host: GateHost) {
    this.#raw = raw;
    this.#host = host;
    this.#acceptedMs = host.wheel.nowMs;
    this.deadlineMs = host.wheel.nowMs + host.timeoutMs;
    host.wheel.add(this);
  }

  start(): void {
    this.#raw.on("data", this.#onData).on("end", this.#onGone).on("close", this.#onGone);
  }

  makeRoom(nowMs: number): boolean {
    if (nowMs - this.#acceptedMs < this.#host.timeoutMs / 4) return false;
    this.#refuse("proxy-header-missing", "no PROXY protocol header had come when every place for unfinished handshakes was taken");
    return true;
  }

  onDeadline(): void {
    this.#refuse("proxy-header-missing", `no PROXY protocol header within ${this.#host.timeoutMs} ms of the connection`);
  }

  cut(): void {
    this.#over();
    this.#raw.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#opening.take(chunk);
    const step = this.#opening.step();
    if (step.kind === "refused") this.#refuse(step.code, step.detail);
    if (step.kind !== "header") return;
    this.#raw.pause();
    this.#over();
    const rest = this.#opening.step();
    this.#host.onHeader(step.header.source ?? peerEndpoint(this.#raw), rest.kind === "done" ? rest.bytes : Buffer.alloc(0));
  }

  #refuse(code: RefusalCode, detail: string): void {
    if (this.#isOver) return;
    this.#over();
    this.#raw.destroy();
    this.#host.onRefused(code, detail);
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.deadlineMs = Infinity;
    this.#host.wheel.remove(this);
    this.#raw.off("data", this.#onData).off("end", this.#onGone).off("close", this.#onGone);
    this.#host.onOver();
  }
}
