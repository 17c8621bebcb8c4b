/** Builds the whole desired state of gateways from the rows, read in one transaction so that it is a state that was really committed. Many at once cost as many queries as one. */
import type { z } from "zod";
import type { gatewayPeer } from "../../../contract/channel.ts";
import type { ConsoleKeys } from "../../../contract/command.ts";
import type { SnapshotRelay } from "../../../contract/relay.ts";
import { type ListenerCertificate, listenerLimits, type Snapshot, snapshot, snapshotFormat, type TunnelListener } from "../../../contract/snapshot.ts";
import { Prisma, type Db, type Tx } from "../../db.ts";
import { trustAnchors } from "../certificate/authority.ts";
import { sealPurpose } from "../certificate/store.ts";
import { consoleKeysOf } from "../console-key/keys.ts";
import { relaysOfGateways } from "../relay/for-gateways.ts";
import { openKey } from "../seal.ts";
import { type ServicesByGateway, servicesOfGateways } from "./services.ts";

const columns = {
  id: true, name: true, revision: true, publicNames: true, certificateKind: true, certificateKeyType: true, certificateGeneration: true, importedCertificateId: true, drainTimeoutSeconds: true, isFipsOnly: true, forwardLogs: true,
  insideAddress: true, insidePort: true, insideNames: true, insideListenerId: true,
  organisation: { select: { id: true, trustDomain: true } },
  listeners: { orderBy: { ordinal: "asc" }, select: { id: true, address: true, port: true, directServerId: true, directPort: true, limits: true, acceptProxy: true } },
  servers: { select: { server: { select: { id: true, name: true, kind: true, isAgentSite: true, names: true, ports: true, addresses: true } } } },
} satisfies Prisma.GatewaySelect;
type GatewayRow = Prisma.GatewayGetPayload<{ select: typeof columns }>;

/** The newest snapshot of each of these gateways, checked against the contract. One that is missing in the answer is not of this organisation; one that cannot be built is an Error. */
export async function buildSnapshots(db: Db, organisationId: string, gatewayIds: readonly string[], now: Date = new Date()): Promise<Map<string, Snapshot | Error>> {
  // Before the transaction: the keys are made when first asked for, and a state that is only read must not write.
  const consoleKeys = await consoleKeysOf(db, organisationId);
  return await db.$transaction(async (tx) => {
    const gateways = await tx.gateway.findMany({ where: { id: { in: [...gatewayIds] }, organisationId }, select: columns });
    const { rootPem, issuingPem } = await trustAnchors(tx, organisationId);
    const imported = await importedCertificates(tx, organisationId, gateways);
    const policies = await policiesOf(tx, organisationId);
    const services = await servicesOfGateways(tx, organisationId, gateways.map((gateway) => gateway.id));
    const peers = await insidePeers(tx, organisationId);
    const relays = await relaysOfGateways(tx, organisationId, gateways.map((gateway) => gateway.id));
    const built = new Map<string, Snapshot | Error>();
    for (const gateway of gateways) {
      try {
        built.set(gateway.id, assemble(gateway, { anchors: [rootPem, issuingPem], imported, policies, services, consoleKeys, peers, relays, now }));
      } catch (error) {
        built.set(gateway.id, error instanceof Error ? error : new Error(String(error)));
      }
    }
    return built;
  }, { isolationLevel: Prisma.TransactionIsolationLevel.RepeatableRead });
}

type GatewayPeer = z.infer<typeof gatewayPeer>;
type Shared = { anchors: string[]; imported: Map<string, ListenerCertificate>; policies: PolicyRow[]; services: ServicesByGateway; consoleKeys: ConsoleKeys; peers: GatewayPeer[]; relays: Map<string, SnapshotRelay[]>; now: Date };

function assemble(gateway: GatewayRow, shared: Shared): Snapshot {
  const certificate = listenerCertificateOf(gateway, shared.imported);
  const algorithms = gateway.isFipsOnly ? "fips" : "standard";
  return snapshot.parse({
    format: snapshotFormat,
    revision: gateway.revision,
    builtAt: shared.now.toISOString(),
    organisationId: gateway.organisation.id,
    gatewayId: gateway.id,
    gatewayName: gateway.name,
    trustDomain: gateway.organisation.trustDomain,
    clientTrustAnchorsPem: shared.anchors,
    listeners: gateway.listeners.map((listener) => listenerOf(listener, certificate, algorithms)),
    servers: gateway.servers.map(({ server }) => server),
    policies: shared.policies.map((policy) => ({ id: policy.id, name: policy.name, isEnabled: policy.isEnabled, namesThisGateway: policy.gateways.some((named) => named.gatewayId === gateway.id), groupIds: policy.groups.map((group) => group.groupId) })),
    ...shared.services.partOf(gateway.id, algorithms),
    inside: insideListenerOf(gateway),
    peers: shared.peers.filter((peer) => peer.gatewayId !== gateway.id),
    relays: shared.relays.get(gateway.id) ?? [],
    consoleKeys: shared.consoleKeys,
    drainTimeoutMs: gateway.drainTimeoutSeconds * 1000,
    forwardsLogs: gateway.forwardLogs,
    maxStaleMs: null,
  });
}

