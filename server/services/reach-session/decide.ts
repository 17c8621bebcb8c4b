/**
 * Decides whether a caller may reach a service of an agent. Denied unless a rule says yes: enabled, one of its groups holds the agent, it lists the port, and it
 * names the caller's role, person or key. Pure; what it judges is read by read-rules.ts.
 */
import type { ReachService, ScriptPermission } from "../../../contract/reach.ts";
import type { Role } from "../../../contract/roles.ts";
import type { RuleApproval } from "../reach-rule/approval.ts";

export type ReachActor = { kind: "user" | "api-key"; id: string; name: string; role: Role };
export type JudgedRule = {
  id: string; name: string; isEnabled: boolean; groupIds: readonly string[]; services: readonly ReachService[];
  who: { roles: readonly Role[]; userIds: readonly string[]; apiKeyIds: readonly string[] }; sessionMinutes: number; approval: RuleApproval | null; scripts: ScriptPermission | null;
};
/** An approval that was given and is not over yet. */
export type ValidApproval = { ruleId: string; service: ReachService; expiresAt: Date };

export type ReachDecision =
  | { kind: "allowed"; rule: JudgedRule; service: ReachService; until: Date }
  | { kind: "approval-needed"; rule: JudgedRule; service: ReachService }
  | { kind: "denied" };

/** A rule without approval goes before one whose approval was given; of several, the one with the longest session. Rules come in the order of their names. */
export function decideReach(rules: readonly JudgedRule[], question: { actor: Omit<ReachActor, "name">; groupIds: ReadonlySet<string>; port: number; approvals: readonly ValidApproval[]; now: Date }): ReachDecision {
  const fitting = rules.flatMap((rule) => {
    const service = rule.services.find((candidate) => candidate.port === question.port);
    return service && targets(rule, question.groupIds) && letsIn(rule, question.actor) ? [{ rule, service }] : [];
  });
  const free = fitting.filter(({ rule }) => rule.approval === null).map(({ rule, service }) => ({ kind: "allowed" as const, rule, service, until: sessionEnd(rule, question.now) }));
  const approved = fitting.flatMap(({ rule, service }) => {
    const last = lastApproval(question.approvals, rule.id, service, question.now);
    return rule.approval === null || last === undefined ? [] : [{ kind: "allowed" as const, rule, service, until: earlier(sessionEnd(rule, question.now), last) }];
  });
  const best = longest(free) ?? longest(approved);
  if (best) return best;
  const [waiting] = fitting;
  return waiting ? { kind: "approval-needed", ...waiting } : { kind: "denied" };
}

function targets(rule: JudgedRule, groupIds: ReadonlySet<string>): boolean {
  return rule.isEnabled && rule.groupIds.some((id) => groupIds.has(id));
}

/** Does the rule name this caller? */
export function letsIn(rule: Pick<JudgedRule, "who">, actor: Omit<ReachActor, "name">): boolean {
  const named = actor.kind === "user" ? rule.who.userIds : rule.who.apiKeyIds;
  return rule.who.roles.includes(actor.role) || named.includes(actor.id);
}

/** When the last approval of this rule for this very service ends; undefined when there is none that still holds. */
export function lastApproval(approvals: readonly ValidApproval[], ruleId: string, service: ReachService, now: Date): Date | undefined {
  const ends = approvals.filter((approval) => approval.ruleId === ruleId && approval.service.port === service.port && approval.service.host === service.host && approval.expiresAt > now).map((approval) => approval.expiresAt.getTime());
  return ends.length === 0 ? undefined : new Date(Math.max(...ends));
}

function sessionEnd(rule: JudgedRule, now: Date): Date {
  return new Date(now.getTime() + rule.sessionMinutes * 60_000);
}

function earlier(a: Date, b: Date): Date {
  return a < b ? a : b;
}

function longest<T extends { until: Date }>(options: readonly T[]): T | undefined {
  return options.reduce<T | undefined>((best, option) => (best === undefined || option.until > best.until ? option : best), undefined);
}
