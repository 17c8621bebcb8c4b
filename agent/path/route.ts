/**
 * The ways from the agent to a server, each opened step by step (S0-13 to S0-22): directly on the LAN, through an ordinary HTTP proxy (direct mode only, S0-24,
 * S0-29), or through a gateway inside an outer TLS session whose leaf must be pinned before a byte of ours is sent (S1-53).
 */
import type { Duplex } from "node:stream";
import net from "node:net";
import type tls from "node:tls";
import type { AgentPolicy } from "../../contract/agent-site.ts";
import type { AgentPath, ConnectionStep } from "../../contract/states.ts";
import { AgentError, asAgentError } from "../errors.ts";
import { fingerprintOf } from "../identity/pem.ts";
import { authority, type ConnectAnswer, sendConnect } from "./connect.ts";
import { type Credentials, handshake } from "./handshake.ts";
import { dialBehind } from "./tcp.ts";

export type HttpProxy = { host: string; port: number };
export type PolicyGateway = AgentPolicy["gateways"][number];
export type Target = { host: string; port: number };

/** An agent channel as a way: `connect` streams on it lead to the servers of its gateway. */
export type ChannelWay = { gatewayId: string; gatewayName: string; channelId: string; openTo(target: Target, options: { timeoutMs: number; signal: AbortSignal }): Promise<Duplex> };

/** `via`: a proxy in front of the gateway, for the long-lived connections only (S0-30, S0-32). */
export type Route = { kind: "lan" } | { kind: "proxy"; proxy: HttpProxy } | { kind: "gateway"; gateway: PolicyGateway; via: HttpProxy | null } | { kind: "channel"; channel: ChannelWay };

/** The relay that is dialled instead of every other address; names and pins stay those of what stands behind it (S4-21). `isValidated` false: pins are not compared (S4-37). */
export type RelayUse = { host: string; port: number; isValidated: boolean };

/** Who we are towards gateways and servers, whose certificates we believe, and the relay between us and them. */
export type Trust = { credentials: Credentials | null; ca: string[]; relay: RelayUse | null };

export type Progress = { step: ConnectionStep; connectionId: string | null };

export type OpenOptions = {
  trust: Trust;
  signal: AbortSignal;
  /** Scales all deadlines; 1 is right for the Internet. */
  patience?: number;
  onProgress?: (progress: Progress) => void;
};

/** Bytes to the target, nothing of ours in them. `progress` is how far it got. */
export type OpenRoute = { socket: Duplex; progress: Progress };
/** A verified TLS session with the target. */
export type Session = { socket: tls.TLSSocket; progress: Progress };

/** Milliseconds. */
export const deadlines = { tcpMs: 4_000, lanTcpMs: 1_500, tlsMs: 6_000, lanTlsMs: 2_500, connectMs: 10_000 };

export function routeName(route: Route): string {
  switch (route.kind) {
    case "lan":
      return "LAN";
    case "proxy":
      return `proxy ${authority(route.proxy.host, route.proxy.port)}`;
    case "gateway":
      return route.gateway.name;
    case "channel":
      return `channel to ${route.channel.gatewayName}`;
  }
}

export function pathOf(route: Route): AgentPath {
  if (route.kind === "lan") return { kind: "lan" };
  if (route.kind === "proxy") return { kind: "proxy", address: authority(route.proxy.host, route.proxy.port) };
  if (route.kind === "channel") return { kind: "gateway", gatewayId: route.channel.gatewayId, name: route.channel.gatewayName };
  return { kind: "gateway", gatewayId: route.gateway.id, name: route.gateway.name };
}

/** Opens a way for bytes to `target`. Throws AgentError; everything opened on the way is closed again. */
export async function openRoute(route: Route, target: Target, options: OpenOptions): Promise<OpenRoute> {
  switch (route.kind) {
    case "lan":
      return openLan(target, options);
    case "proxy":
      return openProxy(route.proxy, target, options);
    case "gateway":
      return openGateway(route.gateway, route.via, target, options);
    case "channel":
      return openOnChannel(route.channel, target, options);
  }
}

