/** Rules about the way back: relays, inside listeners, reach rules (DESIGN section 5). */
import ipaddr from "ipaddr.js";
import type { Finding } from "../../../contract/finding.ts";
import { type Role, role } from "../../../contract/roles.ts";
import type { RelayFinding } from "../relay/findings.ts";
import { count } from "./name-rules.ts";
import { findingOf, listed } from "./report.ts";

export type WayBackFacts = {
  organisation: { id: string; name: string };
  relays: RelayFinding[];
  /** Agents that do not check the outer connection to their relay. */
  unchecked: { count: number; sample: string[] };
  gateways: { id: string; name: string; insideAddress: string | null }[];
  /** Enabled rules with services. `agents`: those that it targets, of `agentTotal`. */
  rules: { id: string; name: string; roles: readonly Role[]; approvalRoles: readonly Role[] | null; agents: number }[];
  agentTotal: number;
  /** Roles that at least one person or living API key has. */
  rolesHeld: ReadonlySet<Role>;
};

export function wayBackFindings(facts: WayBackFacts): Finding[] {
  return [...relayRows(facts), ...uncheckedAgents(facts), ...insideFindings(facts), ...wideRules(facts), ...impossibleApprovals(facts)];
}

function relayRows({ relays }: WayBackFacts): Finding[] {
  return relays.map(({ relayId, name, code, severity, sentence, cure }) => findingOf({ kind: "relay", id: relayId, name }, { code, severity: severity === "critical" ? "error" : severity, field: code === "relay-networks-overlap" ? "siteId" : null, sentence, cure }));
}

function uncheckedAgents({ organisation, unchecked }: WayBackFacts): Finding[] {
  if (unchecked.count === 0) return [];
  const isOne = unchecked.count === 1;
  return [findingOf({ kind: "organisation", ...organisation }, { code: "relay-validation-off", severity: "warning", sentence: `${count(unchecked.count, "agent")} (${listed(unchecked.sample)}) ${isOne ? "does" : "do"} not check what answers at ${isOne ? "its" : "their"} relay's address.`, cure: "Start the agents without --relay-validation off; only a network that is locked down at both ends excuses it." })];
}

function insideFindings({ organisation, gateways, rules }: WayBackFacts): Finding[] {
  const missing = rules.length > 0 && gateways.length > 0 && gateways.every((gateway) => gateway.insideAddress === null);
  return [
    ...(missing ? [findingOf({ kind: "organisation", ...organisation }, { code: "inside-listener-missing", severity: "warning", sentence: `${count(rules.length, "reach rule")} ${rules.length === 1 ? "lets" : "let"} people reach agents, and no gateway has an inside listener to begin at.`, cure: "Give a gateway an inside listener on its inner address." })] : []),
    ...gateways.flatMap((gateway) => {
      const exposure = gateway.insideAddress === null ? undefined : exposureOf(gateway.insideAddress);
      if (exposure === undefined) return [];
      return [findingOf({ kind: "gateway", id: gateway.id, name: gateway.name }, { code: "inside-listener-public", severity: exposure === "public" ? "error" : "warning", field: "inside.address", sentence: `The inside listener of gateway "${gateway.name}" binds ${gateway.insideAddress ?? ""}${exposure === "public" ? ", a public address" : ": every address of the computer, the outer one too"}; it is made for people and machines inside.`, cure: "Bind it to the gateway's inner address." })];
    }),
  ];
}

/** `all`: it binds every address. Undefined: an inner one. */
function exposureOf(address: string): "public" | "all" | undefined {
  if (address === "::" || address === "0.0.0.0") return "all";
  return ipaddr.isValid(address) && ipaddr.process(address).range() === "unicast" ? "public" : undefined;
}

function wideRules({ rules, agentTotal }: WayBackFacts): Finding[] {
  return rules.flatMap((rule) => {
    const isForAnybody = role.options.every((each) => rule.roles.includes(each));
    const isForAll = agentTotal > 1 && rule.agents >= agentTotal;
    if (rule.approvalRoles !== null || (!isForAnybody && !isForAll)) return [];
    const sentence = isForAnybody && isForAll ? `lets every person and key of the organisation reach all ${agentTotal} agents` : isForAnybody ? "lets every person and key of the organisation in" : `opens its services on all ${agentTotal} agents`;
    return [findingOf({ kind: "reachRule", id: rule.id, name: rule.name }, { code: "reach-rule-too-wide", severity: isForAnybody ? "warning" : "note", field: isForAnybody ? "who" : "groupIds", sentence: `Reach rule "${rule.name}" ${sentence}, without approval.`, cure: "Name the groups and roles that need it, or ask for an approval." })];
  });
}

function impossibleApprovals({ rules, rolesHeld }: WayBackFacts): Finding[] {
  return rules.flatMap((rule) => {
    if (rule.approvalRoles === null || rule.approvalRoles.some((each) => each !== "auditor" && rolesHeld.has(each))) return [];
    return [findingOf({ kind: "reachRule", id: rule.id, name: rule.name }, { code: "reach-approval-impossible", severity: "error", field: "approval.roles", sentence: `Reach rule "${rule.name}" asks for an approval by ${listed(rule.approvalRoles)}, and nobody can give it.`, cure: "Name a role that a person or an API key has; an auditor decides nothing." })];
  });
}
