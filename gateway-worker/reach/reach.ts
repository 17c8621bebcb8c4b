/**
 * Reverse access at one gateway: the inside listener, its clients and peers, the sessions and their ledger. It lives in the supervisor; the engines hold the agents'
 * channels and open streams on them when asked over their sockets.
 */
import type net from "node:net";
import type tls from "node:tls";
import type { ControlReport, LocateAgentReply, LogLine, Refusal, SnapshotProblem } from "../../contract/control.ts";
import { peerAlpn } from "../../contract/channel.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import { type GrantClaims, grantStartSeconds, type ReachAuthorisation, type ReachAuthorisationReply } from "../../contract/reach.ts";
import type { Snapshot } from "../../contract/snapshot.ts";
import { explain } from "../errors.ts";
import { nextConnectionId } from "../observe/connection-ids.ts";
import { RefusalQueue } from "../observe/refusals.ts";
import { PeerCertificates } from "../stream/peer-certificate.ts";
import { endpointText, peerEndpoint } from "../stream/peer-address.ts";
import type { Refused } from "./answer.ts";
import { serveClient } from "./client-request.ts";
import type { Denied, Found, ProvenCertificate, ReachDesk, ReachHead } from "./desk.ts";
import { clockLeewaySeconds, verifyGrant } from "./grant.ts";
import { type InsideCertificate, InsideListener } from "./inside-listener.ts";
import { servePeer } from "./peer-request.ts";
import { type SessionEnd, SessionLedger } from "./session-ledger.ts";
import { openThroughEngine, openThroughPeer, type PeerIdentity } from "./stream-to-agent.ts";
import { UsedGrants } from "./used-grants.ts";

export type ReachOptions = {
  gatewayId: string;
  organisationId: string;
  trustDomain: string;
  identity: PeerIdentity;
  /** The console; both reject when it cannot be asked. */
  authorise: (question: ReachAuthorisation) => Promise<ReachAuthorisationReply>;
  locate: (agentId: string) => Promise<LocateAgentReply>;
  /** The engines: where streams to an agent are opened, which channel it is, and why the last one ended. */
  socketOf: (agentId: string) => string | undefined;
  channelOf: (agentId: string) => string | undefined;
  whyEnded: (agentId: string) => string | undefined;
  onSessions: (reports: ControlReport["sessions"]) => void;
  onRefusals: (refusals: Refusal[], dropped: number) => void;
  onLog: (line: LogLine) => void;
};

export type ReachView = { listener: { address: string; port: number } | null; connections: number; sessions: number; sessionsOpened: number; bytesUp: number; bytesDown: number; refused: Partial<Record<RefusalCode, number>> };
type Prepared = Parameters<InsideListener["commit"]>[0];

/** Questions to the console under way: a flood of guesses must not fill the control channel. */
const questionsMax = 64;
/** Gateways that are tried for one request; as many as the console names, or as there are while it is away. */
const peersTriedMax = 8;
/** No further gateway is tried after this, milliseconds. */
const elsewhereMs = 15_000;
/** Refusals wait this long for others to be counted with, milliseconds. */
const refusalsEveryMs = 1_000;
/** Sessions that are being ended have this long to be written down, milliseconds. */
const lastWordMs = 500;
const endedHere = "ended from the console";
/** Codes after which the agent has not seen the grant. */
const unseenCodes: readonly RefusalCode[] = ["reach-agent-away", "reach-console-away", "reach-peer", "gateway-draining", "gateway-full"];

/** What a client or an agent wrote, as lists and logs show it: without control characters, and without a credential that was put in the wrong place. */
function shownText(text: string): string {
  return text.replace(/\p{Cc}/gu, "?").replace(/spk_[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_.-]+/g, "(credential)").toWellFormed().slice(0, 500);
}

export class Reach implements ReachDesk {
  readonly ledger: SessionLedger;
  readonly #options: ReachOptions;
  readonly #listener: InsideListener;
  readonly #certificates = new PeerCertificates();
  readonly #used = new UsedGrants();
  readonly #refusals = new RefusalQueue();
  readonly #refusedBy = new Map<RefusalCode, number>();
  #snapshot: Snapshot | undefined;
  #questions = 0;
  #flush: NodeJS.Timeout | undefined;
  #isDraining = false;

