/** Stores log lines that an agent sends (S1-65). The newest lines of each agent are kept; older ones are dropped. */
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";

/** Lines kept per agent. */
const linesMax = 5_000;
/** What an agent's own time may differ by: lines wait while there is no way to us, clocks go a little fast. Milliseconds. */
const behindMaxMs = 30 * 86_400_000;
const aheadMaxMs = 5 * 60_000;

export async function recordLogs(caller: Caller, agentId: string, lines: readonly string[], now: Date = new Date()): Promise<void> {
  if (lines.length === 0) return;
  await caller.db.$transaction(async (tx) => {
    const agent = await tx.agent.findFirst({ where: { id: agentId, organisationId: caller.organisationId }, select: { id: true } });
    if (!agent) throw notFound("agent", agentId);
    // PostgreSQL's text holds no NUL; an agent that sends one loses that character, not its lines.
    await tx.agentLog.createMany({ data: lines.map((line) => ({ agentId, ...timed(line.replaceAll("\u0000", "\ufffd"), now) })) });
    await tx.$executeRaw`DELETE FROM "AgentLog" WHERE "agentId" = ${agentId}::uuid AND id < (SELECT id FROM "AgentLog" WHERE "agentId" = ${agentId}::uuid ORDER BY id DESC OFFSET ${linesMax - 1} LIMIT 1)`;
    await publishLive(tx, caller.organisationId, { topic: "agent", id: agentId });
  });
}

/** Agents write the time at the head of each line. It becomes the row's, so that it is not shown twice; one that cannot be right stays in the line, for whoever looks for a wrong clock. */
function timed(line: string, now: Date): { at: Date; line: string } {
  const [, time, rest] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (.*)$/s.exec(line) ?? [];
  const at = new Date(time ?? Number.NaN);
  const ageMs = now.getTime() - at.getTime();
  return time !== undefined && rest !== undefined && ageMs > -aheadMaxMs && ageMs < behindMaxMs ? { at, line: rest } : { at: now, line };
}
