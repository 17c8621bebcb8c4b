/**
 * The part of snapshots that virtual services make: enabled services of these gateways, their certificates and keys, and their pools, each once. Keys are opened
 * here, once per key however many gateways share it, and nowhere kept. Three queries however many gateways.
 */
import { snapshotPool, type SnapshotPool } from "../../../contract/pool.ts";
import type { TunnelListener } from "../../../contract/snapshot.ts";
import { endsTls, type ServiceCertificate, type SnapshotService } from "../../../contract/virtual-service.ts";
import type { Prisma, Tx } from "../../db.ts";
import { sealPurpose } from "../certificate/store.ts";
import { poolSettingsColumns, poolSettingsOf } from "../pool/read.ts";
import { openKey } from "../seal.ts";
import { persistenceKeyPurpose } from "../virtual-service/persistence-key.ts";
import { limitsOf, serviceFieldsOf, settingsColumns } from "../virtual-service/settings.ts";

type Part = { virtualServices: SnapshotService[]; pools: SnapshotPool[] };
export type ServicesByGateway = { /** Throws when a service of this gateway cannot be served as it is stored; other gateways are not affected. */ partOf: (gatewayId: string, algorithms: TunnelListener["algorithms"]) => Part };

const columns = {
  id: true, ...settingsColumns, limits: true, poolId: true, persistenceKey: true,
  gateways: { select: { gatewayId: true } },
  certificates: { select: { certificate: { select: { id: true, purpose: true, fingerprint: true, chainPem: true, sealedKey: true } } }, orderBy: { ordinal: "asc" } },
} as const satisfies Prisma.VirtualServiceSelect;
type Row = Prisma.VirtualServiceGetPayload<{ select: typeof columns }>;

export async function servicesOfGateways(tx: Tx, organisationId: string, gatewayIds: readonly string[]): Promise<ServicesByGateway> {
  const rows = await tx.virtualService.findMany({ where: { organisationId, isEnabled: true, gateways: { some: { gatewayId: { in: [...gatewayIds] } } } }, select: columns, orderBy: [{ nameKey: "asc" }, { id: "asc" }] });
  const pools = await readPools(tx, organisationId, [...new Set(rows.map((row) => row.poolId))]);
  const opened = new Map<string, ServiceCertificate>();
  return {
    partOf(gatewayId, algorithms) {
      const own = rows.filter((row) => row.gateways.some((gateway) => gateway.gatewayId === gatewayId));
      return { virtualServices: own.map((row) => serviceOf(row, algorithms, opened)), pools: [...new Set(own.map((row) => row.poolId))].map((id) => poolOf(pools, id)) };
    },
  };
}

function serviceOf(row: Row, algorithms: TunnelListener["algorithms"], opened: Map<string, ServiceCertificate>): SnapshotService {
  const fields = serviceFieldsOf(row);
  const certificates = endsTls(fields.mode) ? row.certificates.map(({ certificate }) => certificateOf(row.name, certificate, opened)) : [];
  if (endsTls(fields.mode) && certificates.length === 0) throw new Error(`virtual service ${row.id} ends TLS and has no certificate`);
  return { id: row.id, ...fields, poolId: row.poolId, certificates, algorithms, persistenceKey: openKey(row.persistenceKey, persistenceKeyPurpose), limits: limitsOf(row.limits) };
}

function certificateOf(service: string, row: Row["certificates"][number]["certificate"], opened: Map<string, ServiceCertificate>): ServiceCertificate {
  const known = opened.get(row.id);
  if (known) return known;
  if (!row.sealedKey) throw new Error(`virtual service "${service}" uses certificate ${row.fingerprint}, which has no key`);
  const certificate = { fingerprint: row.fingerprint, chainPem: row.chainPem, keyPem: openKey(row.sealedKey, sealPurpose(row.purpose)) };
  opened.set(row.id, certificate);
  return certificate;
}

async function readPools(tx: Tx, organisationId: string, ids: string[]) {
  const members = { ...poolSettingsColumns.members, select: { ...poolSettingsColumns.members.select, cuts: true } };
  const rows = await tx.pool.findMany({ where: { organisationId, id: { in: ids } }, select: { id: true, ...poolSettingsColumns, members } });
  return new Map(rows.map((row) => [row.id, row]));
}

function poolOf(pools: Awaited<ReturnType<typeof readPools>>, id: string): SnapshotPool {
  const row = pools.get(id);
  if (!row) throw new Error(`pool ${id} is gone`);
  const { note: _note, ...settings } = poolSettingsOf(row);
  // A count that never rose is left out, so that a gateway of an earlier build reads the snapshot, too.
  return snapshotPool.parse({ id, ...settings, members: row.members.map(({ cuts, ...member }) => ({ ...member, ...(cuts > 0 ? { cuts } : {}) })) });
}