  constructor(options: ReachOptions) {
    this.#options = options;
    this.ledger = new SessionLedger({ onReports: options.onSessions, onEnd: (end) => this.#logEnd(end) });
    this.#listener = new InsideListener({
      established: (socket, raw, done) => this.#established(socket, raw, done),
      refused: (raw, code, detail) => this.refused(raw, { code, detail, target: null, agentId: null }, { id: nextConnectionId() }),
    });
  }

  // The snapshot ----------------------------------------------------------------------------------------------------

  /** Builds and binds what the snapshot asks for; `commit` serves it, `abort` forgets it. */
  async prepare(snapshot: Snapshot, certificate: InsideCertificate | undefined): Promise<{ ok: true; prepared: Prepared } | { ok: false; problem: SnapshotProblem }> {
    const { inside: settings, clientTrustAnchorsPem: anchorsPem } = snapshot;
    if (!settings || !certificate || this.#isDraining) return await this.#listener.prepare(null);
    return await this.#listener.prepare({ settings, certificate, anchorsPem, algorithms: snapshot.listeners[0]?.algorithms ?? "standard" });
  }

  commit(snapshot: Snapshot, prepared: Prepared): void {
    this.#snapshot = snapshot;
    this.#certificates.clear();
    this.#listener.commit(prepared);
  }

  abort(prepared: Prepared): void {
    this.#listener.abort(prepared);
  }

  // Life ------------------------------------------------------------------------------------------------------------

  /** No new sessions; resolves when the open ones are over, or were ended after `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    this.#isDraining = true;
    this.#listener.close();
    const deadline = performance.now() + timeoutMs;
    while (this.ledger.size > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
    this.ledger.endAll("the gateway was drained");
    // Those that the engines cut at the same moment are explained first; their ends belong into the last report.
    while (this.ledger.size > 0 && performance.now() < deadline + lastWordMs) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  close(): void {
    this.#listener.close();
    this.ledger.close();
    this.#listener.destroyAll();
    clearTimeout(this.#flush);
    this.#flushRefusals();
  }

  endSessions(sessionIds: readonly string[]): void {
    const now = Date.now();
    // A grant that is still on its way here must not become the session that was just ended: remembered for longer than any grant is good.
    for (const id of sessionIds) this.#used.end(id, now + (grantStartSeconds + 2 * clockLeewaySeconds) * 1_000, now);
    this.ledger.end(new Set(sessionIds), endedHere);
  }

  view(): ReachView {
    const { size, opened, bytesUp, bytesDown } = this.ledger;
    return { listener: this.#listener.where, connections: this.#listener.connections, sessions: size, sessionsOpened: opened, bytesUp, bytesDown, refused: Object.fromEntries(this.#refusedBy) };
  }

  // What clients and peers need -------------------------------------------------------------------------------------

  async authorise(question: ReachAuthorisation): Promise<ReachAuthorisationReply> {
    if (this.#questions >= questionsMax) throw new Error("Too many questions to the console are under way; try again in a moment.");
    this.#questions += 1;
    try {
      return await this.#options.authorise(question);
    } finally {
      this.#questions -= 1;
    }
  }

  look(grant: string): GrantClaims | Denied {
    const verdict = verifyGrant(grant, { organisationId: this.#options.organisationId, signing: this.#snapshot?.consoleKeys.signing ?? [] }, Date.now());
    return verdict.kind === "valid" ? verdict.claims : { code: "reach-grant", detail: verdict.detail };
  }

  claim(grant: string): GrantClaims | Denied {
    const claims = this.look(grant);
    if ("code" in claims) return claims;
    const use = this.#used.claim(claims.jti, (claims.exp + 2 * clockLeewaySeconds) * 1_000, Date.now());
    if (use === "ended") return { code: "reach-grant", detail: "The grant is refused: its session was ended before it began." };
    if (use === "used") return { code: "reach-grant", detail: "The grant is refused: it was used already." };
    return use === "full" ? { code: "gateway-full", detail: "More grants than this gateway remembers were used in the last minutes." } : claims;
  }

  isEnded(sessionId: string): boolean {
    return this.#used.isEnded(sessionId);
  }

  unused(claims: GrantClaims, code: RefusalCode): void {
    if (unseenCodes.includes(code)) this.#used.release(claims.jti);
  }

  peerCertificate(socket: tls.TLSSocket): ProvenCertificate | Denied | undefined {
    const certificate = this.#certificates.of(socket, socket.authorized);
    if (!certificate) return undefined;
    const { identity, fingerprint, weak } = certificate;
    const now = Date.now();
    if (!socket.authorized) return { code: "certificate-untrusted", detail: `The client certificate ${certificate.summary.subject} is not accepted: ${String(socket.authorizationError)}.` };
    if (certificate.validToMs < now) return { code: "certificate-expired", detail: `The client certificate ended ${certificate.summary.notAfter}.` };
    if (certificate.validFromMs > now) return { code: "certificate-not-yet-valid", detail: `The client certificate begins ${certificate.summary.notBefore}.` };
    if (weak !== undefined) return { code: "certificate-weak", detail: weak };
    if (!certificate.isForClients || certificate.isCa) return { code: "certificate-purpose", detail: "The client certificate is not for clients." };
    if (!identity || identity.organisationId !== this.#options.organisationId || identity.trustDomain !== this.#options.trustDomain) return { code: "certificate-identity", detail: "The client certificate carries no identity of this organisation." };
    return { identity, fingerprint };
  }

  isPeer(gatewayId: string): boolean {
    return gatewayId !== this.#options.gatewayId && (this.#snapshot?.peers.some((peer) => peer.gatewayId === gatewayId) ?? false);
  }

  holds(agentId: string): boolean {
    return this.#options.socketOf(agentId) !== undefined;
  }

  async openStream(agentId: string, head: ReachHead, asked: { isPeer: boolean }): Promise<Found> {
    if (this.#isDraining) return { kind: "refused", code: "gateway-draining", detail: "This gateway is being stopped; use another one." };
    const here = await this.#openHere(agentId, head);
    if (here && (here.kind === "open" || here.code !== "reach-agent-away")) return here;
    if (asked.isPeer) return here ?? { kind: "refused", code: "reach-agent-away", detail: "Its channel is not at this gateway." };
    return await this.#openElsewhere(agentId, head);
  }

  refused(raw: net.Socket, refusal: Refused & { target: string | null; agentId: string | null }, client: { id: string; socket?: tls.TLSSocket }): void {
    const { code, agentId } = refusal;
    const [detail, target] = [shownText(refusal.detail), refusal.target === null ? null : shownText(refusal.target)];
    const source = endpointText(peerEndpoint(raw)).slice(0, 60);
    const certificate = client.socket ? this.#certificates.of(client.socket, client.socket.authorized)?.summary ?? null : null;
    this.#refusedBy.set(code, (this.#refusedBy.get(code) ?? 0) + 1);
    this.#refusals.add({ code, detail, connectionId: client.id, source, listenerId: this.#snapshot?.inside?.id ?? null, serverName: null, target: target?.slice(0, 300) ?? null, agentId, certificate });
    this.#flush ??= setTimeout(() => this.#flushRefusals(), refusalsEveryMs).unref();
    this.#options.onLog({ at: new Date().toISOString(), level: "warn", message: `inside listener refused ${source}: ${detail}`, fields: { code, connectionId: client.id, source, target: target?.slice(0, 300) ?? null, agentId } });
  }

  // Inside ----------------------------------------------------------------------------------------------------------

  #established(socket: tls.TLSSocket, raw: net.Socket, done: () => void): void {
    const given = { id: nextConnectionId(), socket, raw };
    if (socket.alpnProtocol === peerAlpn) servePeer(this, given, done).catch(() => socket.destroy());
    else serveClient(this, given, done);
  }

  async #openHere(agentId: string, head: ReachHead): Promise<Found | undefined> {
    const path = this.#options.socketOf(agentId);
    if (path === undefined) return undefined;
    const channelId = this.#options.channelOf(agentId);
    const result = await openThroughEngine(path, { kind: "forward", agentId, head });
    if (result.kind === "refused") return result;
    const whyCut = (): string => {
      if (this.#options.channelOf(agentId) === channelId) return "the agent or its service cut the connection";
      const why = this.#options.whyEnded(agentId);
      return why === undefined ? "the agent's channel was lost" : `the agent's channel was lost: ${why}`;
    };
    return { ...result, channelGatewayId: this.#options.gatewayId, whyCut };
  }

  /** Where the console says it is; while the console is away, every peer is asked. */
  async #openElsewhere(agentId: string, head: ReachHead): Promise<Found> {
    const all = this.#snapshot?.peers ?? [];
    let seen: string | null = null;
    let isConsoleAway = false;
    let peers = all;
    try {
      const { locations, lastSeenAt } = await this.#options.locate(agentId);
      seen = lastSeenAt;
      peers = locations.flatMap(({ gatewayId }) => all.filter((peer) => peer.gatewayId === gatewayId && peer.gatewayId !== this.#options.gatewayId));
      const missing = locations.find(({ gatewayId }) => gatewayId !== this.#options.gatewayId && !all.some((peer) => peer.gatewayId === gatewayId));
      if (peers.length === 0 && missing) return { kind: "refused", code: "reach-peer", detail: `The agent's channel is at gateway ${missing.gatewayId}, which has no inside listener.` };
    } catch (error) {
      isConsoleAway = true;
      this.#options.onLog({ at: new Date().toISOString(), level: "debug", message: `the console cannot say where agent ${agentId} is: ${explain(error)}`, fields: { agentId } });
    }
    let last: Found | undefined;
    const deadline = performance.now() + elsewhereMs;
    const identity = { ...this.#options.identity, caPem: this.#snapshot?.clientTrustAnchorsPem.join("\n") ?? this.#options.identity.caPem };
    for (const peer of peers.slice(0, peersTriedMax)) {
      if (performance.now() > deadline) break;
      const result = await openThroughPeer(peer, identity, { kind: "forward", agentId, head });
      if (result.kind === "open") return { ...result, channelGatewayId: peer.gatewayId, whyCut: () => `the way through gateway ${peer.name} was lost: that gateway, or the agent's channel to it` };
      // Elsewhere it may have come back meanwhile; any other answer is the agent's or its gateway's own.
      if (result.code !== "reach-agent-away" && result.code !== "reach-peer" && result.code !== "gateway-draining") return result;
      if (!last || last.kind === "open" || last.code !== "reach-peer") last = result;
    }
    if (last && (last.kind === "open" || last.code === "reach-peer")) return last;
    const since = seen === null ? "" : ` It was last seen ${seen}.`;
    return { kind: "refused", code: "reach-agent-away", detail: isConsoleAway ? "It has no channel here, and the console cannot be asked where it is." : `It has no channel to any gateway now.${since}` };
  }

  #flushRefusals(): void {
    this.#flush = undefined;
    const { refusals, dropped } = this.#refusals.take();
    if (refusals.length > 0 || dropped > 0) this.#options.onRefusals(refusals, dropped);
    if (this.#refusals.size > 0) this.#flush = setTimeout(() => this.#flushRefusals(), refusalsEveryMs).unref();
  }

  #logEnd({ facts, bytesUp, bytesDown, endReason, openedAt }: SessionEnd): void {
    const { sessionId, agentId, source, channelGatewayId } = facts;
    this.#options.onLog({ at: new Date().toISOString(), level: "info", message: `session of ${source} to agent ${agentId} ended: ${endReason}`, fields: { sessionId, agentId, source, channelGatewayId, bytesUp, bytesDown, openedAt, endReason } });
  }
}
