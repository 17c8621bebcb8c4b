/** Enables, drains or disables one member at once. Established connections stay, unless `cuts` asks to end them. */
import type { z } from "zod";
import type { memberSetState } from "../../../contract/service-objects.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { writeInOrganisation } from "../object/write.ts";
import { memberChange } from "./member-impact.ts";
import { publishPoolChange } from "./rules.ts";
import { demandLastMemberConfirmed } from "./working.ts";

const verbs = { enabled: "enable", drain: "drain", disabled: "disable" } as const;

/** Raises the pool's edit counter, so that an open form does not silently undo it. The last working member asks for the member's name. */
export async function setMemberState(caller: Caller, input: z.infer<typeof memberSetState>): Promise<{ version: number }> {
  const { poolId, memberId, state, cuts } = input;
  return writeInOrganisation(caller, async (tx) => {
    const { poolName, member, services, isLast, impact } = await memberChange(tx, caller, { poolId, memberId, state });
    if (isLast) demandLastMemberConfirmed({ name: member.name, services, connections: impact.connections, confirmName: input.confirmName });
    await tx.poolMember.updateMany({ where: { id: memberId, poolId }, data: { state, ...(cuts ? { cuts: { increment: 1 } } : {}) } });
    const { version } = await tx.pool.update({ where: { id: poolId, organisationId: caller.organisationId }, data: { version: { increment: 1 } }, select: { version: true } });
    const path = `members.${member.name}`;
    const changes = [...(state === member.state ? [] : [{ path: `${path}.state`, before: member.state, after: state }]), ...(cuts ? [{ path: `${path}.connections`, before: impact.connections, after: "ended" }] : [])];
    await recordAudit(tx, caller, { action: `pool.member.${verbs[state]}`, target: { kind: "pool", id: poolId, name: poolName }, changes });
    await publishPoolChange(tx, caller, poolId);
    return { version };
  });
}
