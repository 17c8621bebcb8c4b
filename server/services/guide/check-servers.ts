/** Step 4: the management server is assigned to a gateway, every assigned server is reachable from its gateway, and every internet site server is ready (S1-43 to S1-45). */
import type { Caller } from "../caller.ts";
import { checkServerReadiness } from "../server/check-readiness.ts";
import { fact, type Fact, failed, type StepVerdict, verified } from "./facts.ts";

/** A gateway's finding older than this counts as none, ms. */
export const reachFreshMs = 2 * 60_000;
const firstFindingMs = 4_000;
const serversMax = 50;

export async function checkServers(caller: Caller, now: Date = new Date()): Promise<StepVerdict> {
  const { organisationId } = caller;
  const links = await caller.db.gatewayServer.findMany({
    where: { gateway: { organisationId } },
    select: { gatewayId: true, serverId: true, gateway: { select: { name: true } }, server: { select: { name: true, kind: true } } },
    orderBy: [{ server: { nameKey: "asc" } }, { gatewayId: "asc" }], take: serversMax,
  });
  if (!links.some((link) => link.server.kind === "management")) return failed([fact("Management server", "assigned to no gateway", false)], "No gateway forwards to the management server.", "Open a gateway and add the management server to its servers.");
  const found = await readReach(caller, links);
  const facts = links.map((link): Fact => {
    const entry = found.get(`${link.gatewayId} ${link.serverId}`);
    const isFresh = entry !== undefined && now.getTime() - entry.checkedAt.getTime() < reachFreshMs;
    const value = !entry ? "not dialled yet" : !isFresh ? `last dialled ${entry.checkedAt.toISOString()}` : entry.isReachable ? "reachable" : entry.detail;
    return fact(`${link.server.name} from gateway ${link.gateway.name}`, value, isFresh && entry.isReachable);
  });
  facts.push(...(await siteServerFacts(caller)));
  const wrong = facts.find((entry) => !entry.isGood);
  return wrong ? failed(facts, `${wrong.label}: ${wrong.value}`, "Check the server's addresses and ports, the firewall between gateway and server, and the server's binding and certificate.") : verified(facts);
}

type Reach = { isReachable: boolean; detail: string; checkedAt: Date };

/** What the gateways found. A server assigned a moment ago is being dialled: waits a few seconds for its first finding. */
async function readReach(caller: Caller, links: readonly { gatewayId: string; serverId: string }[]): Promise<Map<string, Reach>> {
  for (const deadline = Date.now() + firstFindingMs; ; ) {
    const rows = await caller.db.serverReach.findMany({ where: { gateway: { organisationId: caller.organisationId } }, select: { gatewayId: true, serverId: true, isReachable: true, detail: true, checkedAt: true } });
    const found = new Map(rows.map((row) => [`${row.gatewayId} ${row.serverId}`, row]));
    if (Date.now() >= deadline || links.every((link) => found.has(`${link.gatewayId} ${link.serverId}`))) return found;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** Binding and certificate of each site server must be right before the next step (S1-43). */
async function siteServerFacts(caller: Caller): Promise<Fact[]> {
  const servers = await caller.db.server.findMany({ where: { organisationId: caller.organisationId, kind: "site", sites: { some: { site: { kind: "internet" } } } }, select: { id: true, name: true }, orderBy: { nameKey: "asc" }, take: serversMax });
  const facts: Fact[] = [];
  for (const server of servers) {
    const readiness = await checkServerReadiness(caller, server);
    facts.push(fact(`Binding of site server ${server.name}`, readiness.detail, readiness.isReady));
  }
  return facts;
}
