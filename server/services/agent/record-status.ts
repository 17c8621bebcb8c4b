/** Stores what an agent reports of itself: path, step, policy revision, attempts (S0-22, S1-63, S1-65), its channel and its relay (S4-37). */
import type { z } from "zod";
import { type AgentStatusReport, type agentStatusReply, connectionAttempt } from "../../../contract/agent-site.ts";
import { Prisma, type Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { commandsWaiting } from "../task/waiting.ts";

/** Attempts kept per agent, newest first. */
const attemptsMax = 50;

/** The caller is the agent itself; `agentId` comes from its certificate, never from the report. Returns what the agent compares its policy with, and whether commands wait. */
export async function recordStatus(caller: Caller, agentId: string, report: AgentStatusReport, now: Date = new Date()): Promise<z.infer<typeof agentStatusReply>> {
  return caller.db.$transaction(async (tx) => {
    const agent = await tx.agent.findFirst({
      where: { id: agentId, organisationId: caller.organisationId },
      select: { hostname: true, attempts: true, isRelayValidationOff: true, awaitsApproval: true, encryptionKey: true, sealedToken: true, organisation: { select: { policyRevision: true } } },
    });
    if (!agent) throw notFound("agent", agentId);
    const hasKeys = agent.sealedToken !== null && agent.encryptionKey !== null;
    if (agent.isRelayValidationOff !== report.isRelayValidationOff) await auditValidation(tx, caller, { id: agentId, name: agent.hostname }, report);
    await tx.agent.update({
      where: { id: agentId },
      data: {
        path: report.path,
        step: report.step,
        policyRevision: report.policyRevision,
        softwareVersion: report.version,
        clockSkewMs: clockSkew(report.now, now),
        lastSeenAt: now,
        attempts: mergeAttempts(agent.attempts, report.attempts),
        relayAddress: report.relay === null ? null : `${report.relay.host}:${report.relay.port}`,
        isRelayValidationOff: report.isRelayValidationOff,
        channelProblem: report.channelProblem ?? Prisma.DbNull,
      },
    });
    await publishLive(tx, caller.organisationId, { topic: "agent", id: agentId });
    const waiting = hasKeys && !agent.awaitsApproval ? await commandsWaiting(tx, agentId, now) : 0;
    return { now: now.toISOString(), policyRevision: agent.organisation.policyRevision, commandsWaiting: waiting, areKeysWanted: !hasKeys };
  });
}

/** Whoever switched the checking of the relay off, or on again, did it on the computer: the report is when we learn of it. */
async function auditValidation(tx: Tx, caller: Caller, agent: { id: string; name: string }, report: AgentStatusReport): Promise<void> {
  const change = { path: "isRelayValidationOff", before: !report.isRelayValidationOff, after: report.isRelayValidationOff };
  await recordAudit(tx, caller, { action: report.isRelayValidationOff ? "agent.relay-validation-off" : "agent.relay-validation-on", target: { kind: "agent", ...agent }, changes: [change] });
}

/** The agent's clock minus ours, ms, within what the column holds. */
function clockSkew(theirs: string, ours: Date): number {
  return Math.max(-2_147_483_648, Math.min(2_147_483_647, new Date(theirs).getTime() - ours.getTime()));
}

/** A report repeated over another path brings the same attempts again; they are kept once. */
function mergeAttempts(stored: unknown, fresh: AgentStatusReport["attempts"]): AgentStatusReport["attempts"] {
  const known = connectionAttempt.array().safeParse(stored);
  const all = [...fresh, ...(known.success ? known.data : [])].sort((a, b) => (a.at < b.at ? 1 : -1));
  const seen = new Set<string>();
  return all.filter((attempt) => !seen.has(JSON.stringify(attempt)) && seen.add(JSON.stringify(attempt))).slice(0, attemptsMax);
}
