/** All relays of an organisation with what gateways say of them: lists, pages, findings and the topology read the same. A few queries, however many relays. */
import type { RelayState } from "../../../contract/relay-objects.ts";
import type { Db, Tx } from "../../db.ts";
import { type ConfirmedEntry, confirmedOf, type Endpoint, endpointOf, endpointsOf } from "./for-gateways.ts";
import { relaySessionColumns, relayStateOf, type SeenSession, seenSessions } from "./sessions.ts";
import { agentsThrough } from "./through.ts";

const relaysMax = 1_000;

type Ref = { id: string; name: string };
export type RelayFact = {
  id: string; number: number; name: string; relayKey: string; state: RelayState; direction: "relay-dials" | "gateway-dials"; site: Ref | null; address: Endpoint | null; agentAddress: Endpoint | null; behindRelayId: string | null;
  networks: string[]; listeningAgents: Endpoint[]; confirmed: ConfirmedEntry[]; gateways: Ref[]; sessions: SeenSession[]; agents: number; note: string; version: number; createdAt: Date; updatedAt: Date;
};
export type SiteFact = { id: string; name: string; kind: "intranet" | "internet"; subnets: string[] };
export type RelayFacts = { relays: ReadonlyMap<string, RelayFact>; sites: readonly SiteFact[] };

export async function readRelayFacts(reader: Db | Tx, organisationId: string, now: Date): Promise<RelayFacts> {
  const [rows, sites, agents] = await Promise.all([
    reader.relay.findMany({
      where: { organisationId }, orderBy: { number: "asc" }, take: relaysMax,
      include: { site: { select: { id: true, name: true } }, gateways: { select: { gateway: { select: { id: true, name: true } } }, orderBy: { ordinal: "asc" } }, sessions: { select: relaySessionColumns, orderBy: [{ since: "desc" }] } },
    }),
    reader.site.findMany({ where: { organisationId }, select: { id: true, name: true, kind: true, subnets: true }, orderBy: { nameKey: "asc" } }),
    agentsThrough(reader, organisationId, now),
  ]);
  const relays = rows.map((row): RelayFact => {
    const sessions = seenSessions(row.sessions, row.confirmed, now);
    return {
      id: row.id, number: row.number, name: row.name, relayKey: row.relayKey, state: relayStateOf(sessions, row.confirmed), direction: row.direction === "gateway-dials" ? "gateway-dials" : "relay-dials", site: row.site,
      address: endpointOf(row.address), agentAddress: endpointOf(row.agentAddress), behindRelayId: row.behindRelayId, networks: row.networks, listeningAgents: endpointsOf(row.listeningAgents), confirmed: confirmedOf(row.confirmed),
      gateways: row.gateways.map(({ gateway }) => gateway), sessions, agents: agents.get(row.id) ?? 0, note: row.note, version: row.version, createdAt: row.createdAt, updatedAt: row.updatedAt,
    };
  });
  return { relays: new Map(relays.map((relay) => [relay.id, relay])), sites };
}
