/** The way back: relays in every state, agent channels through them, rules, requests for approval, sessions and tasks. */
import { createHash } from "node:crypto";
import { type TaskOrder, taskState } from "../../contract/command.ts";
import type { RelayReport } from "../../contract/relay.ts";
import type { Prisma } from "../../server/db.ts";
import { minutesBefore, numbered, type Seed, towns } from "./seed.ts";

type Objects = { gatewayIds: readonly string[]; groupIds: readonly string[] };
type Hop = { relayId: string; name: string };
type SeededRelay = { id: string; name: string; state: "connected" | "waiting" | "failed" | null; path: Hop[] };
type PlacedAgent = { id: string; hostname: string };

/** At most this many: nobody has 500 relays. */
const relaysMax = 40;
const services = [{ name: "ssh", host: "127.0.0.1", port: 22 }, { name: "postgres", host: "127.0.0.1", port: 5432 }, { name: "web console", host: "127.0.0.1", port: 8443 }, { name: "camera", host: "10.20.0.9", port: 554 }] as const;

export async function seedWayBack(seed: Seed, objects: Objects): Promise<{ relays: number }> {
  const agents = await seed.db.agent.findMany({ where: { organisationId: seed.organisationId, enrolledAt: { not: null }, revokedAt: null }, select: { id: true, hostname: true }, orderBy: { hostname: "asc" } });
  await openInside(seed, objects.gatewayIds);
  const relays = await seedRelays(seed, objects.gatewayIds);
  await seedChannels(seed, { agents, relays, gatewayIds: objects.gatewayIds });
  const ruleIds = await seedRules(seed, objects.groupIds);
  await seedRequests(seed, { agents, ruleIds });
  await seedSessions(seed, { agents, ruleIds, gatewayIds: objects.gatewayIds });
  await seedTasks(seed, agents);
  return { relays: relays.length };
}

/** Most gateways have an inside listener, so that they are each other's peers. */
async function openInside({ db }: Seed, gatewayIds: readonly string[]): Promise<void> {
  for (const [index, id] of gatewayIds.entries()) {
    if (index % 4 !== 3) await db.gateway.update({ where: { id }, data: { insideAddress: `10.1.${index % 250}.5`, insideNames: [`gw${index + 1}.inside.example.com`] } });
  }
}

async function seedRelays(seed: Seed, gatewayIds: readonly string[]): Promise<SeededRelay[]> {
  const { db, organisationId, random, rows } = seed;
  const sites = await db.site.findMany({ where: { organisationId, kind: "intranet" }, select: { id: true }, orderBy: { nameKey: "asc" }, take: relaysMax });
  const made: SeededRelay[] = [];
  for (let index = 0; index < Math.min(rows, relaysMax); index += 1) {
    const before = made.at(-1);
    const nearer = index % 5 === 1 && before?.path.length === 1 ? before : undefined;
    const name = index < towns.length ? `${towns[index]} plant` : `${towns[index % towns.length]} plant ${Math.floor(index / towns.length) + 1}`;
    const id = random.uuid();
    const relay: SeededRelay = { id, name, state: (["connected", "connected", "waiting", "connected", "failed", "connected", null] as const)[index % 7] ?? null, path: [...(nearer?.path ?? []), { relayId: id, name }] };
    await writeRelay(seed, { relay, index, nearer, siteId: index % 6 === 5 ? null : (sites[index % Math.max(1, sites.length)]?.id ?? null), gatewayId: gatewayIds[index % gatewayIds.length] });
    made.push(relay);
  }
  await db.organisation.update({ where: { id: organisationId }, data: { relayNumber: made.length } });
  return made;
}

