/** The whole organisation on one page: counts in the database, a bounded picture of gateways, servers and sites, and what needs attention. */
import type { z } from "zod";
import type { overview } from "../../../contract/objects.ts";
import { agentState, type AgentState } from "../../../contract/states.ts";
import { agentStateSql } from "../agent/state.ts";
import type { Caller } from "../caller.ts";
import { gatewayColumns, toGatewayRow } from "../gateway/list.ts";
import { summariseRefusals } from "../refusal/summary.ts";
import { warningsOf } from "./warnings.ts";

type Overview = z.infer<typeof overview>;

/** Objects of a kind on the picture. */
const shownMax = 50;
const causesMax = 5;
const trafficMs = 3_600_000;

export async function viewOverview(caller: Caller, now: Date = new Date()): Promise<Overview> {
  const [agents, gateways, servers, sites, refusals, traffic] = await Promise.all([countAgents(caller, now), readGateways(caller), readServers(caller), readSites(caller), summariseRefusals(caller, now), readTraffic(caller, now)]);
  const warnings = await warningsOf(caller, now);
  return { agents, gateways, servers, sites, traffic, warnings, refusalsLastDay: refusals.total, refusalCauses: refusals.causes.slice(0, causesMax).map(({ code, count }) => ({ code, count })) };
}

async function countAgents(caller: Caller, now: Date): Promise<Overview["agents"]> {
  const rows = await caller.db.$queryRaw<{ state: string; path: string | null; count: bigint }[]>`
    SELECT ${agentStateSql(now)} AS state, a.path->>'kind' AS path, count(*) AS count FROM "Agent" a WHERE a."organisationId" = ${caller.organisationId}::uuid GROUP BY 1, 2`;
  const sum = (fits: (row: { state: string; path: string | null }) => boolean) => rows.filter(fits).reduce((total, row) => total + Number(row.count), 0);
  const of = (state: AgentState) => sum((row) => agentState.safeParse(row.state).success && row.state === state);
  return {
    total: sum(() => true), online: of("online"), late: of("late"), offline: of("offline"), pending: of("pending"), revoked: of("revoked"),
    viaGateway: sum((row) => row.state === "online" && row.path === "gateway"), onLan: sum((row) => row.state === "online" && row.path === "lan"),
  };
}

async function readGateways(caller: Caller): Promise<Overview["gateways"]> {
  const rows = await caller.db.gateway.findMany({ where: { organisationId: caller.organisationId }, select: gatewayColumns, orderBy: [{ nameKey: "asc" }, { id: "asc" }], take: shownMax });
  return rows.map((row) => toGatewayRow(row, null)).map((row) => ({ id: row.id, name: row.name, state: row.state, tunnels: row.tunnels, publicName: row.publicNames[0] ?? null }));
}

async function readServers(caller: Caller): Promise<Overview["servers"]> {
  const rows = await caller.db.server.findMany({
    where: { organisationId: caller.organisationId }, orderBy: [{ isAgentSite: "desc" }, { kind: "asc" }, { nameKey: "asc" }, { id: "asc" }], take: shownMax,
    select: { id: true, name: true, kind: true, isReady: true, gateways: { select: { gatewayId: true } } },
  });
  return rows.map(({ gateways, ...row }) => ({ ...row, gatewayIds: gateways.map((gateway) => gateway.gatewayId) }));
}

async function readSites(caller: Caller): Promise<Overview["sites"]> {
  const rows = await caller.db.site.findMany({ where: { organisationId: caller.organisationId }, select: { id: true, name: true, kind: true, _count: { select: { servers: true } } }, orderBy: [{ nameKey: "asc" }, { id: "asc" }], take: shownMax });
  return rows.map(({ _count, ...row }) => ({ ...row, serverCount: _count.servers }));
}

/** The last hour, one point a minute over all gateways. */
async function readTraffic(caller: Caller, now: Date): Promise<Overview["traffic"]> {
  const rows = await caller.db.$queryRaw<{ at: Date; tunnels: bigint; bytesUp: bigint; bytesDown: bigint }[]>`
    SELECT date_trunc('minute', s.at) AS at, sum(s.tunnels)::bigint AS tunnels, sum(s."bytesUp")::bigint AS "bytesUp", sum(s."bytesDown")::bigint AS "bytesDown"
      FROM "GatewaySample" s JOIN "Gateway" g ON g.id = s."gatewayId"
     WHERE g."organisationId" = ${caller.organisationId}::uuid AND s.at > ${new Date(now.getTime() - trafficMs)}::timestamptz GROUP BY 1 ORDER BY 1`;
  return rows.map((row) => ({ at: row.at.toISOString(), tunnels: Number(row.tunnels), bytesUp: Number(row.bytesUp), bytesDown: Number(row.bytesDown) }));
}
