/**
 * What agents may ask (contract/agent-site.ts). An agent acts on its own record only: its id comes from the certificate of the connection, never from a path
 * or a body (T21). Whatever is not listed here is answered with the same bytes, whoever asks (S1-17, S1-18).
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { TLSSocket } from "node:tls";
import { agentLogUpload, agentStatusReport, inventory } from "../../contract/agent-site.ts";
import { agentEnrolment } from "../../contract/enrolment.ts";
import { refusals, type RefusalCode } from "../../contract/error-codes.ts";
import type { Db } from "../db.ts";
import { ConsoleError } from "../errors.ts";
import { errorFields, log } from "../log.ts";
import { enrolAgent, type PresentedIdentity } from "../services/agent/enrol.ts";
import { policyForAgent } from "../services/agent/policy-for.ts";
import { proveAgent, settleCertificates } from "../services/agent/presence.ts";
import { recordInventory } from "../services/agent/record-inventory.ts";
import { recordLogs } from "../services/agent/record-logs.ts";
import { recordStatus } from "../services/agent/record-status.ts";
import type { Caller } from "../services/caller.ts";
import { readJson, sendEmpty, sendError, sendJson, sendNothingHere } from "./answer.ts";
import { commandRoutes } from "./command-routes.ts";
import { limits } from "./limits.ts";
import { type Connection, connectionOf, identifyPeer, type Peer } from "./peer.ts";
import type { RefusalLedger } from "./refusals.ts";

export type SiteContext = {
  db: Db;
  ledger: RefusalLedger;
  /** The organisation whose name this site's certificate carries for the connection; anonymous enrolment and refusals belong to it. */
  organisationOf: (servername: string | null) => string;
};

type AgentPeer = Extract<Peer, { kind: "agent" }>;
type Exchange = { request: IncomingMessage; response: ServerResponse; connection: Connection; requestId: string; context: SiteContext };
export type AgentExchange = Exchange & { peer: AgentPeer; caller: Caller };

/** Everything an agent can do with its own certificate. */
const agentRoutes: Record<string, (exchange: AgentExchange) => Promise<void>> = {
  "GET /v1/policy": sendPolicy,
  "PUT /v1/inventory": takeInventory,
  "POST /v1/status": takeStatus,
  "POST /v1/logs": takeLogs,
  ...commandRoutes,
  "GET /v1/time": async ({ response }) => sendJson(response, 200, { now: new Date().toISOString() }),
  "GET /healthz": async ({ response }) => sendJson(response, 200, { status: "ok" }),
  "GET /readyz": sendReadiness,
};

let requestsRunning = 0;

/** Answers one request; never throws. */
export async function answerRequest(context: SiteContext, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const connection = connectionOf(request.socket as TLSSocket);
  const exchange: Exchange = { request, response, connection, requestId: randomUUID(), context };
  if (requestsRunning >= limits.requestsMax) return sendError(response, { status: 503, code: "rate-limited", message: "The agent site is busy; try again.", requestId: exchange.requestId });
  requestsRunning += 1;
  try {
    await route(exchange);
  } catch (error) {
    fail(exchange, error);
  } finally {
    requestsRunning -= 1;
  }
}

async function route(exchange: Exchange): Promise<void> {
  const { request, response, connection } = exchange;
  const key = `${request.method ?? ""} ${request.url ?? ""}`;
  const handler = Object.hasOwn(agentRoutes, key) ? agentRoutes[key] : undefined;
  if (key === "POST /v1/enrol") return enrol(exchange);
  if (!handler) return sendNothingHere(response);
  if (isLoopbackProbe(key, connection)) return key === "GET /readyz" ? sendReadiness(exchange) : sendJson(response, 200, { status: "ok" });
  const peer = await admit(exchange);
  if (peer) await handler({ ...exchange, peer, caller: callerFor(exchange, peer) });
}

