/** What enabling, draining or disabling one member would do, before it is done. */
import type { z } from "zod";
import type { memberImpact, memberImpactInput } from "../../../contract/service-objects.ts";
import { expectedShares } from "../../../contract/shares.ts";
import type { Db, Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { impactOf, someLines } from "../object/confirm.ts";
import { memberStatuses } from "./member-status.ts";
import { readPool } from "./read.ts";
import { isMemberUp, servicesInUse, workingMembers } from "./working.ts";

type Input = z.infer<typeof memberImpactInput>;

export async function memberImpactOf(caller: Caller, input: Input): Promise<z.infer<typeof memberImpact>> {
  return (await memberChange(caller.db, caller, input)).impact;
}

export type MemberChange = { poolName: string; member: { name: string; state: Input["state"] }; services: string[]; isLast: boolean; impact: z.infer<typeof memberImpact> };

/** `isLast`: services in use have a working member now, and would have none. */
export async function memberChange(reader: Db | Tx, caller: Caller, input: Input): Promise<MemberChange> {
  const pool = await readPool(reader, caller, input.poolId);
  const member = pool.members.find((candidate) => candidate.id === input.memberId);
  if (!member) throw notFound("member", input.memberId);
  const services = await servicesInUse(reader, caller, input.poolId);
  const statuses = await memberStatuses(reader, caller.organisationId, input.poolId);
  const after = pool.members.map((candidate) => (candidate.id === member.id ? { ...candidate, state: input.state } : candidate));
  const isLast = services.length > 0 && workingMembers(pool, statuses).length > 0 && workingMembers({ ...pool, members: after }, statuses).length === 0;
  const shares = expectedShares(pool.scheduling, after.map((candidate) => ({ ...candidate, isUp: isMemberUp(pool.healthCheck, statuses.get(candidate.id)) })));
  const connections = statuses.get(member.id)?.connections ?? 0;
  const lines = [
    ...(connections > 0 ? [`${connections} established ${connections === 1 ? "connection goes" : "connections go"} on until closed, unless you end ${connections === 1 ? "it" : "them"}`] : []),
    ...(isLast ? services.map((name) => `service "${name}" has no working member left and turns clients away`) : []),
  ];
  const undo = `Set "${member.name}" to ${member.state} again; it counts at once.`;
  return {
    poolName: pool.name, member: { name: member.name, state: member.state }, services, isLast,
    impact: { ...impactOf({ lines: someLines(lines), undo, alwaysConfirm: isLast }), connections, sharesAfter: after.map((candidate, index) => ({ name: candidate.name, share: shares[index] ?? 0 })) },
  };
}
