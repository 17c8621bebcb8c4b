/**
 * Opens a stream to an agent: over the Unix socket of the engine that holds its channel, or over the inside listener of the gateway that does (ALPN
 * `sallyport-peer/1`, both sides proven by the organisation's CA). The same head and answer on both ways.
 */
import net from "node:net";
import type { Duplex } from "node:stream";
import tls from "node:tls";
import { type ForwardHead, type GatewayPeer, peerAlpn, streamAnswer } from "../../contract/channel.ts";
import type { AgentErrorCode, RefusalCode } from "../../contract/error-codes.ts";
import { explain } from "../errors.ts";
import { ciphers } from "../net/ciphers.ts";
import { openLocalStream } from "../net/local-stream.ts";
import { readStreamHead, StreamHeadError, writeStreamHead } from "../net/stream-head.ts";
import type { Refused } from "./answer.ts";

/**
 * A stream to the agent's service, paused behind the accepted head; `raw` is the socket beneath its TLS. `isCut`: asked when it has ended, tells whether the other
 * gateway is gone: the connections of a killed program end like those of one that is done.
 */
export type AgentStream = { socket: Duplex; raw: Duplex; isCut?: () => Promise<boolean> };
export type OpenResult = ({ kind: "open" } & AgentStream) | ({ kind: "refused" } & Refused);

export type PeerIdentity = { certificateChainPem: string; keyPem: string; caPem: string };

/** To an engine of this machine, milliseconds. */
const localConnectMs = 2_000;
/** TCP and TLS to a peer, milliseconds. */
const peerConnectMs = 5_000;
/** The same where only its being there is asked, milliseconds. */
const probeMs = 1_000;
/** Head to answer: the agent dials its service meanwhile, milliseconds. */
const answerMs = 15_000;

/** What an agent's own refusal means to whoever asked. */
const meanings: Partial<Record<AgentErrorCode, RefusalCode>> = { "service-not-listed": "reach-service-refused", "service-not-answering": "reach-service-unreachable", "grant-refused": "reach-grant" };
/** Codes that an engine or a peer may pass on as they are; anything else from them is their own matter. */
const passedOn: readonly string[] = ["reach-agent-away", "reach-grant", "reach-service-refused", "reach-service-unreachable", "gateway-draining", "gateway-full"] satisfies RefusalCode[];

/** Through the engine's own socket, whose streams can say that they were cut. */
export async function openThroughEngine(path: string, head: ForwardHead): Promise<OpenResult> {
  try {
    const socket = await openLocalStream(path, localConnectMs);
    return await ask({ socket, raw: socket }, head, "the engine");
  } catch (error) {
    return away(`The engine that holds its channel does not answer: ${explain(error)}.`);
  }
}

/** Through another gateway. A gateway never passes a peer's request on to a third one. */
export async function openThroughPeer(peer: GatewayPeer, identity: PeerIdentity, head: ForwardHead): Promise<OpenResult> {
  const raw = net.connect({ host: peer.host, port: peer.port, allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 });
  const where = `gateway ${peer.name} at ${peer.host}:${peer.port}`;
  const noTcp = await connected(raw, "connect", peerConnectMs);
  if (noTcp !== undefined) return lost(`${where}: ${noTcp}.`);
  const socket = tls.connect({
    socket: raw, cert: identity.certificateChainPem, key: identity.keyPem, ca: identity.caPem, ...(net.isIP(peer.host) === 0 ? { servername: peer.host } : {}),
    checkServerIdentity: (_name, certificate) => tls.checkServerIdentity(peer.host, certificate), ALPNProtocols: [peerAlpn], minVersion: "TLSv1.3", ciphers, allowHalfOpen: true,
  } as tls.ConnectionOptions);
  const noTls = await connected(socket, "secureConnect", peerConnectMs);
  if (noTls !== undefined) return lost(`${where}: ${noTls}.`);
  if (socket.alpnProtocol !== peerAlpn) {
    socket.destroy();
    return lost(`${where} does not speak ${peerAlpn}.`);
  }
  return await ask({ socket, raw, isCut: async () => !(await isThere(peer)) }, head, where);
}

/** Whether the peer's program still listens; a killed one's port is closed at once. */
async function isThere(peer: GatewayPeer): Promise<boolean> {
  const probe = net.connect({ host: peer.host, port: peer.port });
  const why = await connected(probe, "connect", probeMs);
  probe.destroy();
  return why === undefined;
}

async function ask(stream: AgentStream, head: ForwardHead, where: string): Promise<OpenResult> {
  const { socket } = stream;
  socket.on("error", () => {}); // told to the reader of the head, or through the splice
  socket.write(writeStreamHead(head));
  try {
    const answer = streamAnswer.parse(await readStreamHead(socket, { timeoutMs: answerMs }));
    if (answer.kind === "accepted") return { kind: "open", ...stream };
    socket.destroy();
    return answer.kind === "refused" ? meaningOf(answer, where) : lost(`${where} answered something else.`);
  } catch (error) {
    socket.destroy();
    if (error instanceof StreamHeadError && error.code === "timeout") return { kind: "refused", code: "reach-service-unreachable", detail: `No answer came through ${where} in ${answerMs / 1000} s.` };
    return away(`The way to it through ${where} ended before an answer: ${explain(error)}.`);
  }
}

function meaningOf({ code, detail }: { code: string; detail: string }, where: string): OpenResult {
  const meaning = passedOn.includes(code) ? (code as RefusalCode) : meanings[code as AgentErrorCode];
  if (meaning) return { kind: "refused", code: meaning, detail };
  return code === "reach-peer" ? lost(`${where}: ${detail}`) : { kind: "refused", code: "reach-service-unreachable", detail: `${code}: ${detail}` };
}

function away(detail: string): OpenResult {
  return { kind: "refused", code: "reach-agent-away", detail };
}

function lost(detail: string): OpenResult {
  return { kind: "refused", code: "reach-peer", detail };
}

/** Resolves with undefined once `event` came, else with a sentence; the socket is destroyed then. */
async function connected(socket: net.Socket, event: "connect" | "secureConnect", timeoutMs: number): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const settle = (why: string | undefined): void => {
      clearTimeout(timer);
      socket.off(event, came).off("error", failed).off("close", closed);
      if (why !== undefined) socket.on("error", () => {}).destroy();
      resolve(why);
    };
    const came = (): void => settle(undefined);
    const failed = (error: Error): void => settle(explain(error));
    const closed = (): void => settle("the connection was closed");
    const timer = setTimeout(() => settle(`no answer in ${timeoutMs} ms`), timeoutMs);
    socket.on(event, came).on("error", failed).on("close", closed);
  });
}
