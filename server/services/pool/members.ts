/** Writes a pool's members. A member keeps its row, and with it its id and history, when its id is given or its host and port are the same. */
import type { z } from "zod";
import type { memberInput } from "../../../contract/pool.ts";
import type { Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";

export type Member = z.infer<typeof memberInput>;
type Current = { id: string; host: string; port: number };
type Placed = Member & { ordinal: number };

const key = (member: { host: string; port: number }) => `${member.host} ${member.port}`;

/** Throws `not-found` for an id that is no member of this pool, and `input-invalid` for one given twice. */
export async function writeMembers(tx: Tx, poolId: string, members: readonly Member[]): Promise<void> {
  const current = await tx.poolMember.findMany({ where: { poolId }, select: { id: true, host: true, port: true } });
  const ids = matchMembers(current, members);
  const kept = new Set(ids.values());
  await tx.poolMember.deleteMany({ where: { poolId, id: { notIn: [...kept] } } });
  const placed = members.map((member, ordinal) => ({ ...member, ordinal }));
  await moveAside(tx, current, placed.flatMap((member) => withId(member, ids.get(member.ordinal))));
  await updateMembers(tx, poolId, placed.flatMap((member) => withId(member, ids.get(member.ordinal))));
  const fresh = placed.filter((member) => !ids.has(member.ordinal));
  await tx.poolMember.createMany({ data: fresh.map(({ id: _id, ...member }) => ({ ...member, poolId })) });
}

function withId(member: Placed, id: string | undefined): (Placed & { id: string })[] {
  return id === undefined ? [] : [{ ...member, id }];
}

/** Which current row each member (by its place in the list) goes on with. */
export function matchMembers(current: readonly Current[], members: readonly Member[]): Map<number, string> {
  const known = new Set(current.map((row) => row.id));
  const ids = new Map<number, string>();
  const used = new Set<string>();
  for (const [index, { id }] of members.entries()) {
    if (id === undefined) continue;
    const refuse = (code: "not-found" | "input-invalid", message: string) => new ConsoleError(code, message, { fields: [{ path: `members.${index}.id`, message }] });
    if (!known.has(id)) throw refuse("not-found", `There is no member with the id ${id} in this pool.`);
    if (used.has(id)) throw refuse("input-invalid", `Member ${id} is in the list twice.`);
    ids.set(index, id);
    used.add(id);
  }
  const byPlace = new Map(current.filter((row) => !used.has(row.id)).map((row) => [key(row), row.id]));
  for (const [index, member] of members.entries()) {
    const id = member.id === undefined ? byPlace.get(key(member)) : undefined;
    if (id !== undefined) ids.set(index, id);
  }
  return ids;
}

/** Members that change their host or port first leave their old place, so that two of them can swap. */
async function moveAside(tx: Tx, current: readonly Current[], members: readonly (Placed & { id: string })[]): Promise<void> {
  const places = new Map(current.map((row) => [row.id, key(row)]));
  const moving = members.filter((member) => places.get(member.id) !== key(member)).map((member) => member.id);
  if (moving.length > 0) await tx.$executeRaw`UPDATE "PoolMember" SET host = 'moving ' || id::text WHERE id = ANY(${moving}::uuid[])`;
}

async function updateMembers(tx: Tx, poolId: string, members: readonly (Placed & { id: string })[]): Promise<void> {
  if (members.length === 0) return;
  const column = <T>(pick: (member: Placed & { id: string }) => T): T[] => members.map(pick);
  await tx.$executeRaw`
    UPDATE "PoolMember" m SET ordinal = n.ordinal, name = n.name, host = n.host, port = n.port, weight = n.weight, "maxConnections" = n.connections, state = n.state
      FROM unnest(${column((m) => m.id)}::uuid[], ${column((m) => m.ordinal)}::int[], ${column((m) => m.name)}::text[], ${column((m) => m.host)}::text[], ${column((m) => m.port)}::int[],
                  ${column((m) => m.weight)}::int[], ${column((m) => m.maxConnections)}::int[], ${column((m) => m.state)}::text[]) AS n(id, ordinal, name, host, port, weight, connections, state)
     WHERE m.id = n.id AND m."poolId" = ${poolId}::uuid`;
}
