/** State changes of a pool's members as gateways reported them, newest first, each with its cause in words (N6). */
import type { z } from "zod";
import { memberHealthState } from "../../../contract/health-check.ts";
import type { healthEvents, healthHistory } from "../../../contract/service-objects.ts";
import type { Prisma } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { containing, direction, iso, pageOf } from "../object/list.ts";

export async function poolHistory(caller: Caller, input: z.infer<typeof healthHistory>): Promise<z.infer<typeof healthEvents>> {
  const pool = await caller.db.pool.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: { id: true } });
  if (!pool) throw notFound("pool", input.id);
  const text = containing(input.search);
  const where: Prisma.MemberHealthEventWhereInput = {
    poolId: pool.id, member: { pool: { organisationId: caller.organisationId } },
    ...(input.memberId === undefined ? {} : { memberId: input.memberId }),
    ...(text ? { OR: [{ cause: text }, { member: { name: text } }, { gateway: { name: text } }] } : {}),
  };
  const order = direction(input);
  const [rows, total] = await Promise.all([
    caller.db.memberHealthEvent.findMany({ where, orderBy: [{ at: order }, { id: order }], ...pageOf(input), select: { id: true, at: true, before: true, state: true, cause: true, member: { select: { id: true, name: true } }, gateway: { select: { id: true, name: true } } } }),
    caller.db.memberHealthEvent.count({ where }),
  ]);
  return { total, rows: rows.map((row) => ({ id: String(row.id), at: iso(row.at), member: row.member, gateway: row.gateway, before: stateOf(row.before), state: stateOf(row.state), cause: row.cause })) };
}

function stateOf(text: string): z.infer<typeof memberHealthState> {
  const state = memberHealthState.safeParse(text);
  return state.success ? state.data : "unknown";
}
