/** Stores log lines that an agent sends (S1-65). The newest lines of each agent are kept; older ones are dropped. */
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";

/** Lines kept per agent. */
const linesMax = 5_000;

export async function recordLogs(caller: Caller, agentId: string, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await caller.db.$transaction(async (tx) => {
    const agent = await tx.agent.findFirst({ where: { id: agentId, organisationId: caller.organisationId }, select: { id: true } });
    if (!agent) throw notFound("agent", agentId);
    // PostgreSQL's text holds no NUL; an agent that sends one loses that character, not its lines.
    await tx.agentLog.createMany({ data: lines.map((line) => ({ agentId, line: line.replaceAll("\u0000", "\ufffd") })) });
    await tx.$executeRaw`DELETE FROM "AgentLog" WHERE "agentId" = ${agentId}::uuid AND id < (SELECT id FROM "AgentLog" WHERE "agentId" = ${agentId}::uuid ORDER BY id DESC OFFSET ${linesMax - 1} LIMIT 1)`;
    await publishLive(tx, caller.organisationId, { topic: "agent", id: agentId });
  });
}
