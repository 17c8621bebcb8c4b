/** Certificates of the organisation, searched, sorted and paged in the database (S1-13). */
import type { z } from "zod";
import { normaliseHex } from "../../../contract/fingerprint.ts";
import { certificatePurpose, type certificateList, type certificateRow, type certificateRows } from "../../../contract/objects.ts";
import type { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { containing, direction, iso, pageOf } from "../object/list.ts";

/** A certificate that ends within this time is shown as expiring, ms. */
export const expiringMs = 30 * 86_400_000;

const named = { select: { id: true, name: true } } as const;
export const certificateColumns = {
  id: true, purpose: true, name: true, subject: true, names: true, issuer: true, serial: true, keyType: true, fingerprint: true, thumbprintSha1: true,
  notBefore: true, notAfter: true, revokedAt: true, createdAt: true,
  agent: { select: { id: true, hostname: true } }, gateway: named, server: named, bundle: named, organisation: named,
} as const satisfies Prisma.CertificateSelect;

type Row = Prisma.CertificateGetPayload<{ select: typeof certificateColumns }>;
type Input = z.infer<typeof certificateList>;

export async function listCertificates(caller: Caller, input: Input, now: Date = new Date()): Promise<z.infer<typeof certificateRows>> {
  const where: Prisma.CertificateWhereInput = {
    organisationId: caller.organisationId,
    ...(input.purpose ? { purpose: input.purpose } : {}),
    AND: [input.state ? inState(input.state, now) : {}, searched(input.search)],
  };
  const [rows, total] = await Promise.all([
    caller.db.certificate.findMany({ where, select: certificateColumns, orderBy: [{ [input.sort]: direction(input) }, { id: "asc" }], ...pageOf(input) }),
    caller.db.certificate.count({ where }),
  ]);
  const withKey = await idsWithKey(caller, rows);
  return { rows: rows.map((row) => toCertificateRow(row, withKey.has(row.id), now)), total };
}

/** Which of these rows hold a sealed key; the key itself is not read for a list. */
export async function idsWithKey(caller: Caller, rows: readonly { id: string }[]): Promise<Set<string>> {
  const found = await caller.db.certificate.findMany({ where: { organisationId: caller.organisationId, id: { in: rows.map((row) => row.id) }, sealedKey: { not: null } }, select: { id: true } });
  return new Set(found.map((row) => row.id));
}

export function toCertificateRow(row: Row, hasKey: boolean, now: Date): z.infer<typeof certificateRow> {
  const { id, name, subject, names, issuer, serial, keyType, fingerprint, thumbprintSha1 } = row;
  return {
    id, name, subject, names, issuer, serial, keyType, fingerprint, thumbprintSha1, hasKey,
    purpose: certificatePurpose.parse(row.purpose), owner: ownerOf(row), state: stateOf(row, now),
    notBefore: iso(row.notBefore), notAfter: iso(row.notAfter), createdAt: iso(row.createdAt),
  };
}

function ownerOf(row: Row): z.infer<typeof certificateRow>["owner"] {
  if (row.agent) return { kind: "agent", id: row.agent.id, name: row.agent.hostname };
  if (row.gateway) return { kind: "gateway", ...row.gateway };
  if (row.server) return { kind: "server", ...row.server };
  if (row.bundle) return { kind: "bundle", ...row.bundle };
  return row.purpose === "imported" || row.purpose === "service" ? null : { kind: "organisation", ...row.organisation };
}

function stateOf(row: { revokedAt: Date | null; notAfter: Date }, now: Date): z.infer<typeof certificateRow>["state"] {
  if (row.revokedAt) return "revoked";
  if (row.notAfter <= now) return "expired";
  return row.notAfter.getTime() - now.getTime() <= expiringMs ? "expiring" : "valid";
}

function inState(state: NonNullable<Input["state"]>, now: Date): Prisma.CertificateWhereInput {
  const soon = new Date(now.getTime() + expiringMs);
  switch (state) {
    case "revoked": return { revokedAt: { not: null } };
    case "expired": return { revokedAt: null, notAfter: { lte: now } };
    case "expiring": return { revokedAt: null, notAfter: { gt: now, lte: soon } };
    case "valid": return { revokedAt: null, notAfter: { gt: soon } };
  }
}

/** Text is looked for in names and subjects; hexadecimal with separators also as a fingerprint, thumbprint or serial. */
function searched(text: string): Prisma.CertificateWhereInput {
  const filter = containing(text);
  if (!filter) return {};
  const hex = normaliseHex(text);
  const asHex = /^[0-9a-f]{6,}$/.test(hex) ? [{ fingerprint: { startsWith: hex } }, { thumbprintSha1: { startsWith: hex } }, { serial: { startsWith: hex } }] : [];
  const owners = [{ agent: { hostname: filter } }, { gateway: { name: filter } }, { server: { name: filter } }, { bundle: { name: filter } }];
  return { OR: [{ subject: filter }, { name: filter }, { issuer: filter }, { names: { has: text.toLowerCase() } }, ...owners, ...asHex] };
}
