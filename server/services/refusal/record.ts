/** Writes refusals of the agent site to the ledger (N1) and tells open pages. */
import type { CertificateSummary } from "../../../contract/control.ts";
import type { RefusalCode } from "../../../contract/error-codes.ts";
import { type Db, Prisma } from "../../db.ts";
import { publishLive } from "../change/publish.ts";

export type AgentSiteRefusal = { organisationId: string; code: RefusalCode; detail: string; connectionId: string; source: string; target: string | null; agentId: string | null; certificate: CertificateSummary | null };
/** `count` equal refusals, the first at `at`. */
export type RefusalRow = AgentSiteRefusal & { id: string; at: Date; count: number };

export async function recordRefusals(db: Db, rows: readonly RefusalRow[]): Promise<void> {
  await db.$transaction(async (tx) => {
    await tx.refusal.createMany({ data: rows.map(({ certificate, ...row }) => ({ ...row, detail: row.detail.slice(0, 500), gatewayId: null, certificate: certificate ?? Prisma.DbNull })) });
    for (const organisationId of new Set(rows.map((row) => row.organisationId))) await publishLive(tx, organisationId, { topic: "refusal", id: null });
  });
}