/** Opens a verified TLS session to `target` over the route: the inner TLS when it is a gateway's. */
export async function openSession(route: Route, target: Target, options: OpenOptions): Promise<Session> {
  const { socket, progress } = await openRoute(route, target, options);
  const name = net.isIP(target.host) === 0 ? target.host : undefined;
  const timeoutMs = (route.kind === "lan" ? deadlines.lanTlsMs : deadlines.tlsMs) * (options.patience ?? 1);
  advance(progress, "inner-tls", options);
  try {
    return { socket: await handshake({ over: socket, servername: name, credentials: options.trust.credentials, timeoutMs, signal: options.signal, verify: { ca: options.trust.ca, host: target.host } }), progress };
  } catch (cause) {
    throw withProgress(new AgentError("server-untrusted", `${authority(target.host, target.port)} did not prove to be a server of this organisation (${messageOf(cause)}).`, cause), progress);
  }
}

/** The progress that a failed attempt had made, for the attempt's record. */
export function progressOf(error: unknown): Progress | undefined {
  return error instanceof AgentError ? reached.get(error) : undefined;
}

const reached = new WeakMap<AgentError, Progress>();

function withProgress(error: AgentError, progress: Progress): AgentError {
  if (!reached.has(error)) reached.set(error, { ...progress });
  return error;
}

function advance(progress: Progress, step: ConnectionStep, options: OpenOptions): void {
  progress.step = step;
  options.onProgress?.({ ...progress });
}

async function openLan(target: Target, options: OpenOptions): Promise<OpenRoute> {
  const progress: Progress = { step: "idle", connectionId: null };
  const socket = await dial(target, { unresolved: "lan-unreachable", unreachable: "lan-unreachable" }, deadlines.lanTcpMs, progress, options);
  return { socket, progress };
}

async function openProxy(proxy: HttpProxy, target: Target, options: OpenOptions): Promise<OpenRoute> {
  const progress: Progress = { step: "idle", connectionId: null };
  return { socket: await throughProxy(proxy, target, progress, options), progress };
}

async function openGateway(gateway: PolicyGateway, via: HttpProxy | null, target: Target, options: OpenOptions): Promise<OpenRoute> {
  const progress: Progress = { step: "idle", connectionId: null };
  const raw = await reachGateway(gateway, via, progress, options);
  const outer = await outerHandshake({ over: raw, gateways: [gateway], alpn: "http/1.1" }, progress, options);
  const answer = await askForTarget(outer, gateway, target, progress, options);
  progress.connectionId = answer.connectionId;
  advance(progress, "proxying", options);
  return { socket: outer, progress };
}

/** CONNECT over a connection by which we were dialled: whichever of the gateways it is. Throws AgentError. */
export async function connectOver(request: Omit<OuterHandshake, "alpn">, target: Target, options: OpenOptions): Promise<Duplex> {
  const progress: Progress = { step: "tcp", connectionId: null };
  const outer = await outerHandshake({ ...request, alpn: "http/1.1" }, progress, options);
  const presented = leafFingerprint(outer);
  const gateway = request.gateways.find((known) => presented !== undefined && known.pins.includes(presented)) ?? request.gateways[0];
  if (!gateway) throw new AgentError("gateway-refused", "The policy lists no gateway.");
  await askForTarget(outer, gateway, target, progress, options);
  return outer;
}

async function openOnChannel(channel: ChannelWay, target: Target, options: OpenOptions): Promise<OpenRoute> {
  const progress: Progress = { step: "outer-chain-ok", connectionId: channel.channelId };
  try {
    const socket = await channel.openTo(target, { timeoutMs: deadlines.connectMs * (options.patience ?? 1), signal: options.signal });
    advance(progress, "proxying", options);
    return { socket, progress };
  } catch (error) {
    throw withProgress(asAgentError(error, "gateway-refused"), progress);
  }
}

/** TCP to the gateway: directly, through the proxy in front of it, or to the relay that stands for it. */
export async function reachGateway(gateway: PolicyGateway, via: HttpProxy | null, progress: Progress, options: OpenOptions): Promise<Duplex> {
  const place = { host: gateway.fqdn, port: gateway.port };
  if (via !== null && options.trust.relay === null) return throughProxy(via, place, progress, options);
  return dial(place, { unresolved: "gateway-unresolved", unreachable: "gateway-unreachable" }, deadlines.tcpMs, progress, options);
}

/** What to shake hands over. More than one gateway: we were dialled, and the certificate tells by which of them. */
export type OuterHandshake = { over: Duplex; gateways: readonly PolicyGateway[]; alpn: string };

