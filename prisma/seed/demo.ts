/** Demo data of one organisation, in the order in which the kinds refer to each other. */
import type { Db } from "../../server/db.ts";
import { seedActivity } from "./activity.ts";
import { seedAgents } from "./agents.ts";
import { seedGateways } from "./gateways.ts";
import { seedPeople } from "./people.ts";
import { seedPolicies } from "./policies.ts";
import { makeRandom } from "./random.ts";
import type { Seed } from "./seed.ts";
import { seedWayBack } from "./reach.ts";
import { seedServices } from "./services.ts";
import { seedSites } from "./sites.ts";

export const seedSizes = [0, 3, 500] as const;
export type SeedSize = (typeof seedSizes)[number];

/** Makes `rows` of each kind; 0 makes nothing. Throws when the organisation has agents already. Returns how many of each kind it made. */
export async function seedDemo(db: Db, organisationId: string, rows: SeedSize, now: Date = new Date()): Promise<Record<string, number>> {
  if ((await db.agent.count({ where: { organisationId } })) > 0) throw new Error("This organisation has agents already; demo data goes into an empty one.");
  if (rows === 0) return {};
  const seed: Seed = { db, organisationId, rows, random: makeRandom(4726), now };
  const sites = await seedSites(seed);
  const gateways = await seedGateways(seed, sites.serverIds);
  const agents = await seedAgents(seed);
  await seedPolicies(seed, { gateways, groupIds: agents.groupIds });
  await seedPeople(seed, agents.groupIds);
  const services = await seedServices(seed, gateways.map((gateway) => gateway.id));
  const wayBack = await seedWayBack(seed, { gatewayIds: gateways.map((gateway) => gateway.id), groupIds: agents.groupIds });
  const refusals = await seedActivity(seed, { gatewayIds: gateways.map((gateway) => gateway.id), agentIds: agents.agentIds, serverIds: sites.serverIds });
  return { sites: rows, servers: rows, gateways: gateways.length, agents: agents.agentIds.length, groups: agents.groupIds.length, policies: rows, services, pools: services, bundles: rows, refusals, relays: wayBack.relays, reachRules: rows, reachSessions: rows, tasks: rows };
}