function listenerOf(listener: GatewayRow["listeners"][number], certificate: ListenerCertificate, algorithms: TunnelListener["algorithms"]): unknown {
  const { id, address, port, directServerId, directPort, acceptProxy } = listener;
  const mode = directServerId !== null && directPort !== null ? { kind: "direct", serverId: directServerId, port: directPort } : { kind: "connect" };
  return { id, address, port, mode, certificate, algorithms, acceptProxy, limits: listenerLimits.parse(listener.limits ?? {}) };
}

function listenerCertificateOf(gateway: GatewayRow, imported: Shared["imported"]): ListenerCertificate {
  if (gateway.certificateKind === "imported" && gateway.importedCertificateId !== null) {
    const found = imported.get(gateway.importedCertificateId);
    if (!found) throw new Error(`gateway ${gateway.id} uses an imported certificate that is gone or has no key`);
    return found;
  }
  return {
    kind: gateway.certificateKind === "ca-issued" ? "ca-issued" : "self-signed",
    generation: gateway.certificateGeneration,
    names: gateway.publicNames,
    keyType: gateway.certificateKeyType === "rsa-2048" ? "rsa-2048" : "ec-p256",
  };
}

/** The inside listener presents a certificate of the organisation's CA for the names by which people and other gateways reach it; its key stays on the gateway. */
function insideListenerOf(gateway: GatewayRow): unknown {
  if (gateway.insideAddress === null) return null;
  return { id: gateway.insideListenerId, address: gateway.insideAddress, port: gateway.insidePort, certificate: { kind: "ca-issued", generation: gateway.certificateGeneration, names: gateway.insideNames, keyType: "ec-p256" } };
}

/** All inside listeners of the organisation: a gateway asks another for an agent whose channel is there. */
async function insidePeers(tx: Tx, organisationId: string): Promise<GatewayPeer[]> {
  const rows = await tx.gateway.findMany({ where: { organisationId, insideAddress: { not: null } }, select: { id: true, name: true, insideNames: true, insidePort: true }, orderBy: { nameKey: "asc" }, take: 500 });
  return rows.flatMap((row) => (row.insideNames[0] === undefined ? [] : [{ gatewayId: row.id, name: row.name, host: row.insideNames[0], port: row.insidePort }]));
}

/** Opened here and nowhere kept: the keys travel in the snapshot over the control channel only. */
async function importedCertificates(tx: Tx, organisationId: string, gateways: readonly GatewayRow[]): Promise<Shared["imported"]> {
  const ids = gateways.filter((gateway) => gateway.certificateKind === "imported").flatMap((gateway) => gateway.importedCertificateId ?? []);
  if (ids.length === 0) return new Map();
  const rows = await tx.certificate.findMany({ where: { id: { in: ids }, organisationId }, select: { id: true, fingerprint: true, chainPem: true, sealedKey: true, purpose: true } });
  return new Map(rows.flatMap((row) => (row.sealedKey ? [[row.id, { kind: "imported", fingerprint: row.fingerprint, chainPem: row.chainPem, keyPem: openKey(row.sealedKey, sealPurpose(row.purpose)) }] as const] : [])));
}

const policyColumns = { id: true, name: true, isEnabled: true, gateways: { select: { gatewayId: true } }, groups: { select: { groupId: true }, take: 1_000 } } satisfies Prisma.PolicySelect;
type PolicyRow = Prisma.PolicyGetPayload<{ select: typeof policyColumns }>;

/** Every policy of the organisation: a refusal can then say whether there is none, a disabled one, or one of another gateway. */
async function policiesOf(tx: Tx, organisationId: string): Promise<PolicyRow[]> {
  return await tx.policy.findMany({ where: { organisationId }, orderBy: { name: "asc" }, take: 1_000, select: policyColumns });
}
