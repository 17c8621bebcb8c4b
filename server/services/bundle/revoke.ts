/** Revokes a bundle: its tokens and its bootstrap identity are refused from now on, on every gateway. Agents that have enrolled are not touched. */
import { notFound } from "../../errors.ts";
import { writeBundleAccess } from "../access/write-entries.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";

/** A second revocation changes nothing. */
export async function revokeBundle(caller: Caller, input: { id: string }): Promise<{ id: string }> {
  return writeInOrganisation(caller, async (tx) => {
    const bundle = await tx.bundle.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: { name: true, revokedAt: true } });
    if (!bundle) throw notFound("bundle", input.id);
    if (bundle.revokedAt !== null) return { id: input.id };
    const revokedAt = new Date();
    await tx.bundle.update({ where: { id: input.id }, data: { revokedAt } });
    await tx.enrolmentToken.updateMany({ where: { organisationId: caller.organisationId, bundleId: input.id, revokedAt: null }, data: { revokedAt } });
    await tx.certificate.updateMany({ where: { organisationId: caller.organisationId, bundleId: input.id, revokedAt: null }, data: { revokedAt, isCurrent: false } });
    await writeBundleAccess(tx, caller.organisationId, [input.id]);
    await recordAudit(tx, caller, { action: "bundle.revoke", target: { kind: "bundle", id: input.id, name: bundle.name } });
    await publishLive(tx, caller.organisationId, { topic: "bundle", id: input.id });
    return { id: input.id };
  });
}
