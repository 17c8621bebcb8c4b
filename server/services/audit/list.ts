/** Who changed what. */
import type { z } from "zod";
import type { auditList, auditRow, auditRows } from "../../../contract/objects.ts";
import { auditRow as auditRowSchema } from "../../../contract/objects.ts";
import type { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { containing, direction, iso, pageOf } from "../object/list.ts";

type Input = z.infer<typeof auditList>;

export async function listAudit(caller: Caller, input: Input): Promise<z.infer<typeof auditRows>> {
  const where = filter(caller, input);
  const by = direction(input);
  const first = input.sort === "at" ? { at: by } : input.sort === "actor" ? { actorName: by } : { action: by };
  const [rows, total] = await Promise.all([
    caller.db.auditEvent.findMany({ where, orderBy: [first, { id: input.sort === "at" ? by : "desc" }], ...pageOf(input) }),
    caller.db.auditEvent.count({ where }),
  ]);
  return { rows: rows.map(toAuditRow), total };
}

function filter(caller: Caller, input: Input): Prisma.AuditEventWhereInput {
  const text = containing(input.search);
  return {
    organisationId: caller.organisationId,
    ...(input.action ? { action: input.action } : {}),
    ...(input.targetId ? { targetId: input.targetId } : {}),
    ...(input.actorId ? { actorId: input.actorId } : {}),
    ...(input.since || input.until ? { at: { ...(input.since ? { gte: new Date(input.since) } : {}), ...(input.until ? { lt: new Date(input.until) } : {}) } } : {}),
    ...(text ? { OR: [{ actorName: text }, { action: text }, { targetName: text }, { requestId: input.search }] } : {}),
  };
}

function toAuditRow(row: Prisma.AuditEventGetPayload<object>): z.infer<typeof auditRow> {
  const kind = auditRowSchema.shape.actor.shape.kind.catch("system").parse(row.actorKind);
  const changes = auditRowSchema.shape.changes.safeParse(row.changes);
  const target = row.targetKind === null ? null : { kind: row.targetKind, id: row.targetId ?? "", name: row.targetName ?? "" };
  return { id: String(row.id), at: iso(row.at), actor: { kind, id: row.actorId, name: row.actorName }, action: row.action, target, changes: changes.success ? changes.data : [], requestId: row.requestId, source: row.source };
}
