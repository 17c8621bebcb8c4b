/** One relay: registration, nodes, load, and what is wrong with it. */
import type { z } from "zod";
import type { relayDetail, relayNode } from "../../../contract/relay-objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { iso } from "../object/list.ts";
import { readRelayFacts } from "./facts.ts";
import { relayFindings } from "./findings.ts";
import { toRelayRow } from "./list.ts";
import type { SeenSession } from "./sessions.ts";

export async function getRelay(caller: Caller, input: { id: string }, now: Date = new Date()): Promise<z.infer<typeof relayDetail>> {
  const facts = await readRelayFacts(caller.db, caller.organisationId, now);
  const relay = facts.relays.get(input.id);
  const findings = relayFindings(facts, now);
  const row = toRelayRow(facts, input.id, findings);
  if (!relay || !row) throw notFound("relay", input.id);
  const behind = relay.behindRelayId === null ? undefined : facts.relays.get(relay.behindRelayId);
  return {
    ...row, address: relay.address, agentAddress: relay.agentAddress, behindRelay: behind ? { id: behind.id, name: behind.name } : null, networks: relay.networks, listeningAgents: relay.listeningAgents, confirmed: relay.confirmed,
    sessions: relay.sessions.map(toNode), findings: findings.filter((finding) => finding.relayId === relay.id).map(({ code, severity, sentence, cure }) => ({ code, severity, sentence, cure })),
    note: relay.note, version: relay.version, updatedAt: iso(relay.updatedAt),
  };
}

function toNode(session: SeenSession): z.infer<typeof relayNode> {
  const { report } = session;
  return {
    gateway: session.gateway, node: session.node, state: session.state, fingerprint: session.fingerprint, isConfirmed: session.isConfirmed, source: report?.source ?? "", hostname: report?.hostname ?? "", version: report?.version ?? "",
    relayPath: report?.relayPath ?? [], since: iso(session.since), detail: session.detail, connections: report?.connections ?? 0, opened: report?.opened ?? 0, refused: report?.refused ?? 0, bytesUp: report?.bytesUp ?? 0, bytesDown: report?.bytesDown ?? 0, unreachable: report?.unreachable ?? [],
  };
}