/** The liveness probe of the machine itself needs no certificate. One that presents a certificate is judged by it, so that the answer means something. */
function isLoopbackProbe(key: string, connection: Connection): boolean {
  const isLoopback = connection.source === "127.0.0.1" || connection.source === "::1";
  return isLoopback && (key === "GET /healthz" || key === "GET /readyz") && !connection.socket.getPeerX509Certificate();
}

/** Agents ask for health every two seconds to learn that the LAN is there; for so long a verdict on the same connection is good enough for that question alone, ms. */
const healthVerdictMs = 5_000;

/** Lets a current agent through; answers and records the refusal of anybody else. */
async function admit(exchange: Exchange): Promise<AgentPeer | undefined> {
  const { request, context, connection } = exchange;
  const instance = instanceOf(request);
  const known = connection.lastAdmitted;
  if (request.url === "/healthz" && known && known.instance === instance && performance.now() - known.atMs < healthVerdictMs) return known.peer;
  const peer = await identifyPeer(context.db, exchange.connection.socket);
  if (peer.kind === "none") return refuse(exchange, { code: "certificate-missing", detail: "no client certificate", organisationId: null, agentId: null, certificate: null });
  if (peer.kind === "refused") return refuse(exchange, peer);
  if (peer.kind === "bundle") return refuse(exchange, { ...peer, code: "target-not-for-bundle", detail: "an enrolment bundle may only enrol", agentId: null });
  if (peer.kind === "probe") return answerProbe(exchange, peer);
  const verdict = await proveAgent(callerFor(exchange, peer), { agentId: peer.agentId, instance });
  if (verdict.kind === "clone") return refuse(exchange, { ...peer, code: "certificate-superseded", detail: "a newer run of the agent speaks with the same identity: two machines share one disk image; re-enrol one of them" });
  await settleCertificates(callerFor(exchange, peer), peer.agentId, peer.certificateId);
  connection.lastAdmitted = { peer, instance, atMs: performance.now() };
  return peer;
}

/** The console's check of this site learns that its certificate was accepted, and nothing else. */
function answerProbe(exchange: Exchange, peer: Extract<Peer, { kind: "probe" }>): undefined {
  const { request, response } = exchange;
  if (`${request.method ?? ""} ${request.url ?? ""}` !== "GET /healthz") return refuse(exchange, { ...peer, code: "certificate-identity", detail: "a check identity may only ask for health", agentId: null });
  sendJson(response, 200, { status: "ok" });
  return undefined;
}

/** A random id that our agent makes at each start; other clients send none. */
function instanceOf(request: IncomingMessage): string | null {
  const value = request.headers["sallyport-instance"];
  return typeof value === "string" && /^[0-9a-f-]{36}$/.test(value) ? value : null;
}

type Refused = Pick<Extract<Peer, { kind: "refused" }>, "code" | "detail" | "organisationId" | "agentId" | "certificate">;

function refuse(exchange: Exchange, refused: Refused): undefined {
  const { response, requestId } = exchange;
  note(exchange, refused);
  const message = `${refusals[refused.code].sentence} ${refusals[refused.code].cure}`;
  sendError(response, { status: 403, code: refused.code, message, requestId });
  return undefined;
}

function note({ context, connection, request }: Exchange, refused: Refused): void {
  const organisationId = refused.organisationId ?? context.organisationOf(serverNameOf(connection));
  context.ledger.add({ organisationId, code: refused.code, detail: refused.detail, connectionId: connection.id, source: connection.source, target: `${request.method ?? ""} ${request.url ?? ""}`.slice(0, 300), agentId: refused.agentId, certificate: refused.certificate });
}

function serverNameOf(connection: Connection): string | null {
  // Node types servername on the client side only; on the server it is the name asked for, or false.
  const { servername } = connection.socket as TLSSocket & { servername?: string | false | null };
  return servername || null;
}

