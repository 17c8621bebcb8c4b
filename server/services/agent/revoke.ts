/** Revokes agents: one transaction makes the row, the certificates and the access entry say so; gateways end the tunnels when the entry arrives. */
import type { z } from "zod";
import type { agentRevoke, agentRevokeMany } from "../../../contract/procedures.ts";
import type { Tx } from "../../db.ts";
import { writeAgentAccess } from "../access/write-entries.ts";
import { recordAudits } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishAgents } from "./publish-agents.ts";
import { demandClearance } from "../object/confirm.ts";
import { demandReferences } from "../object/references.ts";
import { writeInOrganisation } from "../object/write.ts";
import { agentWithImpact } from "./impact.ts";

/** Revokes one agent; revoking it again changes nothing. It comes back only by enrolling anew with a token made for it. */
export async function revokeAgent(caller: Caller, input: z.infer<typeof agentRevoke>): Promise<{ id: string }> {
  return writeInOrganisation(caller, async (tx) => {
    const { name, isRevoked, impact } = await agentWithImpact(tx, caller, input.id);
    if (isRevoked) return { id: input.id };
    demandClearance(impact, { kind: "Agent", name, confirmName: input.confirmName });
    await revoke(tx, caller, [input.id]);
    return { id: input.id };
  });
}

/** Revokes several; those already revoked do not count. */
export async function revokeAgents(caller: Caller, input: z.infer<typeof agentRevokeMany>): Promise<{ count: number }> {
  return writeInOrganisation(caller, async (tx) => {
    await demandReferences(tx, caller, { kind: "agent", ids: input.ids, path: "ids" });
    return { count: await revoke(tx, caller, input.ids) };
  });
}

async function revoke(tx: Tx, caller: Caller, ids: readonly string[]): Promise<number> {
  const { organisationId } = caller;
  const now = new Date();
  const agents = await tx.agent.findMany({ where: { organisationId, id: { in: [...ids] }, revokedAt: null }, select: { id: true, hostname: true } });
  const agentIds = agents.map((agent) => agent.id);
  if (agentIds.length === 0) return 0;
  await tx.agent.updateMany({ where: { organisationId, id: { in: agentIds } }, data: { revokedAt: now } });
  await tx.certificate.updateMany({ where: { organisationId, agentId: { in: agentIds }, revokedAt: null }, data: { revokedAt: now, isCurrent: false } });
  await tx.enrolmentToken.updateMany({ where: { organisationId, agentId: { in: agentIds }, revokedAt: null }, data: { revokedAt: now } });
  await writeAgentAccess(tx, organisationId, agentIds);
  await recordAudits(tx, caller, agents.map((agent) => ({ action: "agent.revoke", target: { kind: "agent", id: agent.id, name: agent.hostname } })));
  await publishAgents(tx, organisationId, agentIds);
  return agentIds.length;
}
