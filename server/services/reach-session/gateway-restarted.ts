/** A gateway's program came up anew: the sessions of the one before it ended with it, unless the new one has brought their ends along. Each end is audited. */
import { recordAudits } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";

/** Clocks are compared once per connection; a start is taken for this much earlier than it says, milliseconds. */
const startSlackMs = 2_000;
const reason = "its gateway was restarted";

/** Call it behind the first whole report after hello. `startedAt`: of the gateway's program, by the console's clock. */
export async function endSessionsOfEarlierRun(gateway: Caller, startedAt: Date, now: Date = new Date()): Promise<void> {
  const { organisationId, actor } = gateway;
  const where = { organisationId, gatewayId: actor.id, state: "open", openedAt: { lt: new Date(startedAt.getTime() - startSlackMs) } };
  if ((await gateway.db.reachSession.count({ where })) === 0) return;
  await writeInOrganisation(gateway, async (tx) => {
    const rows = await tx.reachSession.findMany({ where, select: { id: true, agentId: true, actorName: true, actorKind: true, actorId: true, bytesUp: true, bytesDown: true, endReason: true, agent: { select: { hostname: true } } } });
    await tx.reachSession.updateMany({ where: { ...where, id: { in: rows.map((row) => row.id) }, endReason: null }, data: { endReason: reason } });
    await tx.reachSession.updateMany({ where: { ...where, id: { in: rows.map((row) => row.id) } }, data: { state: "ended", endedAt: now } });
    await recordAudits(tx, gateway, rows.map((row) => ({
      action: "reach.ended", target: { kind: "agent", id: row.agentId, name: row.agent.hostname },
      changes: [
        { path: "session", before: null, after: row.id }, { path: "by", before: null, after: `${row.actorName} (${row.actorKind}:${row.actorId})` },
        { path: "bytesUp", before: null, after: Number(row.bytesUp) }, { path: "bytesDown", before: null, after: Number(row.bytesDown) }, { path: "reason", before: null, after: row.endReason ?? reason },
      ],
    })));
    await publishLive(tx, organisationId, { topic: "reachSession", id: null });
  });
}
