/**
 * The one way to a session of reverse access, for the console's own callers and for gateways that ask for theirs: name to agent, rule, approval, then row, audit
 * event and signed grant. A refusal is audited too, equal ones once a minute.
 */
import { randomUUID } from "node:crypto";
import { type GrantClaims, grantStartSeconds, grantType } from "../../../contract/reach.ts";
import { refusals } from "../../../contract/error-codes.ts";
import type { Db, Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import { takeAttempt } from "../attempts/take.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { signForOrganisation } from "../console-key/sign.ts";
import { writeInOrganisation } from "../object/write.ts";
import { decideReach, type ReachActor, type ReachDecision } from "./decide.ts";
import { approvalsOf, rulesForGroups } from "./read-rules.ts";
import { type ReachAgent, resolveAgent } from "./resolve.ts";

/** Refusals of one source that are audited, per minute; the others are only answered. */
const auditedRefusalsMax = 30;
const minuteMs = 60_000;

export type ReachRefusalCode = "reach-credential" | "reach-denied" | "reach-approval" | "reach-agent-unknown" | "reach-name";
export type GrantAnswer =
  | { kind: "granted"; sessionId: string; agent: { id: string; name: string }; grant: string; until: Date }
  | { kind: "refused"; code: ReachRefusalCode; detail: string };
/** `caller.actor` is who reaches; `gatewayId` is the gateway that asks for them. */
export type GrantQuestion = { actor: ReachActor; name: string; port: number; gatewayId: string | null; /** Runs once the answer is yes and nothing is written yet; what it throws is the answer then. */ demandUsable?: (agent: { id: string; name: string }) => Promise<void> };

export async function grantReach(caller: Caller, question: GrantQuestion, now: Date = new Date()): Promise<GrantAnswer> {
  const { organisationId } = caller;
  const { actor, port } = question;
  const resolved = await resolveAgent(caller.db, organisationId, question.name);
  if (resolved.kind === "refused") return refuse(caller, question, { code: resolved.code, detail: resolved.detail, agent: null });
  const { agent } = resolved;
  const decision = await decideNow(caller.db, caller, { agent, actor, port }, now);
  if (decision.kind === "denied") return refuse(caller, question, { code: "reach-denied", detail: `No reach rule lets ${actor.name} reach port ${port} of ${agent.hostname}.`, agent });
  if (decision.kind === "approval-needed") {
    return refuse(caller, question, { code: "reach-approval", detail: `Rule "${decision.rule.name}" asks for an approval before ${actor.name} may reach ${decision.service.name} of ${agent.hostname}, and there is none that is still valid.`, agent });
  }
  const { rule, service, until } = decision;
  await question.demandUsable?.({ id: agent.id, name: agent.hostname });
  const sessionId = randomUUID();
  const seconds = Math.floor(now.getTime() / 1000);
  const claims: GrantClaims = {
    iss: organisationId, aud: "reach", jti: sessionId, sub: `${actor.kind}:${actor.id}`, name: actor.name.slice(0, 120), agent: agent.id, host: service.host, port: service.port,
    iat: seconds, exp: seconds + grantStartSeconds, until: Math.floor(until.getTime() / 1000),
  };
  const grant = await signForOrganisation(caller.db, organisationId, { type: grantType, claims });
  const isGranted = await writeInOrganisation(caller, async (tx) => {
    // Once more where nobody changes anything meanwhile: a session that begins while its rule, agent or approval ends would otherwise be looked at by nobody.
    const present = await resolveAgent(tx, organisationId, agent.id);
    const still = present.kind === "agent" ? await decideNow(tx, caller, { agent: present.agent, actor, port }, now) : undefined;
    if (still?.kind !== "allowed" || still.service.host !== service.host || (await hasKeyEnded(tx, caller, now))) return false;
    await tx.reachSession.create({
      data: {
        id: sessionId, organisationId, agentId: agent.id, ruleId: rule.id, service, actorKind: actor.kind, actorId: actor.id, actorName: actor.name, source: caller.source ?? "", state: "granted",
        gatewayId: question.gatewayId, createdAt: now, until,
      },
    });
    await recordAudit(tx, caller, {
      action: "reach.granted", target: { kind: "agent", id: agent.id, name: agent.hostname },
      changes: [{ path: "session", before: null, after: sessionId }, { path: "service", before: null, after: service }, { path: "rule", before: null, after: rule.name }, { path: "until", before: null, after: until.toISOString() }],
    });
    await publishLive(tx, organisationId, { topic: "reachSession", id: sessionId });
    return true;
  });
  if (!isGranted) return refuse(caller, question, { code: "reach-denied", detail: `What let ${actor.name} reach port ${port} of ${agent.hostname} was changed at this moment.`, agent });
  return { kind: "granted", sessionId, agent: { id: agent.id, name: agent.hostname }, grant, until };
}

async function decideNow(reader: Db | Tx, { organisationId }: Caller, asked: { agent: ReachAgent; actor: ReachActor; port: number }, now: Date): Promise<ReachDecision> {
  const { agent, actor, port } = asked;
  const rules = await rulesForGroups(reader, organisationId, [...agent.groupIds]);
  return decideReach(rules, { actor, groupIds: agent.groupIds, port, approvals: await approvalsOf(reader, organisationId, { agentId: agent.id, actor }, now), now });
}

/** A key that was revoked while its question was being answered. */
async function hasKeyEnded(tx: Tx, { organisationId, actor }: Caller, now: Date): Promise<boolean> {
  return actor.kind === "api-key" && (await tx.apiKey.count({ where: { id: actor.id, organisationId, revokedAt: null, expiresAt: { gt: now } } })) === 0;
}

/** Answers no, and puts it on record: in the audit, and in the list of sessions when the agent is known. */
export async function refuse(caller: Caller, question: Pick<GrantQuestion, "name" | "port" | "gatewayId"> & { actor: Pick<ReachActor, "kind" | "id" | "name"> | null }, refusal: { code: ReachRefusalCode; detail: string; agent: ReachAgent | null }): Promise<GrantAnswer> {
  const { organisationId } = caller;
  const { code, detail, agent } = refusal;
  if (await isNews(caller, question, code)) {
    await writeInOrganisation(caller, async (tx) => {
      const { actor } = question;
      if (agent && actor) {
        const now = new Date();
        await tx.reachSession.create({
          data: {
            organisationId, agentId: agent.id, service: { name: `port ${question.port}`, host: "127.0.0.1", port: question.port }, actorKind: actor.kind, actorId: actor.id, actorName: actor.name,
            source: caller.source ?? "", state: "refused", gatewayId: question.gatewayId, endedAt: now, until: now, endReason: refusals[code].sentence,
          },
        });
        await publishLive(tx, organisationId, { topic: "reachSession", id: null });
      }
      await recordAudit(tx, caller, {
        action: "reach.refused", ...(agent ? { target: { kind: "agent", id: agent.id, name: agent.hostname } } : {}),
        changes: [{ path: "code", before: null, after: code }, { path: "asked", before: null, after: `${question.name.slice(0, 100)}:${question.port}` }, { path: "detail", before: null, after: detail }],
      });
    });
  }
  return { kind: "refused", code, detail };
}

/** The same refusal of the same caller counts once a minute, and one source fills no more than its share of the audit. */
async function isNews(caller: Caller, question: Pick<GrantQuestion, "name" | "port">, code: string): Promise<boolean> {
  const who = `${caller.organisationId} ${caller.actor.kind} ${caller.actor.id} ${caller.source ?? ""}`;
  try {
    await takeAttempt(caller.db, { kind: "reach refusal", key: `${who} ${code} ${question.name.toLowerCase()} ${question.port}`, max: 1, windowMs: minuteMs });
    await takeAttempt(caller.db, { kind: "reach refusals", key: who, max: auditedRefusalsMax, windowMs: minuteMs });
    return true;
  } catch (error) {
    if (error instanceof ConsoleError && error.code === "rate-limited") return false;
    throw error;
  }
}
