/** A batch as the console shows it. */
import type { z } from "zod";
import { taskKind } from "../../../contract/command.ts";
import { taskBatchState, type taskBatchRow } from "../../../contract/task-objects.ts";
import type { Prisma } from "../../db.ts";
import { iso, isoOrNull } from "../object/list.ts";
import type { Counts } from "./settle.ts";

export const batchColumns = { id: true, name: true, kind: true, state: true, createdByName: true, createdAt: true, endedAt: true, total: true, haltReason: true } as const satisfies Prisma.TaskBatchSelect;

export function toBatchRow(row: Prisma.TaskBatchGetPayload<{ select: typeof batchColumns }>, counts: Counts): z.infer<typeof taskBatchRow> {
  const { createdByName, ...shown } = row;
  return { ...shown, kind: taskKind.parse(row.kind), state: taskBatchState.parse(row.state), createdBy: createdByName, createdAt: iso(row.createdAt), endedAt: isoOrNull(row.endedAt), counts };
}
