/** Reads pools, services and gateways from the database into the values that the rules look at. */
import { X509Certificate } from "node:crypto";
import tls from "node:tls";
import { z } from "zod";
import { seenCertificate } from "../../../contract/health-check.ts";
import { memberHealthState } from "../../../contract/health-check.ts";
import { memberState, poolFields } from "../../../contract/pool.ts";
import { proxyProtocolAccept, serviceFields } from "../../../contract/virtual-service.ts";
import type { Prisma } from "../../db.ts";
import { isIssuedBy, isSelfSigned, splitPem } from "../../pki/chain.ts";
import type { CertificateFacts, GatewayFacts, MemberCertificate, MemberFacts, PoolFacts, ServiceFacts, Surroundings } from "./facts.ts";

export const certificateColumns = { id: true, name: true, purpose: true, subject: true, issuer: true, names: true, notAfter: true, fingerprint: true, chainPem: true, sealedKey: true } satisfies Prisma.CertificateSelect;
export const poolColumns = {
  id: true, name: true, scheduling: true, failsBack: true, isSessionBound: true, healthCheck: true, passiveCheck: true,
  members: { orderBy: [{ ordinal: "asc" }, { id: "asc" }], select: { id: true, name: true, host: true, port: true, weight: true, maxConnections: true, state: true, health: { select: { state: true, certificate: true, checkedAt: true } } } },
} satisfies Prisma.PoolSelect;
export const gatewayColumns = {
  id: true, name: true, publicNames: true, publicPort: true, isBehindLoadBalancer: true, enrolledAt: true, softwareVersion: true,
  listeners: { orderBy: { ordinal: "asc" }, select: { address: true, port: true, acceptProxy: true } },
} satisfies Prisma.GatewaySelect;
export const serviceColumns = {
  id: true, name: true, isEnabled: true, address: true, port: true, serverNames: true, mode: true, protocol: true, stampName: true, settings: true,
  gateways: { select: { gatewayId: true } }, pool: { select: poolColumns },
  certificates: { orderBy: { ordinal: "asc" }, select: { certificate: { select: certificateColumns } } },
} satisfies Prisma.VirtualServiceSelect;

export const neighbourColumns = { id: true, name: true, isEnabled: true, address: true, port: true, mode: true, serverNames: true, settings: true, gateways: { select: { gatewayId: true } } } satisfies Prisma.VirtualServiceSelect;

export type PoolRow = Prisma.PoolGetPayload<{ select: typeof poolColumns }>;
export type GatewayRow = Prisma.GatewayGetPayload<{ select: typeof gatewayColumns }>;
export type ServiceRow = Prisma.VirtualServiceGetPayload<{ select: typeof serviceColumns }>;
export type CertificateRow = Prisma.CertificateGetPayload<{ select: typeof certificateColumns }>;

const fields = z.object(serviceFields);
const settings = z.object(poolFields);

export function serviceFactsOf(row: ServiceRow, roots: readonly string[]): ServiceFacts {
  const { settings: rest, gateways, pool, certificates, id, ...own } = row;
  return {
    ...fields.parse({ ...(typeof rest === "object" ? rest : {}), ...own }), id,
    gatewayIds: gateways.map((gateway) => gateway.gatewayId),
    certificates: certificates.map(({ certificate }) => certificateFactsOf(certificate, roots)),
    pool: poolFactsOf(pool), before: null,
  };
}

const neighbourFields = z.object({ name: serviceFields.name, isEnabled: serviceFields.isEnabled, address: serviceFields.address, port: serviceFields.port, mode: serviceFields.mode, serverNames: serviceFields.serverNames, takesNoName: serviceFields.takesNoName, takesUnknownNames: serviceFields.takesUnknownNames, acceptProxy: serviceFields.acceptProxy });

/** What of a service decides whether it clashes with another on its port. */
export function neighbourOf(row: Prisma.VirtualServiceGetPayload<{ select: typeof neighbourColumns }>): Surroundings["services"][number] {
  const { settings: rest, gateways, id, ...own } = row;
  return { ...neighbourFields.parse({ ...(typeof rest === "object" ? rest : {}), ...own }), id, gatewayIds: gateways.map((gateway) => gateway.gatewayId) };
}

export function poolFactsOf(row: PoolRow): PoolFacts {
  const { id, members, ...own } = row;
  return { ...settings.parse(own), id, members: members.map(memberFactsOf) };
}

function memberFactsOf(row: PoolRow["members"][number]): MemberFacts {
  const { health, state, ...own } = row;
  const views = health.flatMap((view) => {
    const parsed = memberHealthState.safeParse(view.state);
    return parsed.success ? [{ state: parsed.data, at: view.checkedAt?.getTime() ?? 0, certificate: seenBy(view.certificate) }] : [];
  });
  const worst = (["down", "next-hop", "up"] as const).find((wanted) => views.some((view) => view.state === wanted)) ?? "unknown";
  const newest = views.filter((view) => view.certificate !== null).sort((a, b) => b.at - a.at)[0];
  return { ...own, state: memberState.parse(state), health: worst, certificate: newest?.certificate ?? null };
}

/** A health check verifies against its own anchors, which need not be the service's: its verdict about the chain is kept only when it is good. */
function seenBy(stored: unknown): MemberCertificate | null {
  const parsed = seenCertificate.safeParse(stored);
  if (!parsed.success) return null;
  const { fingerprint, subject, issuer, names, notAfter } = parsed.data;
  return { fingerprint, subject, issuer, names, notAfter, chainLength: null, chainProblem: undefined };
}

export function certificateFactsOf(row: CertificateRow, roots: readonly string[]): CertificateFacts {
  const { id, purpose, subject, issuer, names, notAfter, sealedKey } = row;
  return { id, name: row.name === "" ? subject : row.name, subject, issuer, names, notAfter, hasKey: sealedKey !== null, lacksIssuer: purpose === "imported" && lacksIssuer(row.chainPem, roots) };
}

/** A lone leaf whose issuer is no root we know: clients that know only the root cannot verify it. A longer chain is believed to lead to its owner's root. */
function lacksIssuer(chainPem: string, roots: readonly string[]): boolean {
  try {
    const [leaf, ...others] = splitPem(chainPem);
    if (!leaf || others.length > 0 || isSelfSigned(leaf)) return false;
    return ![...roots.map((pem) => new X509Certificate(pem)), ...publicRoots()].some((root) => isIssuedBy(leaf, root));
  } catch {
    return false; // an unreadable chain is refused at its import
  }
}

let known: X509Certificate[] | undefined;
function publicRoots(): X509Certificate[] {
  return (known ??= tls.rootCertificates.map((pem) => new X509Certificate(pem)));
}

export function gatewayFactsOf(row: GatewayRow): GatewayFacts {
  const { enrolledAt, listeners, ...own } = row;
  return { ...own, isEnrolled: enrolledAt !== null, listeners: listeners.map(({ address, port, acceptProxy }) => ({ address, port, acceptProxy: acceptOf(acceptProxy) })) };
}

function acceptOf(stored: unknown): GatewayFacts["listeners"][number]["acceptProxy"] {
  const parsed = proxyProtocolAccept.safeParse(stored);
  return parsed.success ? parsed.data : { kind: "off" };
}
