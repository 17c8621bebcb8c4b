/** Stores what an agent reports of itself: path, step, policy revision, attempts (S0-22, S1-63, S1-65). */
import type { z } from "zod";
import { type AgentStatusReport, type agentStatusReply, connectionAttempt } from "../../../contract/agent-site.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";

/** Attempts kept per agent, newest first. */
const attemptsMax = 50;

/** The caller is the agent itself; `agentId` comes from its certificate, never from the report. Returns what the agent compares its policy with. */
export async function recordStatus(caller: Caller, agentId: string, report: AgentStatusReport, now: Date = new Date()): Promise<z.infer<typeof agentStatusReply>> {
  return caller.db.$transaction(async (tx) => {
    const agent = await tx.agent.findFirst({ where: { id: agentId, organisationId: caller.organisationId }, select: { attempts: true, organisation: { select: { policyRevision: true } } } });
    if (!agent) throw notFound("agent", agentId);
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
      },
    });
    await publishLive(tx, caller.organisationId, { topic: "agent", id: agentId });
    return { now: now.toISOString(), policyRevision: agent.organisation.policyRevision, commandsWaiting: 0, areKeysWanted: false };
  });
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