function callerFor({ connection, requestId, context }: Exchange, peer: { organisationId: string; agentId?: string; agentName?: string }): Caller {
  return {
    actor: { kind: "agent", id: peer.agentId ?? "enrolment", name: peer.agentName ?? "enrolment" },
    organisationId: peer.organisationId,
    // Agents have no role: the services called here check the agent itself. `auditor` can change nothing in any other service.
    role: "auditor",
    requestId,
    source: connection.source,
    db: context.db,
  };
}

async function enrol(exchange: Exchange): Promise<void> {
  const { request, response, context, connection } = exchange;
  const peer = await identifyPeer(context.db, connection.socket);
  if (peer.kind === "refused") return refuse(exchange, peer);
  if (peer.kind === "probe") return refuse(exchange, { ...peer, code: "certificate-identity", detail: "a check identity may not enrol", agentId: null });
  const input = await readJson(request, agentEnrolment);
  const organisationId = peer.kind === "none" ? context.organisationOf(serverNameOf(connection)) : peer.organisationId;
  const caller = callerFor(exchange, peer.kind === "agent" ? peer : { organisationId });
  sendJson(response, 200, await enrolAgent(caller, input, presentedBy(peer)));
}

function presentedBy(peer: Exclude<Peer, { kind: "refused" | "probe" }>): PresentedIdentity {
  switch (peer.kind) {
    case "none":
      return { kind: "none" };
    case "bundle":
      return { kind: "bundle", bundleId: peer.bundleId };
    case "agent":
      return { kind: "agent", agentId: peer.agentId };
  }
}

async function sendPolicy({ request, response, peer, context }: AgentExchange): Promise<void> {
  const answer = await policyForAgent(context.db, peer.organisationId, peer.agentId, request.headers["if-none-match"] ?? null);
  if (answer.kind === "unchanged") return sendEmpty(response, 304, { etag: answer.etag });
  sendJson(response, 200, answer.policy, { etag: answer.etag });
}

async function takeInventory({ request, response, peer, caller }: AgentExchange): Promise<void> {
  await recordInventory(caller, peer.agentId, await readJson(request, inventory));
  sendEmpty(response, 204);
}

async function takeStatus({ request, response, peer, caller }: AgentExchange): Promise<void> {
  sendJson(response, 200, await recordStatus(caller, peer.agentId, await readJson(request, agentStatusReport)));
}

async function takeLogs({ request, response, peer, caller }: AgentExchange): Promise<void> {
  const { lines } = await readJson(request, agentLogUpload);
  await recordLogs(caller, peer.agentId, lines);
  sendEmpty(response, 204);
}

async function sendReadiness({ response, context }: Exchange): Promise<void> {
  await context.db.$queryRaw`SELECT 1`;
  sendJson(response, 200, { status: "ready" });
}

function fail(exchange: Exchange, error: unknown): void {
  const { response, requestId, connection, request } = exchange;
  if (error instanceof ConsoleError) return sendError(response, { status: error.status, code: error.code, message: error.message, requestId });
  if (isGone(error)) return void response.destroy();
  log.error({ ...errorFields(error), requestId, connectionId: connection.id, url: request.url }, "agent site: a request failed");
  const code = isDatabaseDown(error) ? "database-unavailable" : "internal";
  sendError(response, { status: code === "internal" ? 500 : 503, code, message: code === "internal" ? "Something failed on our side; the log has the details under the request id." : "The database cannot be reached; try again.", requestId });
}

/** The client left while we read its body: nobody to answer. */
function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ECONNRESET" || error.code === "ERR_STREAM_PREMATURE_CLOSE");
}

function isDatabaseDown(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && /^(P1\d\d\d|P2024|P2028|ECONNREFUSED|57P0\d)$/.test(error.code);
}

/** Refusals that can be told before a request was read, such as a failed handshake. */
export function noteHandshakeRefusal(context: SiteContext, refusal: { code: RefusalCode; detail: string; source: string; connectionId: string }): void {
  context.ledger.add({ ...refusal, organisationId: context.organisationOf(null), target: null, agentId: null, certificate: null });
}
