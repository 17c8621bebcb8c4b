/** Another gateway of the organisation asks for an agent whose channel is here. Proven by the certificate of its control channel; never passed on to a third. */
import type net from "node:net";
import type tls from "node:tls";
import { forwardHead, type StreamAnswer } from "../../contract/channel.ts";
import { explain } from "../errors.ts";
import { readStreamHead, writeStreamHead } from "../net/stream-head.ts";
import { peerEndpoint } from "../stream/peer-address.ts";
import type { Denied, ReachDesk } from "./desk.ts";

/** Handshake to complete head, milliseconds. */
const headMs = 5_000;
const lingerMs = 2_000;

type Peer = { id: string; socket: tls.TLSSocket; raw: net.Socket };

export async function servePeer(desk: ReachDesk, peer: Peer, done: () => void): Promise<void> {
  const gatewayId = provenGateway(desk, peer.socket);
  if (typeof gatewayId !== "string") return refuse(desk, peer, { ...gatewayId, agentId: null });
  let asked: ReturnType<typeof forwardHead.safeParse>;
  try {
    asked = forwardHead.safeParse(await readStreamHead(peer.socket, { timeoutMs: headMs }));
  } catch (error) {
    return refuse(desk, peer, { code: "channel-protocol", detail: `Gateway ${gatewayId} sent no request: ${explain(error)}.`, agentId: null });
  } finally {
    done();
  }
  if (!asked.success) return refuse(desk, peer, { code: "channel-protocol", detail: `Gateway ${gatewayId} sent a request that does not fit.`, agentId: null });
  await forward(desk, peer, asked.data);
}

async function forward(desk: ReachDesk, peer: Peer, { agentId, head }: ReturnType<typeof forwardHead.parse>): Promise<void> {
  // An agent that is not here costs no grant: the other gateway may find it elsewhere.
  if (!desk.holds(agentId)) return refuse(desk, peer, { code: "reach-agent-away", detail: "Its channel is not at this gateway.", agentId }, true);
  const claims = desk.claim(head.grant);
  if ("code" in claims) return refuse(desk, peer, { ...claims, agentId });
  if (claims.agent !== agentId || claims.jti !== head.sessionId) return refuse(desk, peer, { code: "reach-grant", detail: "The grant is not for what was asked.", agentId });
  const found = await desk.openStream(agentId, head, { isPeer: true });
  if (found.kind === "refused") {
    desk.unused(claims, found.code);
    return refuse(desk, peer, { code: found.code, detail: found.detail, agentId }, true);
  }
  if (peer.socket.destroyed) return void found.socket.destroy();
  if (desk.isEnded(claims.jti)) {
    found.socket.destroy();
    return refuse(desk, peer, { code: "reach-grant", detail: "The session was ended in the console before it began.", agentId }, true);
  }
  peer.socket.write(writeStreamHead({ kind: "accepted" } satisfies StreamAnswer));
  desk.ledger.open({ sessionId: claims.jti, agentId, channelGatewayId: found.channelGatewayId, source: peerEndpoint(peer.raw).address, until: claims.until, isReported: false, whyCut: found.whyCut }, { socket: peer.socket, raw: peer.raw }, found);
}

/** The gateway's id, or why it is none that may ask. */
function provenGateway(desk: ReachDesk, socket: tls.TLSSocket): string | Denied {
  const certificate = desk.peerCertificate(socket);
  if (!certificate) return { code: "certificate-missing", detail: "A gateway must show the certificate of its control channel." };
  if ("code" in certificate) return certificate;
  const { kind, id } = certificate.identity;
  if (kind !== "gateway" || !desk.isPeer(id)) return { code: "certificate-identity", detail: `The certificate is of ${kind} ${id}, which is no gateway with an inside listener.` };
  return id;
}

/** `isExpected`: the gateway that was asked says so to its client and in its own list. */
function refuse(desk: ReachDesk, peer: Peer, refusal: Denied & { agentId: string | null }, isExpected = false): void {
  if (!isExpected) desk.refused(peer.raw, { ...refusal, target: refusal.agentId === null ? null : `${refusal.agentId}.agents` }, peer);
  if (peer.socket.destroyed) return;
  const { code, detail } = refusal;
  peer.socket.end(writeStreamHead({ kind: "refused", code, detail: detail.slice(0, 500) } satisfies StreamAnswer));
  peer.socket.resume();
  setTimeout(() => peer.socket.destroy(), lingerMs).unref();
}
