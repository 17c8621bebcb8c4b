/** Log lines that a gateway forwarded, newest first (S1-49). */
import type { z } from "zod";
import type { gatewayLogRows, logsInput } from "../../../contract/procedures.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { iso } from "../object/list.ts";

const linesPerPage = 200;

export async function gatewayLogs(caller: Caller, input: z.infer<typeof logsInput>): Promise<z.infer<typeof gatewayLogRows>> {
  const gateway = await caller.db.gateway.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: { id: true } });
  if (!gateway) throw notFound("gateway", input.id);
  const where = { gatewayId: gateway.id };
  const [rows, total] = await Promise.all([
    caller.db.gatewayLog.findMany({ where, orderBy: [{ at: "desc" }, { id: "desc" }], skip: (input.page - 1) * linesPerPage, take: linesPerPage }),
    caller.db.gatewayLog.count({ where }),
  ]);
  return { total, rows: rows.map((row) => ({ id: String(row.id), at: iso(row.at), level: row.level, message: row.message, fields: fieldsOf(row.fields) })) };
}

function fieldsOf(stored: unknown): Record<string, unknown> {
  return typeof stored === "object" && stored !== null && !Array.isArray(stored) ? (stored as Record<string, unknown>) : {};
}
