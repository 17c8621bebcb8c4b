/** Relays of the organisation, searched, sorted and paged in the database (X4-07). */
import type { z } from "zod";
import type { relayList, relayRow, relayRows } from "../../../contract/relay-objects.ts";
import type { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { containing, direction, iso, isoOrNull, pageOf } from "../object/list.ts";
import { chainOf } from "./chain.ts";
import { type RelayFinding, relayFindings } from "./findings.ts";
import { readRelayFacts, type RelayFacts } from "./facts.ts";

type Row = z.infer<typeof relayRow>;

export async function listRelays(caller: Caller, input: z.infer<typeof relayList>, now: Date = new Date()): Promise<z.infer<typeof relayRows>> {
  const text = containing(input.search);
  const where: Prisma.RelayWhereInput = { organisationId: caller.organisationId, ...(text ? { OR: [{ name: text }, { relayKey: { startsWith: input.search } }, { site: { name: text } }] } : {}) };
  const by = direction(input);
  const [rows, total, facts] = await Promise.all([
    caller.db.relay.findMany({ where, select: { id: true }, orderBy: [input.sort === "name" ? { nameKey: by } : { createdAt: by }, { id: "asc" }], ...pageOf(input) }),
    caller.db.relay.count({ where }),
    readRelayFacts(caller.db, caller.organisationId, now),
  ]);
  const findings = relayFindings(facts, now);
  return { rows: rows.flatMap((row) => toRelayRow(facts, row.id, findings) ?? []), total };
}

/** Undefined for a relay that is not among the facts. */
export function toRelayRow(facts: RelayFacts, id: string, findings: readonly RelayFinding[]): Row | undefined {
  const relay = facts.relays.get(id);
  if (!relay) return undefined;
  const connected = relay.sessions.filter((session) => session.state === "connected");
  const lastSeen = relay.sessions.filter((session) => session.node !== null).map((session) => session.at.getTime());
  return {
    id: relay.id, number: relay.number, name: relay.name, relayKey: relay.relayKey, state: relay.state, direction: relay.direction, site: relay.site,
    path: chainOf(facts.relays, id).map((link) => ({ relayId: link.id, name: link.name })), gateways: relay.gateways,
    nodes: new Set(connected.map((session) => session.node)).size, agents: relay.agents, connections: sum(connected.map((session) => session.report?.connections ?? 0)), bytesPerSecond: Math.round(sum(connected.map((session) => session.bytesPerSecond))),
    softwareVersion: (connected[0] ?? relay.sessions[0])?.report?.version ?? null, lastSeenAt: isoOrNull(lastSeen.length === 0 ? null : new Date(Math.max(...lastSeen))), warnings: findings.filter((finding) => finding.relayId === id).length, createdAt: iso(relay.createdAt),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
