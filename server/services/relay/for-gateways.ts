/** The relays that each gateway is told of: those it is the upstream of, and those that stand behind them, whose sessions travel inside. */
import { z } from "zod";
import { fingerprint } from "../../../contract/fingerprint.ts";
import { host, port } from "../../../contract/names.ts";
import type { SnapshotRelay } from "../../../contract/relay.ts";
import type { Tx } from "../../db.ts";
import { chainOf } from "./chain.ts";

const relaysMax = 500;
const endpoint = z.object({ host, port });
const confirmedEntry = z.object({ fingerprint, by: z.string(), at: z.string() });
export type Endpoint = z.infer<typeof endpoint>;
export type ConfirmedEntry = z.infer<typeof confirmedEntry>;

/** In one query, however many gateways. */
export async function relaysOfGateways(tx: Tx, organisationId: string, gatewayIds: readonly string[]): Promise<Map<string, SnapshotRelay[]>> {
  const rows = await tx.relay.findMany({
    where: { organisationId }, orderBy: { number: "asc" }, take: relaysMax,
    select: { id: true, name: true, relayKeySha256: true, direction: true, address: true, siteId: true, listeningAgents: true, confirmed: true, behindRelayId: true, gateways: { select: { gatewayId: true } } },
  });
  const byId = new Map(rows.map((row) => [row.id, row]));
  const found = new Map<string, SnapshotRelay[]>(gatewayIds.map((id) => [id, []]));
  for (const row of rows) {
    const [nearest = row] = chainOf(byId, row.id);
    const isDirect = row.behindRelayId === null;
    const relay: Omit<SnapshotRelay, "dial"> = { relayId: row.id, name: row.name, relayKeySha256: row.relayKeySha256, fingerprints: confirmedOf(row.confirmed).map((entry) => entry.fingerprint).slice(0, 20), siteId: row.siteId, listeningAgents: endpointsOf(row.listeningAgents) };
    for (const { gatewayId } of nearest.gateways) found.get(gatewayId)?.push({ ...relay, dial: isDirect && row.direction === "gateway-dials" ? endpointOf(row.address) : null });
  }
  return found;
}

/** The stored certificates that a person confirmed; anything unreadable counts as none. */
export function confirmedOf(stored: unknown): ConfirmedEntry[] {
  const parsed = confirmedEntry.array().safeParse(stored);
  return parsed.success ? parsed.data : [];
}

export function endpointsOf(stored: unknown): Endpoint[] {
  const parsed = endpoint.array().safeParse(stored);
  return parsed.success ? parsed.data : [];
}

export function endpointOf(stored: unknown): Endpoint | null {
  const parsed = endpoint.safeParse(stored);
  return parsed.success ? parsed.data : null;
}
