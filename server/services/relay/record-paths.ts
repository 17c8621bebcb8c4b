/** Which relays carried an agent's last proven connection (S4-35): from channels and tunnels that gateways report. */
import type { RelayHop } from "../../../contract/channel.ts";
import type { Tx } from "../../db.ts";

/** Writes the path of agents whose path changed; of several reports of one agent the last counts. */
export async function recordRelayPaths(tx: Tx, organisationId: string, reports: readonly { agentId: string; relayPath: readonly RelayHop[] }[]): Promise<void> {
  const paths = new Map(reports.map((report) => [report.agentId, JSON.stringify(report.relayPath)]));
  if (paths.size === 0) return;
  await tx.$executeRaw`
    UPDATE "Agent" a SET "relayPath" = p.path
      FROM unnest(${[...paths.keys()]}::uuid[], ${[...paths.values()]}::jsonb[]) AS p(id, path)
     WHERE a.id = p.id AND a."organisationId" = ${organisationId}::uuid AND a."relayPath" IS DISTINCT FROM p.path`;
}
