/** What revoking or deleting a bundle cuts off: copies that were not used yet. Agents that have enrolled keep their identity. */
import type { Impact } from "../../../contract/list.ts";
import type { Db, Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { impactOf } from "../object/confirm.ts";
import { stateOfBundle } from "./state.ts";

export async function bundleImpact(caller: Caller, input: { id: string }): Promise<Impact> {
  return (await bundleWithImpact(caller.db, caller, input.id)).impact;
}

export async function bundleWithImpact(reader: Db | Tx, caller: Caller, id: string): Promise<{ name: string; impact: Impact }> {
  const bundle = await reader.bundle.findFirst({ where: { id, organisationId: caller.organisationId }, select: { name: true, uses: true, usesMax: true, expiresAt: true, revokedAt: true } });
  if (!bundle) throw notFound("bundle", id);
  const enrolled = await reader.agent.count({ where: { organisationId: caller.organisationId, bundleId: id } });
  const lines = [
    ...(stateOfBundle(bundle, new Date()) === "active" ? [`copies of it that were not used yet (${bundle.usesMax - bundle.uses} of ${bundle.usesMax} uses) are refused from now on`] : []),
    ...(enrolled > 0 ? [`${enrolled} ${enrolled === 1 ? "agent keeps its" : "agents keep their"} identity`] : []),
  ];
  return { name: bundle.name, impact: impactOf({ lines, undo: "Make a new bundle and deliver it." }) };
}
