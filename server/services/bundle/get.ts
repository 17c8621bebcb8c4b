/** One bundle with its stamp, its agents and what is worth a warning. */
import type { z } from "zod";
import type { bundleDetail } from "../../../contract/objects.ts";
import { notFound } from "../../errors.ts";
import { policyForGroups } from "../agent/policy-for.ts";
import type { Caller } from "../caller.ts";
import { trustAnchors } from "../certificate/authority.ts";
import { bundleColumns, groupNames, toBundleRow } from "./list.ts";
import { bundleWarnings, type BundleStamp } from "./stamp.ts";

/** Agents named on the page; the list of agents shows all. */
const agentsMax = 200;

export async function getBundle(caller: Caller, input: { id: string }): Promise<z.infer<typeof bundleDetail>> {
  const { db, organisationId } = caller;
  const bundle = await db.bundle.findFirst({ where: { id: input.id, organisationId }, select: { ...bundleColumns, stamp: true } });
  if (!bundle) throw notFound("bundle", input.id);
  const stamp = bundle.stamp as BundleStamp; // written by createBundle alone
  const [groups, policy, anchors, agents] = await Promise.all([
    groupNames(db, organisationId, bundle.groupIds),
    policyForGroups(db, organisationId, bundle.groupIds, null),
    trustAnchors(db, organisationId),
    db.agent.findMany({ where: { organisationId, bundleId: bundle.id }, orderBy: { createdAt: "desc" }, take: agentsMax, select: { id: true, hostname: true } }),
  ]);
  const warnings = await bundleWarnings(db, organisationId, policy, stamp);
  return { ...toBundleRow(bundle, groups, new Date()), stamp, caFingerprint: anchors.caFingerprint, agents: agents.map((agent) => ({ id: agent.id, name: agent.hostname })), warnings };
}
