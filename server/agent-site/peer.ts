/**
 * Who is at the other end of a connection, and may still be: the handshake's verdict joined with the certificate's row. The row is read again for every
 * request that changes or tells anything, so that a revocation ends a connection that is kept open (T10, T11, T21).
 */
import { randomUUID } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { CertificateSummary } from "../../contract/control.ts";
import { type RefusalCode, refusals } from "../../contract/error-codes.ts";
import type { Db } from "../db.ts";
import { findPeerCertificate } from "../services/certificate/peer.ts";
import { judgePeer } from "./verify-peer.ts";

export type Peer =
  | { kind: "none" }
  | { kind: "agent"; organisationId: string; agentId: string; agentName: string; certificateId: string; certificate: CertificateSummary }
  | { kind: "bundle"; organisationId: string; bundleId: string; certificate: CertificateSummary }
  /** The console's own check; it may ask for health and nothing else. */
  | { kind: "probe"; organisationId: string; certificate: CertificateSummary }
  | { kind: "refused"; organisationId: string | null; agentId: string | null; code: RefusalCode; detail: string; certificate: CertificateSummary | null };

/** A connection's own facts, made once per socket. */
export type Connection = { readonly id: string; readonly source: string; readonly socket: TLSSocket; lastAdmitted: { peer: Extract<Peer, { kind: "agent" }>; instance: string | null; atMs: number } | undefined };

const connections = new WeakMap<TLSSocket, Connection>();

export function connectionOf(socket: TLSSocket): Connection {
  const known = connections.get(socket);
  if (known) return known;
  const made: Connection = { id: `as-${randomUUID().slice(0, 13)}`, source: sourceOf(socket), socket, lastAdmitted: undefined };
  connections.set(socket, made);
  return made;
}

/** IPv4 as such, also when the listener is dual-stack. */
export function sourceOf(socket: { remoteAddress?: string | undefined }): string {
  return (socket.remoteAddress ?? "unknown").replace(/^::ffff:(?=\d+\.)/, "");
}

/** Judges the connection's certificate and looks up whether it is current. One indexed query. */
export async function identifyPeer(db: Db, socket: TLSSocket, now: Date = new Date()): Promise<Peer> {
  const verdict = judgePeer(socket, now);
  if (verdict.kind === "none") return verdict;
  if (verdict.kind === "refused") return { ...verdict, organisationId: null, agentId: null };
  const { identity, fingerprint, certificate } = verdict;
  const refuse = (code: RefusalCode, agentId: string | null = null, organisationId: string | null = identity.organisationId): Peer => ({ kind: "refused", organisationId, agentId, code, detail: refusals[code].sentence, certificate });
  if (identity.kind !== "agent" && identity.kind !== "bundle" && identity.kind !== "probe") return refuse("certificate-identity", null, null);
  const row = await findPeerCertificate(db, { organisationId: identity.organisationId, fingerprint, purpose: identity.kind });
  // Without a row nobody vouches for the organisation in the name: it may not even exist.
  if (!row || row.organisation.trustDomain !== identity.trustDomain) return refuse("agent-unknown", null, row ? identity.organisationId : null);
  if (identity.kind === "probe") return row.revokedAt || !row.isCurrent ? refuse("agent-revoked") : { kind: "probe", organisationId: identity.organisationId, certificate };
  if (identity.kind === "agent") {
    if (!row.agent || row.agentId !== identity.id) return refuse("agent-unknown");
    if (row.revokedAt || row.agent.revokedAt) return refuse("agent-revoked", identity.id);
    if (!row.isCurrent) return refuse("certificate-superseded", identity.id);
    return { kind: "agent", organisationId: identity.organisationId, agentId: identity.id, agentName: row.agent.hostname, certificateId: row.id, certificate };
  }
  if (!row.bundle || row.bundleId !== identity.id) return refuse("agent-unknown");
  // A used-up bundle may still ask: the token decides, and repeating a spent enrolment with the same key must work.
  if (row.revokedAt || row.bundle.revokedAt || !row.isCurrent || row.bundle.expiresAt < now) return refuse("bundle-revoked");
  return { kind: "bundle", organisationId: identity.organisationId, bundleId: identity.id, certificate };
}
