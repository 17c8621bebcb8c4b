/** A task as the console shows it. */
import type { z } from "zod";
import { taskKind, taskOrder, taskResult, taskState } from "../../../contract/command.ts";
import { agentErrorCodes, agentErrors, type AgentErrorCode } from "../../../contract/error-codes.ts";
import type { taskDetail, taskRow } from "../../../contract/task-objects.ts";
import type { Prisma } from "../../db.ts";
import { iso, isoOrNull } from "../object/list.ts";

export const taskColumns = {
  id: true, kind: true, state: true, createdByName: true, createdAt: true, expiresAt: true, sentAt: true, startedAt: true, endedAt: true, progress: true, message: true, exitCode: true, cancelWantedAt: true,
  agent: { select: { id: true, hostname: true } }, batch: { select: { id: true, name: true } },
} as const satisfies Prisma.TaskSelect;
export const taskDetailColumns = { ...taskColumns, order: true, output: true, isOutputCut: true, findings: true, rejection: true } as const satisfies Prisma.TaskSelect;

export function toTaskRow(row: Prisma.TaskGetPayload<{ select: typeof taskColumns }>): z.infer<typeof taskRow> {
  return {
    id: row.id, kind: taskKind.parse(row.kind), state: taskState.parse(row.state), agent: { id: row.agent.id, name: row.agent.hostname }, batch: row.batch, createdBy: row.createdByName, createdAt: iso(row.createdAt), expiresAt: iso(row.expiresAt),
    sentAt: isoOrNull(row.sentAt), startedAt: isoOrNull(row.startedAt), endedAt: isoOrNull(row.endedAt), progress: row.progress, message: row.message, exitCode: row.exitCode, isCancelWanted: row.cancelWantedAt !== null,
  };
}

export function toTaskDetail(row: Prisma.TaskGetPayload<{ select: typeof taskDetailColumns }>): z.infer<typeof taskDetail> {
  return { ...toTaskRow(row), order: taskOrder.parse(row.order), output: row.output, isOutputCut: row.isOutputCut, findings: taskResult.shape.findings.parse(row.findings), rejection: rejectionOf(row.rejection) };
}

function rejectionOf(value: unknown): z.infer<typeof taskDetail>["rejection"] {
  if (value === null || typeof value !== "object" || !("code" in value) || !("detail" in value)) return null;
  const code = agentErrorCodes.find((known) => known === value.code);
  const { sentence, cure } = code === undefined ? { sentence: "The agent refused the command.", cure: "" } : agentErrors[code satisfies AgentErrorCode];
  return { code: String(value.code), detail: String(value.detail), sentence, cure };
}
