/** Ends a session from the console. The gateway that carries it cuts it and reports the bytes. */
import { notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { writeInOrganisation } from "../object/write.ts";
import { endSessionRows } from "./review.ts";

/** Ending one that is over already changes nothing. */
export async function endReachSession(caller: Caller, input: { id: string }): Promise<{ id: string }> {
  const { organisationId } = caller;
  return writeInOrganisation(caller, async (tx) => {
    const session = await tx.reachSession.findFirst({ where: { id: input.id, organisationId }, select: { state: true, endReason: true, agentId: true, actorName: true, agent: { select: { hostname: true } } } });
    if (!session) throw notFound("session", input.id);
    if (session.state !== "granted" && session.state !== "open") return { id: input.id };
    await endSessionRows(tx, organisationId, [input.id], session.endReason ?? `ended by ${caller.actor.name}`);
    await recordAudit(tx, caller, { action: "reach.end", target: { kind: "agent", id: session.agentId, name: session.agent.hostname }, changes: [{ path: "session", before: session.state, after: input.id }, { path: "of", before: null, after: session.actorName }] });
    return { id: input.id };
  });
}
