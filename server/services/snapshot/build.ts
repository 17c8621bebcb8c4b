/** Builds the whole desired state of one gateway from the rows, read in one transaction so that it is a state that was really committed. */
import { type ListenerCertificate, listenerLimits, type Snapshot, snapshot, snapshotFormat } from "../../../contract/snapshot.ts";
import { Prisma, type Db, type Tx } from "../../db.ts";
import { trustAnchors } from "../certificate/authority.ts";
import { sealPurpose } from "../certificate/store.ts";
import { openKey } from "../seal.ts";

const columns = {
  id: true, name: true, revision: true, publicNames: true, certificateKind: true, certificateKeyType: true, certificateGeneration: true, importedCertificateId: true, drainTimeoutSeconds: true,
  organisation: { select: { id: true, trustDomain: true } },
  listeners: { orderBy: { ordinal: "asc" }, select: { id: true, address: true, port: true, directServerId: true, directPort: true, limits: true } },
  servers: { select: { server: { select: { id: true, name: true, kind: true, isAgentSite: true, names: true, ports: true, addresses: true } } } },
} satisfies Prisma.GatewaySelect;
type GatewayRow = Prisma.GatewayGetPayload<{ select: typeof columns }>;

/** The gateway's newest snapshot, checked against the contract. Null when there is no such gateway in this organisation. */
export async function buildSnapshot(db: Db, organisationId: string, gatewayId: string, now: Date = new Date()): Promise<Snapshot | null> {
  return await db.$transaction(async (tx) => {
    const gateway = await tx.gateway.findFirst({ where: { id: gatewayId, organisationId }, select: columns });
    if (!gateway) return null;
    const { rootPem, issuingPem } = await trustAnchors(tx, organisationId);
    const certificate = await listenerCertificateOf(tx, gateway);
    return snapshot.parse({
      format: snapshotFormat,
      revision: gateway.revision,
      builtAt: now.toISOString(),
      organisationId,
      gatewayId,
      gatewayName: gateway.name,
      trustDomain: gateway.organisation.trustDomain,
      clientTrustAnchorsPem: [rootPem, issuingPem],
      listeners: gateway.listeners.map((listener) => listenerOf(listener, certificate)),
      servers: gateway.servers.map(({ server }) => server),
      policies: await policiesOf(tx, organisationId, gatewayId),
      drainTimeoutMs: gateway.drainTimeoutSeconds * 1000,
      maxStaleMs: null,
    });
  }, { isolationLevel: Prisma.TransactionIsolationLevel.RepeatableRead });
}

function listenerOf(listener: GatewayRow["listeners"][number], certificate: ListenerCertificate): unknown {
  const { id, address, port, directServerId, directPort } = listener;
  const mode = directServerId !== null && directPort !== null ? { kind: "direct", serverId: directServerId, port: directPort } : { kind: "connect" };
  return { id, address, port, mode, certificate, limits: listenerLimits.parse(listener.limits ?? {}) };
}

async function listenerCertificateOf(tx: Tx, gateway: GatewayRow): Promise<ListenerCertificate> {
  if (gateway.certificateKind === "imported" && gateway.importedCertificateId !== null) {
    const row = await tx.certificate.findFirst({ where: { id: gateway.importedCertificateId, organisationId: gateway.organisation.id }, select: { fingerprint: true, chainPem: true, sealedKey: true, purpose: true } });
    if (!row?.sealedKey) throw new Error(`gateway ${gateway.id} uses an imported certificate that is gone or has no key`);
    return { kind: "imported", fingerprint: row.fingerprint, chainPem: row.chainPem, keyPem: openKey(row.sealedKey, sealPurpose(row.purpose)) };
  }
  return {
    kind: gateway.certificateKind === "ca-issued" ? "ca-issued" : "self-signed",
    generation: gateway.certificateGeneration,
    names: gateway.publicNames,
    keyType: gateway.certificateKeyType === "rsa-2048" ? "rsa-2048" : "ec-p256",
  };
}

/** Every policy of the organisation: a refusal can then say whether there is none, a disabled one, or one of another gateway. */
async function policiesOf(tx: Tx, organisationId: string, gatewayId: string): Promise<unknown[]> {
  const policies = await tx.policy.findMany({
    where: { organisationId },
    orderBy: { name: "asc" },
    take: 1_000,
    select: { id: true, name: true, isEnabled: true, gateways: { where: { gatewayId }, select: { id: true }, take: 1 }, groups: { select: { groupId: true }, take: 1_000 } },
  });
  return policies.map((policy) => ({ id: policy.id, name: policy.name, isEnabled: policy.isEnabled, namesThisGateway: policy.gateways.length > 0, groupIds: policy.groups.map((group) => group.groupId) }));
}
