/**
 * A stream that an agent opened in its channel to reach a server: the same verdict, the same match, the same dial as a CONNECT request (T01 to T04). The
 * identity is the channel's, proven by its certificate; nothing in the stream can change it (T21).
 */
import type { Duplex } from "node:stream";
import type { RelayHop } from "../../contract/channel.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import type { ListenerLimits } from "../../contract/snapshot.ts";
import { writeStreamHead } from "../net/stream-head.ts";
import { nextConnectionId } from "../observe/connection-ids.ts";
import { matchTarget } from "../routing/match.ts";
import { printable } from "./connect-head.ts";
import type { Engine } from "./engine.ts";
import { closeWith, refusedAnswer } from "./stream-heads.ts";
import { Tunnel } from "./tunnel.ts";
import type { TunnelOwner } from "./tunnel.ts";
import { judge } from "./verdict.ts";
import type { AdmittedClient } from "./verdict.ts";

/** The channel, as far as its streams need it. */
export type ConnectHost = {
  readonly source: string;
  readonly relayPath: readonly RelayHop[];
  readonly limits: ListenerLimits;
  readonly who: AdmittedClient;
  record: (code: RefusalCode, detail: string, target: string | null) => void;
};

const nothing: Buffer = Buffer.alloc(0);

export class ConnectStream implements TunnelOwner {
  readonly id = nextConnectionId();
  readonly source: string;
  readonly relayPath: readonly RelayHop[];
  readonly admitted: AdmittedClient;
  readonly limits: ListenerLimits;
  readonly #engine: Engine;
  readonly #host: ConnectHost;
  readonly #stream: Duplex;
  readonly #target: string;
  #tunnel: Tunnel | undefined;

  /** Takes the stream over, which must be paused behind its head, and answers it. `target` is as the agent wrote it. */
  static serve(engine: Engine, host: ConnectHost, given: { stream: Duplex; target: string }): void {
    new ConnectStream(engine, host, given).#open(given.target);
  }

  private constructor(engine: Engine, host: ConnectHost, given: { stream: Duplex; target: string }) {
    this.#engine = engine;
    this.#host = host;
    this.source = host.source;
    this.relayPath = host.relayPath;
    this.admitted = host.who;
    this.limits = host.limits;
    this.#stream = given.stream;
    this.#target = printable(given.target).slice(0, 300);
  }

  #open(target: string): void {
    const { compiled } = this.#engine;
    // While it drains, too: what was opened before the go-away came through is not to fail.
    if (!compiled) return this.#refuse("gateway-draining", "the gateway takes no new streams");
    // The channel may be weeks old: policies, dates and access are asked anew.
    const verdict = judge({ isAuthorized: true, authorizationError: "", peer: this.admitted.peer, compiled, access: this.#engine.accessOf, nowMs: Date.now() });
    if (verdict.kind === "refused") return this.#refuse(verdict.code, verdict.detail);
    const match = matchTarget(compiled.routes, target, false);
    if (match.kind === "refused") return this.#refuse(match.code, match.detail);
    if (!this.#engine.admission.streamOpened(this.limits)) return this.#refuse("gateway-full", `the gateway is at its limit of ${this.limits.connectionsMax} connections`);
    this.#stream.on("close", () => {
      if (this.#tunnel?.isOpen === false) this.#tunnel.close("client-reset");
    });
    this.#tunnel = new Tunnel(this.#engine, this, { route: match.route, client: this.#stream, clientRaw: this.#stream, early: nothing });
  }

  accepted(): void {
    this.#stream.write(writeStreamHead({ kind: "accepted" }));
  }

  dialFailed(code: RefusalCode, detail: string): void {
    this.#engine.admission.connectionOver();
    this.#refuse(code, detail);
  }

  tunnelOver(): void {
    this.#engine.admission.connectionOver();
    this.#stream.destroy();
  }

  #refuse(code: RefusalCode, detail: string): void {
    const text = printable(detail);
    this.#host.record(code, text, this.#target);
    closeWith(this.#stream, refusedAnswer(code, text));
  }
}
