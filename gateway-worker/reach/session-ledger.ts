/**
 * Sessions of reverse access that run through this gateway: opened, bytes, ended and why. Each is ended at its time, when a person ends it, and with the gateway.
 * The gateway that was asked reports it; the one that only holds the channel carries it and can end it, too.
 */
import type { SessionReport } from "../../contract/reach.ts";
import { Splice, type SpliceEnd } from "../net/splice.ts";
import type { AgentStream } from "./stream-to-agent.ts";

export type SessionFacts = {
  sessionId: string;
  agentId: string;
  /** The gateway that holds the channel. */
  channelGatewayId: string;
  source: string;
  /** Seconds since 1970, from the grant. */
  until: number;
  /** False where a peer was asked and reports. */
  isReported: boolean;
  /** What it means that the agent's side was cut; asked a moment later, when the channel's own end is known. */
  whyCut: () => string;
};

export type SessionEnd = { facts: SessionFacts; bytesUp: number; bytesDown: number; endReason: string; openedAt: string };

type Ledger = { over(session: Session): void };

/** Moved bytes are reported this often, milliseconds. */
const movedEveryMs = 10_000;
/** All open ones are said this often, milliseconds: one that was ended in the console while nobody could be told of it is then ended here. */
const allEveryMs = 60_000;
/** A cut is explained after this, milliseconds: an engine tells of its channels on another way than the stream's. */
const explainAfterMs = 250;

export type LedgerOptions = {
  onReports: (reports: SessionReport[]) => void;
  onEnd?: (end: SessionEnd) => void;
};

export class SessionLedger {
  /** Sessions since the start. */
  opened = 0;
  bytesUp = 0;
  bytesDown = 0;
  readonly #options: LedgerOptions;
  readonly #sessions = new Set<Session>();
  readonly #timer: NodeJS.Timeout;
  #movedAt = performance.now();
  #allAt = performance.now();

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), 500).unref();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Joins client and agent. `accept` says yes to the client, before the first byte. */
  open(facts: SessionFacts, client: AgentStream, agent: AgentStream): void {
    const session = new Session(facts, { over: (over) => this.#over(over) });
    this.#sessions.add(session);
    this.opened += 1;
    session.start(client, agent);
    if (facts.isReported) this.#options.onReports([session.report()]);
  }

  /** A grant that led nowhere: the console knows it as given and learns why. */
  failed(facts: Pick<SessionFacts, "sessionId" | "agentId" | "source">, reason: string): void {
    const { sessionId, agentId, source } = facts;
    this.#options.onReports([{ sessionId, agentId, channelGatewayId: null, source, openedAt: null, endedAt: new Date().toISOString(), bytesUp: 0, bytesDown: 0, endReason: reason.replace(/\p{Cc}/gu, "?").slice(0, 300) }]);
  }

  /** Ends those of these sessions that are here. */
  end(sessionIds: ReadonlySet<string>, reason: string): void {
    for (const session of this.#sessions) if (sessionIds.has(session.facts.sessionId)) session.end(reason);
  }

  endAll(reason: string): void {
    for (const session of this.#sessions) session.end(reason);
  }

  /** Open sessions that this gateway was asked for, as they are now. */
  reports(): SessionReport[] {
    return [...this.#sessions].filter((session) => session.facts.isReported && !session.isOver).map((session) => session.report());
  }

  close(): void {
    clearInterval(this.#timer);
    this.endAll("the gateway was stopped");
  }

  #tick(): void {
    const now = Date.now() / 1000;
    for (const session of this.#sessions) if (session.facts.until <= now) session.end("its time was over");
    if (performance.now() - this.#movedAt < movedEveryMs) return;
    this.#movedAt = performance.now();
    const isAllDue = performance.now() - this.#allAt >= allEveryMs;
    if (isAllDue) this.#allAt = performance.now();
    const moved = [...this.#sessions].filter((session) => session.facts.isReported && !session.isOver && (session.takeMoved() || isAllDue));
    if (moved.length > 0) this.#options.onReports(moved.map((session) => session.report()));
  }

  #over(session: Session): void {
    this.#sessions.delete(session);
    this.bytesUp += session.bytesUp;
    this.bytesDown += session.bytesDown;
    if (session.facts.isReported) this.#options.onReports([session.report()]);
    const { facts, bytesUp, bytesDown, openedAt } = session;
    this.#options.onEnd?.({ facts, bytesUp, bytesDown, openedAt, endReason: session.endReason ?? "" });
  }
}

class Session {
  readonly facts: SessionFacts;
  readonly openedAt = new Date().toISOString();
  bytesUp = 0;
  bytesDown = 0;
  endReason: string | undefined;
  isOver = false;
  readonly #ledger: Ledger;
  #splice: Splice | undefined;
  #endedAt: string | null = null;
  #hasMoved = false;

  constructor(facts: SessionFacts, ledger: Ledger) {
    this.facts = facts;
    this.#ledger = ledger;
  }

  start(client: AgentStream, agent: AgentStream): void {
    this.#splice = new Splice({
      client: client.socket, clientRaw: client.raw, server: agent.socket, serverRaw: agent.raw,
      owner: { onBytes: (length, isUp) => this.#bytes(length, isUp), onHalfClose: () => {}, judgeEnd: (isClient) => (isClient || agent.socket.writableEnded ? undefined : agent.isCut?.()), onSpliceEnd: (end) => this.#ended(end) },
    });
    this.#splice.start();
  }

  end(reason: string): void {
    this.endReason ??= reason;
    this.#splice?.close();
  }

  /** True when bytes moved since the last call. */
  takeMoved(): boolean {
    const hasMoved = this.#hasMoved;
    this.#hasMoved = false;
    return hasMoved;
  }

  report(): SessionReport {
    const { sessionId, agentId, channelGatewayId, source } = this.facts;
    return { sessionId, agentId, channelGatewayId, source, openedAt: this.openedAt, endedAt: this.#endedAt, bytesUp: this.bytesUp, bytesDown: this.bytesDown, endReason: this.#endedAt === null ? null : (this.endReason ?? "closed").slice(0, 300) };
  }

  #bytes(length: number, isUp: boolean): void {
    if (isUp) this.bytesUp += length;
    else this.bytesDown += length;
    this.#hasMoved = true;
  }

  #ended(end: SpliceEnd): void {
    this.isOver = true;
    this.#endedAt = new Date().toISOString();
    if (this.endReason === undefined && end === "server-reset") {
      setTimeout(() => {
        this.endReason ??= this.facts.whyCut();
        this.#ledger.over(this);
      }, explainAfterMs).unref();
      return;
    }
    this.endReason ??= end === "finished" ? "both sides were done" : end === "client-reset" ? "the client cut the connection" : "closed";
    this.#ledger.over(this);
  }
}
