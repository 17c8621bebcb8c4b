/** Lists: search, sort and paging are done in the database, alike for every kind of object. Text in a list or detail answer is plain; whoever shows it escapes it. */
import { z } from "zod";

export const pageSizes = [25, 50, 100, 200] as const;

/** Input of every list procedure: `sort` names one of the listed columns, `desc` its direction. */
export function listInput<const C extends readonly [string, ...string[]]>(columns: C, standard: C[number]) {
  return z.strictObject({
    search: z.string().trim().max(200).default(""),
    sort: z.enum(columns).default(standard as never),
    desc: z.boolean().default(false),
    page: z.number().int().min(1).max(100_000).default(1),
    pageSize: z.number().int().min(1).max(200).default(50),
  });
}

/** Output of every list procedure; `total` counts what the search matched, over all pages. */
export function listOutput<T extends z.ZodType>(row: T) {
  return z.object({ rows: z.array(row), total: z.number().int().nonnegative() });
}

/** What would be cut off or change with a deletion or a switch-off, shown before it happens. */
export const impact = z.object({
  /** Agents that could not reach a management server any more from outside. */
  agentsAffected: z.number().int().nonnegative(),
  /** One line per dependent thing, such as "policy Field staff uses this gateway". */
  lines: z.array(z.string()),
  /** Non-empty: the action is refused until these are cleared. */
  blockers: z.array(z.string()),
  /** How to undo it, or that it cannot be undone. */
  undo: z.string(),
  /** True: the caller repeats the object's name as `confirmName`. */
  needsConfirmation: z.boolean(),
});
export type Impact = z.infer<typeof impact>;

/** Deleting: the name is repeated when the impact asks for it. */
export const removeInput = z.strictObject({ id: z.uuid(), confirmName: z.string().max(80).optional() });
export const byId = z.strictObject({ id: z.uuid() });
