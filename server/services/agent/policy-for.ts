/** What one agent is told: all enabled policies that target it, merged in order, and the servers of its organisation (S1-50 to S1-56, S1-60). */
import { createHash } from "node:crypto";
import type { AgentPolicy } from "../../../contract/agent-site.ts";
import { httpProxy } from "../../../contract/agent-site.ts";
import type { Db, Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import { consoleKeysOf } from "../console-key/keys.ts";
import { endpointOf } from "../relay/for-gateways.ts";
import { rulesForGroups } from "../reach-session/read-rules.ts";

/** How often an agent reports and sends its inventory, seconds. Presence goes late after 90 s (N8), so three reports fit in between. */
const reportEverySeconds = 30;
const inventoryEverySeconds = 3_600;
const entriesMax = 100;
const gatewaysMax = 50;
const pinsMax = 4;
const servicesMax = 500;
const scriptsMax = 50;

export type PolicyAnswer = { kind: "unchanged"; etag: string } | { kind: "policy"; etag: string; policy: AgentPolicy };

/**
 * The policy of one agent, or `unchanged` when `etag` is still the current one. The tag is made of the organisation's policy revision and the agent's groups,
 * so that the usual poll costs one small query.
 */
export async function policyForAgent(reader: Db | Tx, organisationId: string, agentId: string, etag: string | null): Promise<PolicyAnswer> {
  const agent = await reader.agent.findFirst({
    where: { id: agentId, organisationId },
    select: { awaitsApproval: true, bundleId: true, relayAddress: true, groups: { select: { groupId: true } }, organisation: { select: { policyRevision: true } } },
  });
  if (!agent) throw notFound("agent", agentId);
  // An agent that waits for approval is told where the agent site is, and of nothing that a group would give it (S4-34).
  const groupIds = agent.awaitsApproval ? [] : agent.groups.map((member) => member.groupId);
  const current = policyTag(agent.awaitsApproval ? `${agentId} waiting` : agentId, agent.organisation.policyRevision, groupIds);
  if (etag === current) return { kind: "unchanged", etag: current };
  return { kind: "policy", etag: current, policy: { ...(await policyForGroups(reader, organisationId, groupIds, agentId)), hasChannel: !agent.awaitsApproval, relay: await relayOf(reader, organisationId, agent) } };
}

/**
 * The relay that the agent's bundle named (S4-21): it has no other way, so its policy keeps naming it. When the bundle was deleted since, the one that the agent
 * reports stays; a relay set on the computer itself is nobody's policy.
 */
async function relayOf(reader: Db | Tx, organisationId: string, agent: { bundleId: string | null; relayAddress: string | null }): Promise<AgentPolicy["relay"]> {
  if (agent.bundleId === null) return null;
  const bundle = await reader.bundle.findFirst({ where: { id: agent.bundleId, organisationId }, select: { relay: true } });
  return bundle ? endpointOf(bundle.relay) : readEndpoint(agent.relayAddress);
}

/** `HOST:PORT` as an agent reports it, an IPv6 address with or without brackets. */
function readEndpoint(text: string | null): AgentPolicy["relay"] {
  const match = /^\[?(.+?)\]?:(\d{1,5})$/.exec(text ?? "");
  return match ? endpointOf({ host: match[1], port: Number(match[2]) }) : null;
}

/** The policy that members of these groups get. `agentId` is null in an offline bundle, whose agents do not exist yet. */
export async function policyForGroups(reader: Db | Tx, organisationId: string, groupIds: readonly string[], agentId: string | null): Promise<AgentPolicy> {
  const organisation = await reader.organisation.findUniqueOrThrow({ where: { id: organisationId }, select: { name: true, policyRevision: true } });
  const policies = await reader.policy.findMany({
    where: { organisationId, isEnabled: true, groups: { some: { groupId: { in: [...groupIds] } } } },
    orderBy: [{ createdAt: "asc" }, { nameKey: "asc" }],
    select: { requestProxy: true, channelProxy: true, gateways: { orderBy: { ordinal: "asc" }, select: { gatewayId: true, fqdn: true, port: true, pins: true, gateway: { select: { name: true } } } } },
  });
  const gateways = mergeGateways(policies.flatMap((policy) => policy.gateways));
  return {
    format: 1,
    revision: organisation.policyRevision,
    agentId,
    organisationId,
    organisationName: organisation.name,
    isCloudEnabled: policies.length > 0,
    servers: await serverEntries(reader, organisationId),
    gateways,
    // Two policies, each right on its own, may merge to both; the gateway wins, because a proxy in front of it is what S0-26 forbids.
    requestProxy: gateways.length > 0 ? null : firstProxy(policies.map((policy) => policy.requestProxy)),
    channelProxy: firstProxy(policies.map((policy) => policy.channelProxy)),
    reportEverySeconds,
    inventoryEverySeconds,
    consoleKeys: await consoleKeysOf(reader, organisationId),
    reach: await reachLists(reader, organisationId, groupIds),
    hasChannel: true,
    relay: null,
  };
}

/** The agent's own list for reverse access, from all rules that target it. It knows no callers: who may come is the console's to say, what may be reached is held here too. */
async function reachLists(reader: Db | Tx, organisationId: string, groupIds: readonly string[]): Promise<AgentPolicy["reach"]> {
  const rules = await rulesForGroups(reader, organisationId, groupIds);
  const services = new Map(rules.flatMap((rule) => rule.services.map((service) => [`${service.host} ${service.port}`, service] as const)));
  return { services: [...services.values()].slice(0, servicesMax), scripts: rules.flatMap((rule) => rule.scripts ?? []).slice(0, scriptsMax) };
}

type PolicyGatewayRow = { gatewayId: string; fqdn: string; port: number; pins: string[]; gateway: { name: string } };

/** First mention decides the order; pins of later mentions of the same address are added. */
function mergeGateways(rows: readonly PolicyGatewayRow[]): AgentPolicy["gateways"] {
  const byAddress = new Map<string, AgentPolicy["gateways"][number]>();
  for (const row of rows) {
    const key = `${row.fqdn}:${row.port}`;
    const known = byAddress.get(key);
    const pins = [...new Set([...(known?.pins ?? []), ...row.pins])].slice(0, pinsMax);
    if (pins.length > 0) byAddress.set(key, { id: known?.id ?? row.gatewayId, name: known?.name ?? row.gateway.name, fqdn: row.fqdn, port: row.port, pins });
  }
  return [...byAddress.values()].slice(0, gatewaysMax);
}

/** The agent site first, then management servers, then site servers; one entry for each of a server's names and ports, the first of which is what agents dial. */
async function serverEntries(reader: Db | Tx, organisationId: string): Promise<AgentPolicy["servers"]> {
  const servers = await reader.server.findMany({
    where: { organisationId },
    orderBy: [{ isAgentSite: "desc" }, { kind: "asc" }, { nameKey: "asc" }],
    select: { id: true, name: true, kind: true, isAgentSite: true, names: true, ports: true },
  });
  const entries = servers.flatMap((server) => server.names.flatMap((host) => server.ports.map((port) => ({ id: server.id, name: server.name, kind: server.kind, host, port, isAgentSite: server.isAgentSite }))));
  return entries.slice(0, entriesMax);
}

function firstProxy(values: readonly unknown[]): AgentPolicy["requestProxy"] {
  const found = values.find((value) => value !== null);
  return found === undefined ? null : httpProxy.parse(found);
}

function policyTag(agentId: string, revision: number, groupIds: readonly string[]): string {
  return `"${revision}-${createHash("sha256").update([agentId, ...[...groupIds].sort()].join(" ")).digest("hex").slice(0, 24)}"`;
}
