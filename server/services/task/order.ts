/** What an order must keep to before a task is made of it, and how the audit tells it. */
import { createHash } from "node:crypto";
import type { TaskOrder } from "../../../contract/command.ts";
import { ConsoleError } from "../../errors.ts";
import type { AuditChange } from "../audit/record.ts";

/** Bytes of a script in UTF-8. Signed and sealed it grows by three quarters, and must stay below the 250,000 characters of a command. */
const scriptBytesMax = 130_000;

/** Throws `input-invalid` for an order that would not fit into a command. */
export function demandDeliverable(order: TaskOrder): void {
  if (order.kind !== "run-script") return;
  // As JSON, because that is what travels: a script of nothing but control characters grows sixfold.
  const bytes = Buffer.byteLength(JSON.stringify(order.script));
  if (bytes > scriptBytesMax) throw new ConsoleError("input-invalid", `The script has ${bytes} bytes as JSON; a command takes at most ${scriptBytesMax}. Let a short script fetch the rest.`, { fields: [{ path: "order.script", message: "too large" }] });
  if (order.script.includes("\u0000")) throw new ConsoleError("input-invalid", "The script holds a NUL byte; a script is text.", { fields: [{ path: "order.script", message: "holds a NUL byte" }] });
}

/** The script itself stays out of the audit: it may hold what only this task may see. Its hash tells which one it was. */
export function auditOf(order: TaskOrder): AuditChange[] {
  const facts = order.kind === "run-script" ? { kind: order.kind, user: order.user, timeoutSeconds: order.timeoutSeconds, outputMaxBytes: order.outputMaxBytes, scriptSha256: createHash("sha256").update(order.script).digest("hex") } : order;
  return Object.entries(facts).map(([path, after]) => ({ path, before: null, after }));
}
