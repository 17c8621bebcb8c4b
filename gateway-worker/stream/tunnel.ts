/**
 * The part of a connection that touches the back end: dials the server, tells the client, and copies bytes until the end (S0-16 to S0-18).
 * Whoever owns it (a connection that sent CONNECT, a stream of an agent's channel) has passed the verdict and the match before.
 * States: dial -> bytes -> over.
 */
import type net from "node:net";
import type { Duplex } from "node:stream";
import type { RelayHop } from "../../contract/channel.ts";
import type { TunnelReport } from "../../contract/control.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import type { ListenerLimits } from "../../contract/snapshot.ts";
import { resetSocket } from "../net/close.ts";
import type { Timed } from "../net/deadline.ts";
import { Splice } from "../net/splice.ts";
import type { SpliceEnd, SpliceOwner } from "../net/splice.ts";
import type { Reportable } from "../observe/tunnel-ledger.ts";
import type { Route } from "../routing/match.ts";
import type { Engine } from "./engine.ts";
import { hasEnded } from "./verdict.ts";
import type { AdmittedClient } from "./verdict.ts";

export type TunnelOwner = {
  /** Connection id, as logs and reports write it. */
  readonly id: string;
  readonly source: string;
  readonly relayPath: readonly RelayHop[];
  /** The agent, and what admits it; null: a relay's agent on its way to the agent site, which asks for itself who it is. */
  readonly admitted: AdmittedClient | null;
  readonly limits: ListenerLimits;
  /** The server is connected: the client may be told. Bytes follow in this turn. */
  accepted: () => void;
  /** The server could not be reached; the owner answers the client. `tunnelOver` is not called. */
  dialFailed: (code: RefusalCode, detail: string) => void;
  /** Both sockets are gone. Called once. */
  tunnelOver: () => void;
};

export class Tunnel implements Timed, SpliceOwner, Reportable {
  deadlineMs = Infinity;
  isMarked = false;
  reportedAtMs = 0;
  readonly #engine: Engine;
  readonly #owner: TunnelOwner;
  readonly #route: Route;
  readonly #client: Duplex;
  readonly #clientRaw: Duplex;
  #splice: Splice | undefined;
  #isOver = false;
  #openedAt = 0;
  #lastByteMs = 0;
  #bytesUp = 0;
  #bytesDown = 0;
  #endReason: string | null = null;

  /** `client` must be paused, with an error handler, and allow half-open. `early`: what it sent already. */
  constructor(engine: Engine, owner: TunnelOwner, given: { route: Route; client: Duplex; clientRaw: Duplex; early: Buffer }) {
    this.#engine = engine;
    this.#owner = owner;
    this.#route = given.route;
    this.#client = given.client;
    this.#clientRaw = given.clientRaw;
    engine.dialer.dial({ route: given.route, connectTimeoutMs: owner.limits.connectTimeoutMs, caller: this }).then(
      (result) => {
        if (result.kind === "connected") this.#connected(result.socket, given.early);
        else if (!this.#isOver) {
          this.#isOver = true;
          owner.dialFailed(result.code, result.detail);
        }
      },
      // `dial` reports failures as results; a rejection is a bug of ours and must still end the connection.
      (cause: unknown) => {
        engine.log("error", `connection ${owner.id}: ${cause instanceof Error ? cause.message : String(cause)}`);
        this.close("closed");
      },
    );
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** True once bytes flow: the splice then hears what happens to the sockets. */
  get isOpen(): boolean {
    return this.#splice !== undefined;
  }

  get bytes(): { up: number; down: number } {
    return { up: this.#bytesUp, down: this.#bytesDown };
  }

  /** Ends it now; `reason` is what the report says. */
  close(reason: string): void {
    if (this.#isOver) return;
    this.#endReason ??= reason;
    if (this.#splice) this.#splice.close();
    else this.#over();
  }

  #connected(server: net.Socket, early: Buffer): void {
    if (this.#isOver || this.#client.destroyed) {
      resetSocket(server);
      this.#over();
      return;
    }
    const { wheel } = this.#engine;
    this.#openedAt = Date.now();
    this.#lastByteMs = wheel.nowMs;
    this.#setDeadline(this.#owner.limits.idleTimeoutMs);
    this.#engine.tunnelOpened(this, this.#owner.admitted !== null);
    this.#owner.accepted();
    if (early.length > 0) {
      server.write(early);
      this.onBytes(early.length, true);
    }
    this.#splice = new Splice({ client: this.#client, clientRaw: this.#clientRaw, server, serverRaw: server, owner: this });
    this.#splice.start();
  }

  onBytes(length: number, isUp: boolean): void {
    if (isUp) this.#bytesUp += length;
    else this.#bytesDown += length;
    this.#lastByteMs = this.#engine.wheel.nowMs;
    if (!this.isMarked && this.#owner.admitted) this.#engine.ledger.mark(this);
  }

  onHalfClose(): void {
    this.#lastByteMs = this.#engine.wheel.nowMs;
    this.#setDeadline(this.#owner.limits.closingTimeoutMs);
  }

  onSpliceEnd(end: SpliceEnd): void {
    this.#endReason ??= end;
    this.#over();
  }

  onDeadline(nowMs: number): void {
    const { admitted, limits } = this.#owner;
    if (admitted && hasEnded(admitted.entry, Date.now())) {
      this.close("agent-revoked");
      return;
    }
    const isClosing = this.#splice?.isHalfClosed === true;
    const dueMs = this.#lastByteMs + (isClosing ? limits.closingTimeoutMs : limits.idleTimeoutMs);
    if (dueMs > nowMs) this.deadlineMs = Math.min(dueMs, this.#accessEndMs(nowMs));
    else this.close(isClosing ? "closing-timeout" : "idle-timeout");
  }

  #setDeadline(timeoutMs: number): void {
    const { wheel } = this.#engine;
    this.deadlineMs = Math.min(wheel.nowMs + timeoutMs, this.#accessEndMs(wheel.nowMs));
    wheel.add(this);
  }

  /** When the access entry itself ends, on the wheel's clock. */
  #accessEndMs(nowMs: number): number {
    const expiresAt = this.#owner.admitted?.entry.expiresAt ?? null;
    return expiresAt === null ? Infinity : nowMs + Math.max(0, expiresAt * 1000 - Date.now());
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.deadlineMs = Infinity;
    this.#engine.wheel.remove(this);
    if (this.#openedAt > 0) this.#engine.tunnelOver(this, this.#owner.admitted !== null);
    this.#owner.tunnelOver();
  }

  report(): TunnelReport {
    const openedAt = new Date(this.#openedAt).toISOString();
    const lastByteAt = new Date(Math.max(this.#openedAt, Date.now() - (performance.now() - this.#lastByteMs))).toISOString();
    const { admitted, id, source, relayPath } = this.#owner;
    return { agentId: admitted?.identity.id ?? "", connectionId: id, serverId: this.#route.server.id, source, step: "proxying", openedAt, lastByteAt, bytesUp: this.#bytesUp, bytesDown: this.#bytesDown, relayPath: [...relayPath], endedAt: this.#isOver ? new Date().toISOString() : null, endReason: this.#isOver ? this.#endReason : null };
  }
}
