/**
 * The control port: TLS 1.3, a certificate per organisation chosen by the name in the handshake, WebSocket on /control. A client without a certificate finds
 * `enrol` and nothing else; one with a certificate must be a gateway whose row is current, in the organisation whose CA issued it. No page, no other procedure.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import tls, { type SecureContext, type TLSSocket } from "node:tls";
import { getWSConnectionHandler } from "@trpc/server/adapters/ws";
import { WebSocketServer, type WebSocket } from "ws";
import type { Db } from "../db.ts";
import { ConsoleError } from "../errors.ts";
import type { Readiness } from "../http.ts";
import { errorFields, log } from "../log.ts";
import { authenticateGateway } from "../services/gateway/authenticate.ts";
import { type ControlCertificate, controlCertificates } from "../services/gateway/control-certificates.ts";
import { gatewayCaller } from "../services/gateway/gateway-caller.ts";
import { GatewayConnection } from "./connection.ts";
import { Doors, gatewayBytesMax, gatewayMessagesMax, strangerBytesMax } from "./doors.ts";
import type { FanOut } from "./fan-out.ts";
import { readPeer, sourceOf } from "./peer.ts";
import { channelRouter, enrolRouter } from "./router.ts";

/** Certificates are read again this often, so that a renewed one or a new organisation's is served without a restart, milliseconds. */
const certificatesEveryMs = 30_000;
const pingEveryMs = 10_000;
/** Gateways report at most this often, milliseconds. */
const reportEveryMs = 1_000;
/** Messages that somebody without a certificate may send on one connection: one enrolment, and a repetition. */
const strangerMessagesMax = 4;

export type ChannelServerOptions = { db: Db; fanOut: FanOut; host: string; port: number; readiness: () => Promise<Readiness> };

