/** Log lines that an agent uploaded, newest first (S1-65). */
import type { z } from "zod";
import type { agentLogRows, logsInput } from "../../../contract/procedures.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { iso } from "../object/list.ts";

const linesPerPage = 200;

export async function agentLogs(caller: Caller, input: z.infer<typeof logsInput>): Promise<z.infer<typeof agentLogRows>> {
  const agent = await caller.db.agent.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: { id: true } });
  if (!agent) throw notFound("agent", input.id);
  const where = { agentId: agent.id };
  const [rows, total] = await Promise.all([
    caller.db.agentLog.findMany({ where, orderBy: { id: "desc" }, skip: (input.page - 1) * linesPerPage, take: linesPerPage }),
    caller.db.agentLog.count({ where }),
  ]);
  return { total, rows: rows.map((row) => ({ id: String(row.id), at: iso(row.at), line: row.line })) };
}
