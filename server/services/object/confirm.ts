/** What stands before a deletion or a switch-off: blockers refuse it, affected agents ask for the name. */
import type { Impact } from "../../../contract/list.ts";
import { ConsoleError } from "../../errors.ts";

/** Puts an impact together; `confirmation` is asked for when agents would be cut off. */
export function impactOf(parts: { agentsAffected?: number; lines?: string[]; blockers?: string[]; undo: string; alwaysConfirm?: boolean }): Impact {
  const agentsAffected = parts.agentsAffected ?? 0;
  return { agentsAffected, lines: parts.lines ?? [], blockers: parts.blockers ?? [], undo: parts.undo, needsConfirmation: agentsAffected > 0 || parts.alwaysConfirm === true };
}

/** Throws `in-use` while something blocks, and `confirmation-missing` until the name is repeated. */
export function demandClearance(impact: Impact, object: { kind: string; name: string; confirmName: string | undefined }): void {
  const [blocker] = impact.blockers;
  if (blocker !== undefined) {
    throw new ConsoleError("in-use", `${object.kind} "${object.name}" cannot be removed: ${blocker}.`, { fields: impact.blockers.map((message) => ({ path: "id", message })) });
  }
  if (!impact.needsConfirmation || object.confirmName === object.name) return;
  const cutOff = impact.agentsAffected > 0 ? `This cuts off ${impact.agentsAffected} ${impact.agentsAffected === 1 ? "agent" : "agents"}` : "This cannot be undone";
  throw new ConsoleError("confirmation-missing", `${cutOff}; repeat the name "${object.name}" to confirm.`, { fields: [{ path: "confirmName", message: `type ${object.name}` }] });
}

/** At most `max` lines, and one that counts the rest. */
export function someLines(lines: readonly string[], max = 20): string[] {
  return lines.length <= max ? [...lines] : [...lines.slice(0, max), `and ${lines.length - max} more`];
}