export class ChannelServer {
  readonly #options: ChannelServerOptions;
  readonly #doors = new Doors();
  readonly #sockets = new Set<Socket>();
  readonly #strangers = new WebSocketServer({ noServer: true, maxPayload: strangerBytesMax, perMessageDeflate: false, clientTracking: false });
  readonly #gateways = new WebSocketServer({ noServer: true, maxPayload: gatewayBytesMax, perMessageDeflate: false, clientTracking: false });
  readonly #contexts = new Map<string, { fingerprint: string; context: SecureContext }>();
  /** The connection a WebSocket belongs to, from upgrade to close. */
  readonly #connections = new WeakMap<WebSocket, GatewayConnection>();
  #server: https.Server | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ChannelServerOptions) {
    this.#options = options;
  }

  get port(): number {
    return (this.#server?.address() as AddressInfo | null)?.port ?? 0;
  }

  /** Binds and serves. Throws when there is no certificate yet, or the port cannot be bound (names the cure). */
  async start(): Promise<void> {
    const [first, ...others] = await controlCertificates(this.#options.db);
    if (!first) throw new Error("the control channel has no certificate; the console makes one at its start");
    const server = https.createServer({
      ...secureOptions(first),
      SNICallback: (name, done) => done(null, this.#contextFor(name)),
      requestCert: true,
      // The reason of a refusal must be ours to tell, and a gateway that enrols has no certificate: readPeer decides.
      rejectUnauthorized: false,
      handshakeTimeout: 8_000,
      maxHeaderSize: 8_192,
    });
    this.#server = server;
    this.#learn([first, ...others]);
    server.requestTimeout = 10_000;
    server.headersTimeout = 8_000;
    server.keepAliveTimeout = 2_000;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      this.#doors.enter(socket);
    });
    // An unfinished handshake stays open until somebody destroys it (H1).
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    server.on("secureConnection", (socket) => socket.on("error", () => socket.destroy()));
    server.on("request", (request, response) => void this.#answer(request, response));
    server.on("upgrade", (request, socket, head) => void this.#upgrade(request, socket, head));
    await listen(server, this.#options.host, this.#options.port);
    this.#timer = setInterval(() => void this.#readCertificates(), certificatesEveryMs).unref();
  }

  /** Takes nobody any more, tells every gateway to come back later, and ends what is left. Safe to call twice. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.#options.fanOut.endAll("the console is stopping");
    const timer = setTimeout(() => { for (const socket of this.#sockets) socket.destroy(); }, 1_000);
    await closed;
    clearTimeout(timer);
  }

  #contextFor(name: string): SecureContext | undefined {
    return this.#contexts.get(name.toLowerCase().split(".")[0] ?? "")?.context;
  }

  #learn(certificates: readonly ControlCertificate[]): void {
    for (const certificate of certificates) {
      if (this.#contexts.get(certificate.organisationId)?.fingerprint === certificate.fingerprint) continue;
      this.#contexts.set(certificate.organisationId, { fingerprint: certificate.fingerprint, context: tls.createSecureContext(secureOptions(certificate)) });
    }
  }

  async #readCertificates(): Promise<void> {
    try {
      const certificates = await controlCertificates(this.#options.db);
      this.#learn(certificates);
      if (certificates[0]) this.#server?.setSecureContext(secureOptions(certificates[0]));
    } catch (error) {
      log.warn(errorFields(error), "control: certificates could not be read again; the ones in use stay");
    }
  }

  /** Plain requests: up, and ready. Nothing else answers here. */
  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const reply = (status: number, text: string): void => void response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", connection: "close" }).end(`${text}\n`);
    if (request.method !== "GET" || (request.url !== "/healthz" && request.url !== "/readyz")) return reply(404, "not found");
    if (request.url === "/healthz") return reply(200, "up");
    const state = await this.#options.readiness();
    if (state.kind === "ready") reply(200, "ready");
    else reply(503, `${state.reason} Connected gateways serve what they have.`);
  }

  async #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    const socket = stream as TLSSocket; // an https server hands out the TLS socket
    stream.on("error", () => stream.destroy());
    if (request.url !== "/control") return refuse(socket, 404, "there is only /control here");
    const peer = readPeer(socket);
    const source = sourceOf(socket);
    if (peer.kind === "refused") {
      log.warn({ source, reason: peer.reason }, "control: a client was refused");
      return refuse(socket, 403, peer.reason);
    }
    if (peer.kind === "none") {
      this.#strangers.handleUpgrade(request, socket, head, (websocket) => this.#enrols(websocket, request, source));
      return;
    }
    try {
      const gateway = await authenticateGateway(this.#options.db, peer.leaf);
      if (socket.destroyed) return;
      this.#gateways.handleUpgrade(request, socket, head, (websocket) => this.#connects(websocket, request, { gateway, source }));
    } catch (error) {
      if (error instanceof ConsoleError) {
        log.warn({ source, gatewayId: peer.leaf.identity.id, fingerprint: peer.leaf.fingerprint }, "control: a gateway was refused");
        return refuse(socket, 403, error.message);
      }
      log.warn(errorFields(error), "control: a gateway cannot be checked just now");
      refuse(socket, 503, "the console cannot read its database just now");
    }
  }

  #enrols(websocket: WebSocket, request: IncomingMessage, source: string | null): void {
    this.#extend(request);
    let messages = 0;
    websocket.on("message", () => { if (++messages > strangerMessagesMax) websocket.terminate(); });
    getWSConnectionHandler({ wss: this.#strangers, router: enrolRouter, createContext: () => ({ stranger: { db: this.#options.db, source, requestId: randomUUID() } }) })(websocket, request);
  }

  #connects(websocket: WebSocket, request: IncomingMessage, peer: { gateway: Awaited<ReturnType<typeof authenticateGateway>>; source: string | null }): void {
    const { db, fanOut } = this.#options;
    const connectionKey = randomUUID();
    const caller = gatewayCaller(peer.gateway, { db, source: peer.source, requestId: connectionKey });
    const connection = new GatewayConnection({ socket: websocket, caller, gateway: peer.gateway, connectionKey, feed: fanOut.feedOf(peer.gateway.organisationId), snapshots: fanOut.snapshotsOf(peer.gateway.organisationId), memory: fanOut.memoryOf(peer.gateway.id), reportEveryMs });
    this.#connections.set(websocket, connection);
    this.#extend(request);
    const stopPings = keepAlive(websocket, () => { if (connection.isGreeted) this.#doors.proven(request.socket); });
    websocket.on("close", () => {
      stopPings();
      fanOut.remove(connection);
      connection.closed().catch((error: unknown) => log.warn(errorFields(error), "control: the end of a connection could not be recorded"));
      log.info({ gatewayId: peer.gateway.id, gateway: peer.gateway.name, connection: connectionKey }, "control: a gateway's channel is closed");
    });
    log.info({ gatewayId: peer.gateway.id, gateway: peer.gateway.name, source: peer.source, connection: connectionKey }, "control: a gateway opened its channel");
    getWSConnectionHandler({ wss: this.#gateways, router: channelRouter, createContext: () => ({ connection, fanOut }) })(websocket, request);
  }

  #extend(request: IncomingMessage): void {
    this.#doors.extend(request.socket);
  }
}

/** Pings; a gateway that answers none for two rounds is gone, one that floods is cut off. `onBeat` runs with every beat. Returns the stop. */
function keepAlive(websocket: WebSocket, onBeat: () => void): () => void {
  let [missed, messages] = [0, 0];
  websocket.on("pong", () => { missed = 0; });
  websocket.on("message", () => {
    missed = 0;
    messages += 1;
    if (messages > gatewayMessagesMax) websocket.terminate();
    setImmediate(onBeat);
  });
  const timer = setInterval(() => {
    onBeat();
    messages = 0;
    missed += 1;
    if (missed > 2) websocket.terminate();
    else websocket.ping();
  }, pingEveryMs).unref();
  return () => clearInterval(timer);
}

function secureOptions(certificate: ControlCertificate): tls.SecureContextOptions {
  return { cert: certificate.chainPem, key: certificate.keyPem, ca: certificate.caPem, minVersion: "TLSv1.3" };
}

function refuse(socket: TLSSocket, status: number, reason: string): void {
  const text = reason.replace(/[^\x20-\x7e]/g, " ").slice(0, 400);
  socket.end(`HTTP/1.1 ${status} Refused\r\nx-sallyport-reason: ${text}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
  setTimeout(() => socket.destroy(), 1_000).unref();
}

async function listen(server: https.Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const cure = error.code === "EADDRINUSE" ? "another program uses it; stop it or set SALLYPORT_CONTROL_PORT" : error.message;
      reject(new Error(`The control channel cannot listen on ${host} port ${port}: ${cure}.`, { cause: error }));
    });
    server.listen({ host, port }, () => {
      server.removeAllListeners("error");
      server.on("error", (error) => log.error(errorFields(error), "control: the listener had an error"));
      resolve();
    });
  });
}
