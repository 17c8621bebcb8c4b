/** What deleting a pool would cut off. Refused while services use it. */
import type { Impact } from "../../../contract/list.ts";
import type { Db, Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { impactOf, someLines } from "../object/confirm.ts";

export async function poolImpact(caller: Caller, input: { id: string }): Promise<Impact> {
  return (await poolWithImpact(caller.db, caller, input.id)).impact;
}

export async function poolWithImpact(reader: Db | Tx, caller: Caller, id: string): Promise<{ name: string; impact: Impact }> {
  const pool = await reader.pool.findFirst({
    where: { id, organisationId: caller.organisationId },
    select: { name: true, services: { select: { name: true }, orderBy: { nameKey: "asc" } }, _count: { select: { members: true } } },
  });
  if (!pool) throw notFound("pool", id);
  const blockers = pool.services.map(({ name }) => `virtual service "${name}" uses it; give the service another pool, or delete it, first`);
  const members = pool._count.members;
  const lines = members === 0 ? [] : [`${members} ${members === 1 ? "member" : "members"} and the history of their health go with it`];
  return { name: pool.name, impact: impactOf({ lines, blockers: someLines(blockers), undo: "Make the pool again; the history of its members' health is gone." }) };
}