async function writeRelay(seed: Seed, made: { relay: SeededRelay; index: number; nearer: SeededRelay | undefined; siteId: string | null; gatewayId: string | undefined }): Promise<void> {
  const { db, organisationId, random } = seed;
  const { relay, index, nearer, siteId, gatewayId } = made;
  const relayKey = `demo-${random.hex(38)}`;
  const [fingerprint, isDialled] = [random.hex(64), relay.state === "failed"];
  const confirmed = relay.state === "connected" || isDialled ? [{ fingerprint, by: "Ana Martins", at: minutesBefore(seed, 20_000).toISOString() }] : [];
  await db.relay.create({
    data: {
      id: relay.id, organisationId, number: index + 1, name: relay.name, nameKey: relay.name.toLowerCase(), relayKey, relayKeySha256: createHash("sha256").update(relayKey).digest("hex"), direction: isDialled ? "gateway-dials" : "relay-dials",
      ...(isDialled ? { address: { host: `relay${index + 1}.example.com`, port: 2002 } } : {}), agentAddress: { host: `10.0.0.${(index % 250) + 1}`, port: 2002 }, behindRelayId: nearer?.id ?? null, siteId, networks: ["10.0.0.0/24"], confirmed, createdAt: minutesBefore(seed, 30_000 - index),
      ...(gatewayId ? { gateways: { create: [{ gatewayId, ordinal: 0 }] } } : {}),
    },
  });
  if (relay.state === null || !gatewayId) return;
  const node = isDialled ? null : random.uuid();
  const since = minutesBefore(seed, 40 + index);
  const report: RelayReport = {
    relayId: relay.id, node, state: relay.state, fingerprint: isDialled ? null : fingerprint, source: `203.0.113.${(index % 250) + 1}`, relayPath: relay.path.slice(0, -1), hostname: `relay-${index + 1}`, version: "0.1.0", since: since.toISOString(),
    detail: isDialled ? "connection refused" : null, connections: 4 + random.below(60), opened: 2_000 + random.below(9_000), refused: random.below(9), bytesUp: random.below(900_000_000), bytesDown: random.below(2_000_000_000), unreachable: [],
  };
  const bytesPerSecond = relay.state === "connected" ? random.below(900_000) : 0;
  await db.relaySession.create({ data: { relayId: relay.id, gatewayId, node: node ?? "", state: relay.state, fingerprint: report.fingerprint, report, since, at: seed.now, bytesPerSecond, bytesUpPerSecond: Math.floor(bytesPerSecond / 4) } });
}

/** Two of three agents hold a channel, every second of them through a relay; behind relays addresses repeat. */
async function seedChannels(seed: Seed, objects: { agents: readonly PlacedAgent[]; relays: readonly SeededRelay[]; gatewayIds: readonly string[] }): Promise<void> {
  const { db, organisationId, random } = seed;
  const carrying = objects.relays.filter((relay) => relay.state === "connected");
  const channels = objects.agents.flatMap((agent, index) => {
    const gatewayId = objects.gatewayIds[index % Math.min(3, objects.gatewayIds.length)];
    const relay = index % 2 === 0 ? carrying[Math.floor(index / 2) % Math.max(1, carrying.length)] : undefined;
    if (index % 3 === 2 || !gatewayId) return [];
    const data: Prisma.AgentChannelCreateManyInput = {
      channelId: random.uuid(), organisationId, agentId: agent.id, gatewayId, instance: random.uuid(), openedAt: minutesBefore(seed, 5 + (index % 900)), aliveUntil: minutesBefore(seed, -600), source: `198.51.100.${index % 250}`, relayPath: relay?.path ?? [],
      isListening: index % 17 === 16, version: "0.1.0", streams: random.below(3), bytesUp: BigInt(random.below(9_000_000)), bytesDown: BigInt(random.below(30_000_000)), roundTripMs: 4 + random.below(80),
    };
    return [data];
  });
  await db.agentChannel.createMany({ data: channels });
  for (const relay of carrying) {
    const ids = channels.filter((channel) => channel.relayPath === relay.path).map((channel) => channel.agentId);
    await db.agent.updateMany({ where: { organisationId, id: { in: ids } }, data: { relayPath: relay.path, relayAddress: "10.0.0.1:2002", addresses: ["10.0.0.2"] } });
  }
}

