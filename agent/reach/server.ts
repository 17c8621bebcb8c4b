/** Serves reverse access on this computer: a stream with the console's grant becomes a connection to one service, and nothing else. Each session is logged with who had it. */
import type net from "node:net";
import type { Duplex } from "node:stream";
import type { AgentPolicy } from "../../contract/agent-site.ts";
import type { GatewayStreamHead } from "../../contract/channel.ts";
import type { GrantClaims } from "../../contract/reach.ts";
import { Splice, type SpliceEnd } from "../../gateway-worker/net/splice.ts";
import { writeStreamHead } from "../../gateway-worker/net/stream-head.ts";
import { type AgentChannel, endWith } from "../channel/channel.ts";
import { AgentError, asAgentError } from "../errors.ts";
import type { LocalReach } from "../local-settings.ts";
import type { AgentLog } from "../log.ts";
import { authority } from "../path/connect.ts";
import { dialTcp } from "../path/tcp.ts";
import { UsedGrants, verifyGrant } from "./grant.ts";
import { demandListed } from "./own-list.ts";

export type ReachServerOptions = {
  policy: () => AgentPolicy;
  /** Whom grants must name; undefined before enrolment. */
  identity: () => { agentId: string; organisationId: string } | undefined;
  local: LocalReach;
  log: AgentLog;
  /** The management server's clock as far as it is known, ms since 1970. */
  now: () => number;
};

type Reach = Extract<GatewayStreamHead, { kind: "reach" }>;
type Session = { sessionId: string; who: string; service: string; gateway: string; startedAtMs: number; bytesUp: number; bytesDown: number; splice: Splice; end: string; timer: NodeJS.Timeout | undefined };

/** Sessions at once. */
const sessionsMax = 256;
const dialTimeoutMs = 5_000;
/** A timer's longest wait, ms: longer ones are asked again. */
const timerMaxMs = 2_000_000_000;

export class ReachServer {
  readonly #options: ReachServerOptions;
  readonly #sessions = new Set<Session>();
  readonly #startedAtMs = performance.now();
  #used: UsedGrants | undefined;
  #opening = 0;

  constructor(options: ReachServerOptions) {
    this.#options = options;
  }

  /** Sessions that are open now. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Answers the stream, and carries the session when it was accepted. Never throws. */
  async serve(stream: Duplex, head: Reach, channel: Pick<AgentChannel, "gatewayName">): Promise<void> {
    const { log } = this.#options;
    this.#opening += 1;
    let claims: GrantClaims | undefined;
    try {
      if (this.#sessions.size + this.#opening > sessionsMax) throw new AgentError("service-not-answering", `This agent carries ${sessionsMax} sessions already.`);
      claims = await this.#verify(head);
      const name = demandListed(claims, this.#options.policy(), this.#options.local);
      const service = await this.#dial(claims, stream);
      this.#splice(stream, service, { claims, name, gateway: channel.gatewayName });
    } catch (error) {
      const failure = asAgentError(error, "service-not-answering");
      log.warn("reverse access: refused", { session: head.sessionId, who: claims?.sub, name: claims?.name, service: claims && authority(claims.host, claims.port), gateway: channel.gatewayName, code: failure.code, detail: failure.message });
      endWith(stream, { kind: "refused", code: failure.code, detail: failure.message.slice(0, 500) });
    } finally {
      this.#opening -= 1;
    }
  }

  close(): void {
    for (const session of this.#sessions) this.#end(session, "the agent stops");
  }

  #verify(head: Reach): Promise<GrantClaims> {
    const identity = this.#options.identity();
    if (!identity) throw new AgentError("grant-refused", "This agent is not enrolled.");
    const nowMs = this.#options.now();
    // By the same clock as the grants, in whole seconds as they are.
    this.#used ??= new UsedGrants(Math.floor((nowMs - (performance.now() - this.#startedAtMs)) / 1000));
    return verifyGrant(head.grant, { ...identity, keys: this.#options.policy().consoleKeys, sessionId: head.sessionId, now: nowMs / 1000, used: this.#used });
  }

  /** Never through the relay: the service is on this computer or beside it. */
  async #dial({ host, port }: GrantClaims, stream: Duplex): Promise<net.Socket> {
    const gone = new AbortController();
    const leave = () => gone.abort();
    stream.once("close", leave);
    try {
      return await dialTcp({ host, port, timeoutMs: dialTimeoutMs, signal: gone.signal, failure: { unresolved: "service-not-answering", unreachable: "service-not-answering" } });
    } finally {
      stream.off("close", leave);
    }
  }

  #splice(stream: Duplex, service: net.Socket, { claims, name, gateway }: { claims: GrantClaims; name: string; gateway: string }): void {
    const session: Session = {
      sessionId: claims.jti, who: `${claims.sub} ${claims.name}`, service: `${name} ${authority(claims.host, claims.port)}`, gateway, startedAtMs: performance.now(), bytesUp: 0, bytesDown: 0, end: "", timer: undefined,
      splice: new Splice({
        client: stream, clientRaw: stream, server: service, serverRaw: service,
        owner: {
          onBytes: (length, isUp) => {
            if (isUp) session.bytesUp += length;
            else session.bytesDown += length;
          },
          onHalfClose: () => undefined,
          onSpliceEnd: (end) => this.#ended(session, end),
        },
      }),
    };
    this.#sessions.add(session);
    this.#options.log.info("reverse access: session open", { session: session.sessionId, who: claims.sub, name: claims.name, service: session.service, gateway });
    service.pause();
    stream.write(writeStreamHead({ kind: "accepted" }));
    this.#endAt(session, claims.until * 1000);
    session.splice.start();
  }

  /** The grant's own end: even a gateway that forgets it cannot keep the session longer. */
  #endAt(session: Session, untilMs: number): void {
    const leftMs = Math.max(0, untilMs - this.#options.now());
    session.timer = setTimeout(() => {
      if (leftMs > timerMaxMs) this.#endAt(session, untilMs);
      else this.#end(session, "the time that was granted is over");
    }, Math.min(timerMaxMs, leftMs));
    session.timer.unref();
  }

  #end(session: Session, reason: string): void {
    session.end = reason;
    session.splice.close();
  }

  #ended(session: Session, end: SpliceEnd): void {
    this.#sessions.delete(session);
    clearTimeout(session.timer);
    const reason = session.end || { "finished": "finished", "client-reset": "cut by the other side", "server-reset": "cut by the service", "closed": "closed here" }[end];
    this.#options.log.info("reverse access: session ended", { session: session.sessionId, who: session.who, service: session.service, gateway: session.gateway, seconds: Math.round((performance.now() - session.startedAtMs) / 1000), bytesUp: session.bytesUp, bytesDown: session.bytesDown, reason });
  }
}
