/**
 * Start and stop of the agent site: a TLS listener of its own, for agents only (S1-16 to S1-20). It shares the services with the console and nothing of its pages.
 * States: starting -> listening -> closing -> closed. The handshake asks for a client certificate and never decides by itself: peer.ts does, with a reason.
 */
import { randomUUID } from "node:crypto";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { type Db, db } from "../db.ts";
import { env } from "../env.ts";
import { errorFields, log } from "../log.ts";
import { limits, Tally } from "./limits.ts";
import { sourceOf } from "./peer.ts";
import { RefusalLedger } from "./refusals.ts";
import { answerRequest, noteHandshakeRefusal, type SiteContext } from "./router.ts";
import { readTrust, type SiteTrust } from "./trust.ts";

export type AgentSite = {
  readonly port: number;
  /** Reads certificates and CAs again now; done every few seconds anyway. */
  refresh(): Promise<void>;
  /** Takes no new connection, lets running requests finish within a few seconds, then ends all. Safe to call twice. */
  close(): Promise<void>;
};

const refreshEveryMs = 5_000;
const closingTimeoutMs = 5_000;

/** Starts the agent site on the address of the environment, or on the one given. Throws when it cannot bind, naming address and cure. */
export async function startAgentSite(options: { host?: string; port?: number; db?: Db } = {}): Promise<AgentSite> {
  const database = options.db ?? db();
  const host = options.host ?? env().SALLYPORT_AGENT_SITE_HOST;
  const port = options.port ?? env().SALLYPORT_AGENT_SITE_PORT;
  const trust = { current: await readTrust(database) };
  const ledger = new RefusalLedger(database);
  const context: SiteContext = { db: database, ledger, organisationOf: (name) => trust.current.byName.get(name?.toLowerCase() ?? "")?.organisationId ?? trust.current.defaultOrganisationId };
  const server = makeServer(context, trust);
  await listen(server, host, port);
  const refresh = () => refreshTrust(database, server, trust);
  const timer = setInterval(() => void refresh().catch((error: unknown) => log.warn(errorFields(error), "agent site: certificates could not be read again")), refreshEveryMs).unref();
  const bound = (server.address() as AddressInfo).port; // listening on TCP, so the address has a port
  log.info({ host, port: bound }, "agent site: listening");
  let closing: Promise<void> | undefined;
  return {
    port: bound,
    refresh,
    close: () => {
      clearInterval(timer);
      closing ??= closeServer(server).then(() => ledger.flush());
      return closing;
    },
  };
}

function makeServer(context: SiteContext, trust: { current: SiteTrust }): https.Server {
  const server = https.createServer(
    {
      ...trust.current.default,
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeTimeoutMs,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: 2_000,
      maxHeaderSize: limits.headerBytesMax,
      sessionTimeout: 1,
      ALPNProtocols: ["http/1.1"],
      SNICallback: (name, done) => done(null, trust.current.byName.get(name.toLowerCase())?.context),
    },
    (request, response) => void answerRequest(context, request, response),
  );
  server.maxConnections = limits.connectionsMax;
  server.maxHeadersCount = 64;
  guardHandshakes(server, context);
  server.on("clientError", (_error, socket) => socket.destroy());
  server.on("error", (error) => log.error(errorFields(error), "agent site: the listener failed"));
  // Nothing here is upgraded or tunnelled.
  server.on("connect", (_request, socket) => socket.destroy());
  server.on("upgrade", (_request, socket) => socket.destroy());
  return server;
}

/**
 * From accept to the end of the handshake a connection belongs to nobody: it has a deadline of ours (H1) and counts against its source (T05). Whoever proves
 * no certificate stays counted until it leaves; whoever does counts against its own identity, so that a gateway's address may carry all its agents.
 */
function guardHandshakes(server: https.Server, context: SiteContext): void {
  const anonymous = new Tally();
  const identities = new Tally();
  /** Connections between accept and close, by their remote end. */
  const pending = new Map<string, { settle: () => void; release: () => void }>();
  server.on("connection", (socket: Socket) => {
    const source = sourceOf(socket);
    socket.on("error", () => socket.destroy());
    if (!anonymous.take(source, limits.anonymousPerSourceMax)) {
      noteHandshakeRefusal(context, { code: "source-limit", detail: `${limits.anonymousPerSourceMax} connections without a proven certificate`, source, connectionId: connectionId() });
      return socket.destroy();
    }
    const deadline = setTimeout(() => socket.destroy(), limits.handshakeTimeoutMs).unref();
    const settle = once(() => clearTimeout(deadline));
    const release = once(() => anonymous.release(source));
    const key = keyOf(socket); // a closed socket has no remote end any more
    pending.set(key, { settle, release });
    socket.on("close", () => {
      settle();
      release();
      pending.delete(key);
    });
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    socket.on("error", () => socket.destroy()); // H2: a record error after the handshake does not close by itself
    const entry = pending.get(keyOf(socket));
    entry?.settle();
    if (!socket.authorized) return;
    const fingerprint = socket.getPeerX509Certificate()?.fingerprint256 ?? "";
    if (!identities.take(fingerprint, limits.perIdentityMax)) return void socket.destroy();
    entry?.release();
    socket.on("close", () => identities.release(fingerprint));
  });
  server.on("tlsClientError", (error, socket) => {
    socket.destroy(); // H1: nobody else does
    const code = "code" in error ? String(error.code) : error.message;
    if (code === "ECONNRESET" || code === "ERR_TLS_HANDSHAKE_TIMEOUT") return;
    noteHandshakeRefusal(context, { code: code === "ERR_SSL_HTTP_REQUEST" || code === "ERR_SSL_WRONG_VERSION_NUMBER" ? "tls-not-tls" : code === "ERR_SSL_UNSUPPORTED_PROTOCOL" ? "tls-version" : "tls-handshake-failed", detail: code.slice(0, 200), source: sourceOf(socket), connectionId: connectionId() });
  });
}

/** A TLS socket and the TCP socket under it have the same remote end. */
function keyOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ""} ${socket.remotePort ?? 0}`;
}

function connectionId(): string {
  return `as-${randomUUID().slice(0, 13)}`;
}

function once(run: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    run();
  };
}

async function refreshTrust(database: Db, server: https.Server, trust: { current: SiteTrust }): Promise<void> {
  const fresh = await readTrust(database);
  if (fresh.tag === trust.current.tag) return;
  server.setSecureContext(fresh.default);
  trust.current = fresh;
  log.info("agent site: certificate or trusted CAs changed");
}

async function listen(server: https.Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException) => reject(new Error(`The agent site cannot listen on ${host} port ${port} (${error.code ?? error.message}); free the port or set SALLYPORT_AGENT_SITE_PORT.`, { cause: error }));
    server.once("error", refused);
    server.listen({ host, port }, () => {
      server.off("error", refused);
      resolve();
    });
  });
}

async function closeServer(server: https.Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), closingTimeoutMs);
  await closed;
  clearTimeout(timer);
}