async function seedRules(seed: Seed, groupIds: readonly string[]): Promise<string[]> {
  const { db, organisationId, rows, random } = seed;
  const rules = Array.from({ length: rows }, (_unused, index) => {
    const name = numbered(["Administrators of", "Support for", "Vendors at"][index % 3] ?? "Support for", index, rows) + ` ${towns[index % towns.length]}`;
    return {
      id: random.uuid(), organisationId, name, nameKey: name.toLowerCase(), isEnabled: index % 8 !== 7, services: index % 3 === 2 ? [services[2], services[3]] : [services[0], services[1]], who: { roles: index % 3 === 0 ? ["owner", "administrator"] : ["owner", "operator"], userIds: [], apiKeyIds: [] }, sessionMinutes: 480,
      ...(index % 3 === 2 ? { approval: { roles: ["owner", "administrator"], minutes: 120 } } : {}), ...(index % 5 === 0 ? { scripts: { users: ["agent"], timeoutMaxSeconds: 300, outputMaxBytes: 1_000_000 } } : {}), createdAt: minutesBefore(seed, 9_000 + index),
    };
  });
  await db.reachRule.createMany({ data: rules });
  await db.reachRuleGroup.createMany({ data: rules.flatMap((rule, index) => { const groupId = groupIds[index % groupIds.length]; return groupId ? [{ ruleId: rule.id, groupId }] : []; }) });
  return rules.map((rule) => rule.id);
}

const people = ["Ana Martins", "Björn Åkesson", "Chiara Conti"] as const;

async function seedRequests(seed: Seed, objects: { agents: readonly PlacedAgent[]; ruleIds: readonly string[] }): Promise<void> {
  const { db, organisationId, rows } = seed;
  await db.reachRequest.createMany({
    data: Array.from({ length: rows }, (_unused, index) => {
      const state = (["open", "approved", "denied", "expired"] as const)[index % 4];
      const isDecided = state === "approved" || state === "denied";
      return {
        organisationId, agentId: pick(objects.agents, index).id, ruleId: pick(objects.ruleIds, index - (index % 3) + 2), service: services[3], reason: ["The camera of gate 4 shows nothing", "Firmware update, ticket 4711", "Night shift asks for the recording"][index % 3] ?? "Firmware update",
        actorKind: "user", actorId: `demo-${index % 3}`, actorName: people[index % 3] ?? "Ana Martins", createdAt: minutesBefore(seed, 20 + index), expiresAt: minutesBefore(seed, state === "expired" ? 5 : -90),
        ...(isDecided ? { isApproved: state === "approved", decidedByName: "Greta Vogel", decidedById: "demo", decidedAt: minutesBefore(seed, 10), decisionNote: state === "denied" ? "Not during the shift" : "" } : {}),
      };
    }),
  });
}

async function seedSessions(seed: Seed, objects: { agents: readonly PlacedAgent[]; ruleIds: readonly string[]; gatewayIds: readonly string[] }): Promise<void> {
  const { db, organisationId, rows, random } = seed;
  await db.reachSession.createMany({
    data: Array.from({ length: rows }, (_unused, index) => {
      const state = (["open", "ended", "ended", "refused", "ended"] as const)[index % 5] ?? "ended";
      const wasOpen = state !== "refused";
      const gatewayId = objects.gatewayIds[index % Math.min(3, objects.gatewayIds.length)] ?? null;
      return {
        organisationId, agentId: pick(objects.agents, index).id, ruleId: wasOpen ? pick(objects.ruleIds, index) : null, service: services[index % services.length] ?? services[0], actorKind: index % 4 === 3 ? "api-key" : "user", actorId: `demo-${index % 3}`, actorName: index % 4 === 3 ? "Nightly report" : (people[index % 3] ?? "Ana Martins"),
        source: `10.2.0.${index % 250}`, state, gatewayId, channelGatewayId: wasOpen ? gatewayId : null, createdAt: minutesBefore(seed, 3 + index * 4), openedAt: wasOpen ? minutesBefore(seed, 3 + index * 4) : null, endedAt: state === "open" ? null : minutesBefore(seed, 2 + index * 3), until: minutesBefore(seed, state === "open" ? -400 : 1),
        bytesUp: wasOpen ? BigInt(random.below(2_000_000)) : 0n, bytesDown: wasOpen ? BigInt(random.below(80_000_000)) : 0n, endReason: state === "open" ? null : state === "refused" ? "No reach rule lets this caller reach that service of that agent." : (["the client closed", "ended by Greta Vogel", "its time was over"][index % 3] ?? null),
      };
    }),
  });
}