/** The outer TLS; resolves only when the leaf is pinned for one of the gateways (S1-53), or when this computer's owner turned that check off for its relay (S4-37). */
export async function outerHandshake(request: OuterHandshake, progress: Progress, options: OpenOptions): Promise<tls.TLSSocket> {
  const { over, gateways, alpn } = request;
  const name = gateways.map((gateway) => `${gateway.name} (${authority(gateway.fqdn, gateway.port)})`).join(" or ").slice(0, 200);
  advance(progress, "outer-tls", options);
  let outer: tls.TLSSocket;
  try {
    outer = await handshake({ over, servername: gateways[0]?.fqdn, credentials: options.trust.credentials, timeoutMs: deadlines.tlsMs * (options.patience ?? 1), signal: options.signal, verify: null, alpn });
  } catch (cause) {
    throw withProgress(new AgentError("gateway-tls", `TLS with ${name} failed: ${messageOf(cause)}.`, cause), progress);
  }
  const presented = leafFingerprint(outer);
  const pins = gateways.flatMap((gateway) => gateway.pins);
  if ((presented !== undefined && pins.includes(presented)) || options.trust.relay?.isValidated === false) return outer;
  outer.destroy();
  over.destroy();
  throw withProgress(new AgentError("pin-mismatch", `${name} presented ${presented ?? "no certificate"}; pinned: ${pins.join(", ")}.`), progress);
}

/** SHA-256 of the leaf's DER. */
export function leafFingerprint(socket: tls.TLSSocket): string | undefined {
  const leaf = socket.getPeerCertificate();
  return Buffer.isBuffer(leaf.raw) ? fingerprintOf(leaf.raw) : undefined;
}

async function askForTarget(outer: tls.TLSSocket, gateway: PolicyGateway, target: Target, progress: Progress, options: OpenOptions): Promise<ConnectAnswer> {
  let answer: ConnectAnswer;
  try {
    answer = await sendConnect(outer, authority(target.host, target.port), deadlines.connectMs * (options.patience ?? 1), options.signal);
  } catch (cause) {
    throw withProgress(new AgentError("gateway-refused", `${gateway.name} gave no answer: ${messageOf(cause)}.`, cause), progress);
  }
  if (answer.status === 200) return answer;
  outer.destroy();
  progress.connectionId = answer.connectionId;
  // 502 to 504 mean that the gateway let us pass and then failed with the server (S0-16, S0-17).
  if (answer.status >= 500) progress.step = "outer-chain-ok";
  throw withProgress(new AgentError("gateway-refused", `${gateway.name} answered ${answer.status}${answer.proxyStatus === null ? "" : ` (${answer.proxyStatus})`} for ${authority(target.host, target.port)}.`), progress);
}

async function throughProxy(proxy: HttpProxy, target: Target, progress: Progress, options: OpenOptions): Promise<Duplex> {
  const socket = await dial(proxy, { unresolved: "proxy-failed", unreachable: "proxy-failed" }, deadlines.tcpMs, progress, options);
  const place = authority(proxy.host, proxy.port);
  let answer: ConnectAnswer;
  try {
    answer = await sendConnect(socket, authority(target.host, target.port), deadlines.connectMs * (options.patience ?? 1), options.signal);
  } catch (cause) {
    throw withProgress(new AgentError("proxy-failed", `The proxy ${place} gave no answer: ${messageOf(cause)}.`, cause), progress);
  }
  if (answer.status === 200) return socket;
  socket.destroy();
  throw withProgress(new AgentError("proxy-failed", `The proxy ${place} answered ${answer.status} for ${authority(target.host, target.port)}.`), progress);
}

async function dial(place: Target, failure: { unresolved: AgentError["code"]; unreachable: AgentError["code"] }, timeoutMs: number, progress: Progress, options: OpenOptions): Promise<net.Socket> {
  advance(progress, "idle", options);
  try {
    const socket = await dialBehind(options.trust.relay, { ...place, timeoutMs: timeoutMs * (options.patience ?? 1), signal: options.signal, failure });
    advance(progress, "tcp", options);
    return socket;
  } catch (error) {
    throw withProgress(asAgentError(error, failure.unreachable), progress);
  }
}

function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const code = "code" in cause && typeof cause.code === "string" ? ` [${cause.code}]` : "";
  return `${cause.message}${cause.message.includes(code.trim()) ? "" : code}`.slice(0, 300);
}
