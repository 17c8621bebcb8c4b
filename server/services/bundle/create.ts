/**
 * Makes an offline bundle: its groups, uses and days, and the bootstrap identity with which its agents pass a gateway to enrol (S1-57, S1-59). The file itself is
 * packed at each download, with a token of its own.
 */
import type { z } from "zod";
import { formatIdentity } from "../../../contract/names.ts";
import type { bundleCreate } from "../../../contract/objects.ts";
import { Prisma } from "../../db.ts";
import { writeBundleAccess } from "../access/write-entries.ts";
import { policyForGroups } from "../agent/policy-for.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { issueWithKey } from "../certificate/issue.ts";
import { publishLive } from "../change/publish.ts";
import { demandReferences } from "../object/references.ts";
import { nameKey, withUniqueName, writeInOrganisation } from "../object/write.ts";
import { prepareRuntimePart } from "./runtime-part.ts";
import { stampOf } from "./stamp.ts";

const dayMs = 86_400_000;

export async function createBundle(caller: Caller, input: z.infer<typeof bundleCreate>): Promise<{ id: string }> {
  const created = await withUniqueName("bundle", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      await demandReferences(tx, caller, { kind: "agent group", ids: input.groupIds, path: "groupIds" });
      const { trustDomain } = await tx.organisation.findUniqueOrThrow({ where: { id: caller.organisationId }, select: { trustDomain: true } });
      const expiresAt = new Date(Date.now() + input.daysValid * dayMs);
      const stamp = stampOf(await policyForGroups(tx, caller.organisationId, input.groupIds, null));
      const { name, groupIds, platform, usesMax, relay } = input;
      const { id } = await tx.bundle.create({
        data: { organisationId: caller.organisationId, name, nameKey: nameKey(name), platform, usesMax, expiresAt, groupIds, stamp, relay: relay ?? Prisma.DbNull, createdById: caller.actor.id, createdByName: caller.actor.name },
        select: { id: true },
      });
      const identity = formatIdentity({ trustDomain, organisationId: caller.organisationId, kind: "bundle", id });
      await issueWithKey(tx, caller, { purpose: "bundle", identity, commonName: `bundle ${name}`, until: expiresAt, bundleId: id });
      await writeBundleAccess(tx, caller.organisationId, [id]);
      await recordAudit(tx, caller, { action: "bundle.create", target: { kind: "bundle", id, name }, changes: changesBetween({}, { ...input, stamp }) });
      await publishLive(tx, caller.organisationId, { topic: "bundle", id });
      return { id };
    }),
  );
  // Packed once per installation; started now so that the first download does not wait for it.
  void prepareRuntimePart(input.platform).catch(() => undefined); // the download tries again and reports
  return created;
}
