/** How a rule says what it found. */
import type { Finding, FindingCode } from "../../../contract/finding.ts";
import type { PoolFacts, ServiceFacts } from "./facts.ts";

export type Found = { code: FindingCode; severity: Finding["severity"]; field?: string | null; sentence: string; cure: string };

export type FoundOn = Finding["object"];

/** The finding of `found` on an object; its page in the documentation follows from the code. */
export function findingOf(object: FoundOn, found: Found): Finding {
  const { code, severity, field = null, sentence, cure } = found;
  return { code, severity, object, field, sentence, cure, docs: `/docs/lint#${code}` };
}

export function onService(service: Pick<ServiceFacts, "id" | "name">): FoundOn {
  return { kind: "virtualService", id: service.id, name: service.name };
}

export function onPool(pool: Pick<PoolFacts, "id" | "name">): FoundOn {
  return { kind: "pool", id: pool.id, name: pool.name };
}

const rank = { error: 0, warning: 1, note: 2 } as const;

/** Errors first; within a severity by object and code, so that two runs print the same. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  const key = (finding: Finding) => `${rank[finding.severity]} ${finding.object.kind} ${finding.object.name} ${finding.code} ${finding.field ?? ""}`;
  return [...findings].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

/** True when `severity` is at least as bad as `floor`. */
export function isAtLeast(severity: Finding["severity"], floor: Finding["severity"]): boolean {
  return rank[severity] <= rank[floor];
}

/** "a", "a and b", "a, b and 3 more". */
export function listed(names: readonly string[], max = 5): string {
  const shown = names.slice(0, max);
  const rest = names.length - shown.length;
  if (rest > 0) return `${shown.join(", ")} and ${rest} more`;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1) ?? ""}`;
}
