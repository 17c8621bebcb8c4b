/**
 * One client of the inside listener, from finished handshake to its session or refusal: CONNECT NAME:PORT with a grant, an API key or the client certificate of a
 * service account. The console decides, the grant says so, and nothing is opened without one.
 */
import type net from "node:net";
import type tls from "node:tls";
import type { GrantClaims, ReachAuthorisation } from "../../contract/reach.ts";
import { readConnectHead } from "../stream/connect-head.ts";
import { peerEndpoint } from "../stream/peer-address.ts";
import { acceptedText, type Refused, refusalText } from "./answer.ts";
import { type Credential, readCredential } from "./credential.ts";
import type { Denied, ReachDesk } from "./desk.ts";
import { readReachTarget, type ReachTarget } from "./target.ts";

/** A refused client has this long to read why, milliseconds. */
const lingerMs = 2_000;

type Client = { id: string; socket: tls.TLSSocket; raw: net.Socket; source: string };
type Asked = { target: ReachTarget; credential: Credential };

export function serveClient(desk: ReachDesk, given: { id: string; socket: tls.TLSSocket; raw: net.Socket }, done: () => void): void {
  const client: Client = { ...given, source: peerEndpoint(given.raw).address };
  let read: Buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    read = read.length === 0 ? chunk : Buffer.concat([read, chunk]);
    const head = readConnectHead(read);
    if (head.kind === "incomplete") return;
    client.socket.off("data", onData).pause();
    done();
    if (head.kind === "refused") return refuse(desk, client, { code: head.code, detail: head.detail, target: head.target, agentId: null });
    const target = readReachTarget(head.target);
    if (!target) return refuse(desk, client, { code: "reach-name", detail: `"${head.target.slice(0, 200)}" is not NAME:PORT; write HOSTNAME.SITE.agents or AGENT-ID.agents and a port.`, target: head.target, agentId: null });
    const rest = read.subarray(head.headLength);
    if (rest.length > 0) client.socket.unshift(rest);
    serve(desk, client, { target, credential: readCredential(read.subarray(0, head.headLength)) }).catch(() => client.socket.destroy());
  };
  client.socket.on("data", onData);
}

async function serve(desk: ReachDesk, client: Client, asked: Asked): Promise<void> {
  const { target } = asked;
  const shown = `${target.text}:${target.port}`;
  // Known from here on: nothing that a client does may leave a request hanging.
  const granted = await grantOf(desk, client, asked).catch((error: unknown): Unproven => ({ code: "reach-console-away", detail: error instanceof Error ? error.message : String(error) }));
  if ("code" in granted) return refuse(desk, client, { ...granted, target: shown, agentId: granted.agentId ?? null });
  const { claims, grant, isOwn } = granted;
  const facts = { sessionId: claims.jti, agentId: claims.agent, source: client.source };
  const found = await desk.openStream(claims.agent, { kind: "reach", sessionId: claims.jti, grant }, { isPeer: false });
  if (found.kind === "refused") {
    desk.unused(claims, found.code);
    // Of a grant that somebody carries about, another gateway may still make something.
    if (isOwn) desk.ledger.failed(facts, `${found.code}: ${found.detail}`);
    return refuse(desk, client, { code: found.code, detail: found.detail, target: shown, agentId: claims.agent });
  }
  if (client.socket.destroyed || client.raw.destroyed) {
    found.socket.destroy();
    desk.ledger.failed(facts, "the client went away before the agent answered");
    return void client.socket.destroy();
  }
  if (desk.isEnded(claims.jti)) {
    found.socket.destroy();
    desk.ledger.failed(facts, "ended from the console");
    return refuse(desk, client, { code: "reach-grant", detail: "The session was ended in the console before it began.", target: shown, agentId: claims.agent });
  }
  client.socket.write(acceptedText(client.id, claims.jti));
  desk.ledger.open({ ...facts, channelGatewayId: found.channelGatewayId, until: claims.until, isReported: true, whyCut: found.whyCut }, { socket: client.socket, raw: client.raw }, found);
}

type Unproven = Denied & { agentId?: string };
type Granted = { claims: GrantClaims; grant: string; /** Asked for by this gateway, for this connection. */ isOwn: boolean };

async function grantOf(desk: ReachDesk, client: Client, { target, credential }: Asked): Promise<Granted | Unproven> {
  if (credential.kind === "refused") return { code: "reach-credential", detail: credential.detail };
  if (credential.kind === "grant") return carriedGrant(desk, target, credential.grant);
  const proof = credential.kind === "api-key" ? { kind: "api-key" as const, secret: credential.secret } : certificateOf(desk, client);
  if ("code" in proof) return proof;
  const question: ReachAuthorisation = { credential: proof, name: target.text, port: target.port, source: client.source };
  const reply = await desk.authorise(question);
  if (reply.kind === "refused") return { code: reply.code, detail: reply.detail };
  const verdict = desk.claim(reply.grant);
  if ("code" in verdict) return { ...verdict, agentId: reply.agentId };
  if (verdict.agent !== reply.agentId || verdict.port !== target.port) return { code: "reach-grant", detail: "The console's grant is not for what was asked." };
  return { claims: verdict, grant: reply.grant, isOwn: true };
}

/** A name could be anybody's here: only the console knows names, so a grant goes with the id that is in it. */
function carriedGrant(desk: ReachDesk, target: ReachTarget, grant: string): Granted | Unproven {
  const verdict = desk.look(grant);
  if ("code" in verdict) return verdict;
  if (target.name.kind !== "id" || target.name.agentId !== verdict.agent) return { code: "reach-grant", detail: `The grant is for the agent ${verdict.agent}; ask for ${verdict.agent}.agents:${verdict.port} with it.`, agentId: verdict.agent };
  if (target.port !== verdict.port) return { code: "reach-grant", detail: `The grant is for port ${verdict.port}, not ${target.port}.`, agentId: verdict.agent };
  const claimed = desk.claim(grant);
  return "code" in claimed ? { ...claimed, agentId: verdict.agent } : { claims: claimed, grant, isOwn: false };
}

function certificateOf(desk: ReachDesk, { socket }: Client): { kind: "certificate"; apiKeyId: string; fingerprint: string } | Denied {
  const certificate = desk.peerCertificate(socket);
  if (!certificate) return { code: "reach-credential", detail: "The request carries no Proxy-Authorization, and the connection no client certificate." };
  if ("code" in certificate) return certificate;
  if (certificate.identity.kind !== "key") return { code: "reach-credential", detail: `The client certificate is of ${certificate.identity.kind} ${certificate.identity.id}; only those of API keys count here.` };
  return { kind: "certificate", apiKeyId: certificate.identity.id, fingerprint: certificate.fingerprint };
}

function refuse(desk: ReachDesk, client: Client, refusal: Refused & { target: string | null; agentId: string | null }): void {
  desk.refused(client.raw, refusal, client);
  const { socket } = client;
  if (socket.destroyed) return;
  socket.end(refusalText(refusal, client.id));
  socket.resume(); // whatever it still sends goes nowhere, and must not keep its end from being seen
  setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once("end", () => socket.destroy());
}
