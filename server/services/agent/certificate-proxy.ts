/**
 * Recognises a certificate proxy: a load balancer or inspecting device that answers TLS itself where agents expect the gateway (S0-03, S0-09).
 * The evidence is an agent's own attempt: it met a certificate that is neither pinned nor the gateway's.
 */
import { z } from "zod";
import { type ConnectionAttempt, connectionAttempt } from "../../../contract/agent-site.ts";
import type { Caller } from "../caller.ts";

export type CertificateProxySeen = {
  gatewayId: string; gateway: string; isBehindLoadBalancer: boolean;
  /** SHA-256 of what agents were shown, and of what the gateway presents. */
  seen: string; own: string | null;
  agents: string[]; at: string; sentence: string; cure: string;
};

/** Older evidence says nothing about today's network. */
const recentMs = 24 * 3_600_000;
const agentsMax = 2_000;
const attempts = z.array(connectionAttempt);

type Gateway = { id: string; name: string; isBehindLoadBalancer: boolean; own: string | null; /** Everything it ever presented, and the pins. */ known: ReadonlySet<string> };

/** Evidence of the last day, one entry per gateway and foreign certificate. `agentId`: of this agent only. */
export async function certificateProxies(caller: Caller, now: Date, agentId?: string): Promise<CertificateProxySeen[]> {
  const { organisationId } = caller;
  const agents = await caller.db.agent.findMany({
    where: { organisationId, revokedAt: null, ...(agentId === undefined ? { attempts: { array_contains: [{ code: "pin-mismatch" }] } } : { id: agentId }) },
    select: { hostname: true, attempts: true }, orderBy: [{ hostname: "asc" }, { id: "asc" }], take: agentsMax,
  });
  const met = agents.flatMap((agent) => {
    const parsed = attempts.safeParse(agent.attempts);
    return parsed.success ? parsed.data.flatMap((attempt) => foreignOf(attempt, now).map((found) => ({ ...found, agent: agent.hostname }))) : [];
  });
  if (met.length === 0) return [];
  const gateways = await gatewaysOf(caller, [...new Set(met.map((one) => one.gatewayId))]);
  return group(met, gateways);
}

type Met = { gatewayId: string; seen: string; at: string; agent: string };

function foreignOf(attempt: ConnectionAttempt, now: Date): Omit<Met, "agent">[] {
  if (attempt.code !== "pin-mismatch" || attempt.path.kind !== "gateway") return [];
  if (now.getTime() - Date.parse(attempt.at) > recentMs) return [];
  const [, seen] = /presented ([0-9a-f]{64})/.exec(attempt.detail) ?? [];
  return seen === undefined ? [] : [{ gatewayId: attempt.path.gatewayId, seen, at: attempt.at }];
}

async function gatewaysOf(caller: Caller, ids: readonly string[]): Promise<Map<string, Gateway>> {
  const uuids = ids.filter((id) => z.uuid().safeParse(id).success);
  const rows = await caller.db.gateway.findMany({ where: { organisationId: caller.organisationId, id: { in: uuids } }, select: { id: true, name: true, isBehindLoadBalancer: true, presentedCertificateId: true, certificates: { select: { id: true, fingerprint: true } } } });
  const presentedIds = rows.flatMap((row) => row.presentedCertificateId ?? []);
  const presented = await caller.db.certificate.findMany({ where: { organisationId: caller.organisationId, id: { in: presentedIds } }, select: { id: true, fingerprint: true } });
  return new Map(rows.map((row) => {
    const own = presented.find((certificate) => certificate.id === row.presentedCertificateId)?.fingerprint ?? null;
    return [row.id, { id: row.id, name: row.name, isBehindLoadBalancer: row.isBehindLoadBalancer, own, known: new Set([...row.certificates.map((certificate) => certificate.fingerprint), ...(own === null ? [] : [own])]) }];
  }));
}

/** A certificate that is the gateway's own, only not pinned, is another fault (pin-not-served). */
function group(met: readonly Met[], gateways: ReadonlyMap<string, Gateway>): CertificateProxySeen[] {
  const groups = new Map<string, Met[]>();
  for (const one of met) {
    const gateway = gateways.get(one.gatewayId);
    if (!gateway || gateway.known.has(one.seen)) continue;
    const key = `${one.gatewayId} ${one.seen}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].flatMap((list) => {
    const [first] = list;
    const gateway = first && gateways.get(first.gatewayId);
    return first && gateway ? [describe(gateway, first.seen, list)] : [];
  });
}

function describe(gateway: Gateway, seen: string, list: readonly Met[]): CertificateProxySeen {
  const agents = [...new Set(list.map((one) => one.agent))];
  const at = list.map((one) => one.at).sort().at(-1) ?? "";
  return {
    gatewayId: gateway.id, gateway: gateway.name, isBehindLoadBalancer: gateway.isBehindLoadBalancer, seen, own: gateway.own, agents, at,
    sentence: proxySentence({ gateway: gateway.name, seen, own: gateway.own, who: agents.length === 1 ? `Agent ${agents[0] ?? ""}` : `${agents.length} agents (such as ${agents[0] ?? ""})` }),
    cure: proxyCure(gateway),
  };
}

/** Both fingerprints side by side, in full: people compare them. */
export function proxySentence({ gateway, seen, own, who }: { gateway: string; seen: string; own: string | null; who: string }): string {
  return `A certificate proxy answers TLS in place of gateway "${gateway}": ${who} met SHA-256 ${seen}; ${own === null ? "the gateway has not reported its own yet" : `the gateway presents ${own}`}.`;
}

export function proxyCure(gateway: { isBehindLoadBalancer: boolean }): string {
  return gateway.isBehindLoadBalancer
    ? "Let the load balancer in front of the gateway pass TLS through unchanged (a TCP virtual server, no TLS profile); the gateway's page has a settings sheet for it."
    : "Find the device that ends TLS (a load balancer, or TLS inspection on the agents' network) and let it pass the gateway's name through unchanged.";
}
