/** Who is at the other end of a control connection, from the certificate that this very connection has proven; nothing else is asked. */
import { createHash } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { type Identity, identityFromSubjectAltName } from "../../contract/names.ts";
import type { ProvenLeaf } from "../services/gateway/authenticate.ts";

export type Peer = { kind: "none" } | { kind: "gateway"; leaf: ProvenLeaf } | { kind: "refused"; reason: string };

/** Reads the peer right after the handshake. The runtime has judged the chain (`authorized`); dates are judged again because a resumed session is not (H5). */
export function readPeer(socket: TLSSocket, now: Date = new Date()): Peer {
  const certificate = socket.getPeerCertificate();
  if (!certificate?.raw) return { kind: "none" };
  if (!socket.authorized) return { kind: "refused", reason: `the client certificate is not accepted (${String(socket.authorizationError)}); it must be issued by this organisation's CA and valid by this machine's clock, ${now.toISOString()}` };
  if (now < new Date(certificate.valid_from) || now > new Date(certificate.valid_to)) return { kind: "refused", reason: "the client certificate is not valid now" };
  const identity: Identity | undefined = identityFromSubjectAltName(certificate.subjectaltname);
  if (identity?.kind !== "gateway") return { kind: "refused", reason: "the client certificate is not a gateway's" };
  return { kind: "gateway", leaf: { identity, fingerprint: createHash("sha256").update(certificate.raw).digest("hex") } };
}

/** The address the connection comes from, without the IPv4-mapped prefix. */
export function sourceOf(socket: TLSSocket): string | null {
  return socket.remoteAddress?.replace(/^::ffff:/, "") ?? null;
}
