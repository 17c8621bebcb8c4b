/** What is wrong with relays, in words with a cure: the relay's page, the lint and the overview say the same. Pure. */
import { parseCidr } from "../../../contract/names.ts";
import type { FindingCode } from "../../../contract/finding.ts";
import type { RelayFact, RelayFacts } from "./facts.ts";

export type RelayFinding = { relayId: string; name: string; code: FindingCode; severity: "critical" | "warning" | "note"; sentence: string; cure: string };

/** A relay that answered and waits for a person is worth a word after this time, milliseconds. */
const waitingLongMs = 15 * 60_000;

export function relayFindings(facts: RelayFacts, now: Date): RelayFinding[] {
  return [...facts.relays.values()].flatMap((relay) => [...overlaps(relay, facts), ...unconfirmed(relay, now), ...withoutNodes(relay), ...unreachable(relay)]);
}

/** Overlapping networks are what relays are for, as long as each is tied to a site: without that nobody can say which 10.0.0.2 is meant (X4-06). */
function overlaps(relay: RelayFact, facts: RelayFacts): RelayFinding[] {
  if (relay.site !== null) return [];
  const others = [
    ...[...facts.relays.values()].filter((other) => other.id !== relay.id).flatMap((other) => other.networks.map((network) => ({ network, of: `relay "${other.name}"` }))),
    ...facts.sites.filter((site) => site.kind === "intranet").flatMap((site) => site.subnets.map((network) => ({ network, of: `site "${site.name}"` }))),
  ];
  const met = relay.networks.flatMap((network) => others.filter((other) => isOverlapping(network, other.network)).map((other) => ({ network, theirs: other.network, of: other.of })));
  const [first] = met;
  if (!first) return [];
  return [{
    ...on(relay), code: "relay-networks-overlap", severity: "critical",
    sentence: `Network ${first.network} behind relay "${relay.name}" overlaps ${first.theirs} of ${first.of}${met.length > 1 ? ` (and ${met.length - 1} more)` : ""}, and the relay is tied to no site: agents with equal addresses would carry the same name.`,
    cure: "Tie the relay to a site of its own; its agents are then named by that site.",
  }];
}

function isOverlapping(a: string, b: string): boolean {
  const [left, right] = [parseCidr(a), parseCidr(b)];
  if (!left || !right || left.family !== right.family) return false;
  const width = left.family === 4 ? 32 : 128;
  const shift = BigInt(width - Math.min(left.prefix, right.prefix));
  return left.bits >> shift === right.bits >> shift;
}

function unconfirmed(relay: RelayFact, now: Date): RelayFinding[] {
  const waiting = relay.sessions.filter((session) => session.state === "waiting");
  const since = Math.min(...waiting.map((session) => session.since.getTime()));
  if (waiting.length === 0 || now.getTime() - since < waitingLongMs) return [];
  return [{
    ...on(relay), code: "relay-unconfirmed", severity: "warning",
    sentence: `${waiting.length === 1 ? "A node" : `${waiting.length} nodes`} of relay "${relay.name}" answered ${Math.round((now.getTime() - since) / 60_000)} minutes ago and ${waiting.length === 1 ? "is" : "are"} not confirmed; nothing is taken from ${waiting.length === 1 ? "it" : "them"}.`,
    cure: "Compare the fingerprint with what sallyport-relay id prints on the node, then confirm it on the relay's page; or deregister the relay.",
  }];
}

function withoutNodes(relay: RelayFact): RelayFinding[] {
  if (relay.state !== "away") return [];
  const failed = relay.sessions.find((session) => session.state === "failed");
  const why = failed?.detail ? ` Gateway "${failed.gateway.name}" dials it and gets: ${failed.detail}.` : "";
  return [{
    ...on(relay), code: "relay-without-nodes", severity: "warning", sentence: `No node of relay "${relay.name}" has a session with a gateway; the agents behind it reach nothing.${why}`,
    cure: relay.direction === "gateway-dials" ? "Check that the relay runs, and the one inbound rule from the gateways to its port." : "Check that the relay runs, and the one outbound rule from it to its upstream; sallyport-relay check says which step fails.",
  }];
}

function unreachable(relay: RelayFact): RelayFinding[] {
  const lost = relay.sessions.filter((session) => session.state === "connected").flatMap((session) => session.report?.unreachable ?? []);
  const [first] = lost;
  if (!first) return [];
  return [{
    ...on(relay), code: "relay-agent-unreachable", severity: "warning",
    sentence: `Relay "${relay.name}" cannot reach ${lost.length === 1 ? "a listening agent" : `${lost.length} listening agents`}: ${first.host}:${first.port} (${first.detail})${lost.length > 1 ? " and others" : ""}.`,
    cure: "Check that the agent runs with --listen and that its computer lets the relay in; no relay helps where even the relay has no route.",
  }];
}

function on(relay: RelayFact): { relayId: string; name: string } {
  return { relayId: relay.id, name: relay.name };
}