const orders: readonly TaskOrder[] = [{ kind: "diagnose" }, { kind: "collect-inventory" }, { kind: "collect-logs", lines: 2_000 }, { kind: "run-script", script: "#!/bin/sh\nuptime\n", user: "agent", timeoutSeconds: 60, outputMaxBytes: 100_000 }, { kind: "upgrade" }];

/** As many tasks as rows, some of them in a batch; as many batches, the most of them over. */
async function seedTasks(seed: Seed, agents: readonly PlacedAgent[]): Promise<void> {
  const { db, organisationId, rows, random } = seed;
  const batches = Array.from({ length: rows }, (_unused, index) => ({
    id: random.uuid(), organisationId, name: numbered(`Inventory of ${towns[index % towns.length]}`, index, rows), kind: "collect-inventory", order: orders[1] ?? {}, groupIds: [], concurrency: 20, haltAtFailurePercent: 20, expiresInMinutes: 60, total: index === 0 ? Math.min(3, rows) : 0,
    state: (["running", "done", "halted", "done"] as const)[index % 4] ?? "done", haltReason: index % 4 === 2 ? "31 of 100 finished tasks failed, more than 20 %" : null, createdById: "demo", createdByName: "Ana Martins", createdAt: minutesBefore(seed, 15 + index), endedAt: index % 4 === 0 ? null : minutesBefore(seed, 5 + index),
  }));
  await db.taskBatch.createMany({ data: batches });
  await db.task.createMany({
    data: Array.from({ length: rows }, (_unused, index) => {
      const state = taskState.options[index % taskState.options.length] ?? "done";
      const order = orders[index % orders.length] ?? { kind: "diagnose" as const };
      const isOver = !["waiting", "sent", "running"].includes(state);
      const hasStarted = ["running", "done", "failed"].includes(state);
      return {
        organisationId, agentId: pick(agents, index).id, batchId: index < 3 ? (batches[0]?.id ?? null) : null, kind: order.kind, order, state, createdById: "demo", createdByName: people[index % 3] ?? "Ana Martins", createdAt: minutesBefore(seed, 4 + index), expiresAt: minutesBefore(seed, isOver ? 1 : -55),
        sentAt: state === "waiting" ? null : minutesBefore(seed, 3 + index), startedAt: hasStarted ? minutesBefore(seed, 3 + index) : null, endedAt: isOver ? minutesBefore(seed, 2 + index) : null, sequence: hasStarted ? 2 : -1, progress: state === "running" ? 40 : null,
        message: state === "failed" ? "exit code 1" : state === "done" ? "done" : "", output: order.kind === "run-script" && hasStarted ? " 12:01:07 up 3 days,  2:14,  0 users,  load average: 0.02, 0.05, 0.01\n" : "", exitCode: order.kind === "run-script" && isOver ? Number(state === "failed") : null,
        ...(state === "rejected" ? { rejection: { code: "command-denied", detail: "scripts as root are not allowed" } } : {}),
      };
    }),
  });
}

function pick<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length];
  if (found === undefined) throw new Error("nothing to pick from");
  return found;
}
