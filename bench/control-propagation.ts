/**
 * How long a change in the console takes to be live on every connected gateway: 20 gateways, 10,000 agents, real PostgreSQL, real console control channel, real
 * channel clients with their access tables on disk, no engines. Run: `node bench/control-propagation.ts [--gateways=20] [--agents=10000] [--changes=200]`.
 * Prints p50, p99 and the longest, for one agent's revocation and for a policy change that concerns every gateway. Goal: p99 below 1,000 ms.
 */
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { AccessTable } from "../gateway-worker/supervisor/control/access.ts";
import { ControlChannel, type ChannelHost } from "../gateway-worker/supervisor/control/channel.ts";
import { SnapshotStore } from "../gateway-worker/supervisor/control/snapshot-store.ts";
import { enrol, readGatewayToken } from "../gateway-worker/supervisor/identity/enrol.ts";
import { freePort, makePassword, startEmbeddedPostgres } from "../scripts/embedded-postgres.mjs";
import { applyMigrations } from "../scripts/migration-engine.mjs";

const number = (name: string, standard: number): number => Number(process.argv.find((argument) => argument.startsWith(`--${name}=`))?.split("=")[1] ?? standard);
const [gatewayCount, agentCount, changeCount] = [number("gateways", 20), number("agents", 10_000), number("changes", 200)];

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-propagation-"));
fs.chmodSync(folder, 0o711); // started by root, PostgreSQL runs as another user who must be able to enter
const postgres = await startEmbeddedPostgres({ dataDirectory: path.join(folder, "postgres"), port: await freePort(), password: makePassword(), logFile: path.join(folder, "postgres.log") });
await applyMigrations(postgres.url());
process.env["DATABASE_URL"] = postgres.url();
process.env["SALLYPORT_DATA"] = path.join(folder, "data");
process.env["SALLYPORT_CONTROL_PORT"] = String(await freePort());

// The console reads its environment at the first import, so it comes after it is set.
const { db } = await import("../server/db.ts");
const { log } = await import("../server/log.ts");
const { bootstrap } = await import("../server/services/organisation/bootstrap.ts");
const { systemCaller } = await import("../server/services/caller.ts");
const { createToken } = await import("../server/services/token/create.ts");
const { writeAgentAccess } = await import("../server/services/access/write-entries.ts");
const { bumpGateways } = await import("../server/services/change/publish.ts");
const { startControl } = await import("../server/control/main.ts");
log.level = "error";

const { organisationId } = await bootstrap(db());
const caller = systemCaller(organisationId, "bench");
const control = await startControl({ host: "localhost" });

const agentIds = await makeAgents();
const gateways = await makeGateways();
const startedAt = performance.now();
for (const gateway of gateways) gateway.channel.start();
await until(() => gateways.every((gateway) => gateway.table.isComplete && gateway.table.size === agentCount && gateway.host.revision > 0));
process.stdout.write(`${gatewayCount} gateways, ${agentCount} agents: all tables and snapshots there after ${Math.round(performance.now() - startedAt)} ms\n`);

await measure("one agent revoked (access)", async (round) => {
  const agentId = agentIds[round % agentIds.length] ?? "";
  const version = await db().$transaction(async (tx) => {
    await tx.agent.update({ where: { id: agentId }, data: { revokedAt: new Date() } });
    await writeAgentAccess(tx, organisationId, [agentId]);
    return Number((await tx.organisation.findUniqueOrThrow({ where: { id: organisationId } })).accessVersion);
  });
  return (gateway) => gateway.accessAt.get(version);
});
await measure("a setting of every gateway changed (snapshot)", async () => {
  const revision = await db().$transaction(async (tx) => {
    await bumpGateways(tx, organisationId);
    return (await tx.gateway.findFirstOrThrow({ where: { organisationId } })).revision;
  });
  return (gateway) => gateway.snapshotAt.get(revision);
});

for (const gateway of gateways) await gateway.channel.stop();
for (const gateway of gateways) await gateway.table.close();
await control.close();
await db().$disconnect();
await postgres.stop();
fs.rmSync(folder, { recursive: true, force: true });
process.exit(0);

type BenchGateway = { host: ChannelHost & { revision: number; revisionSeen: number }; table: AccessTable; channel: ControlChannel; accessAt: Map<number, number>; snapshotAt: Map<number, number> };

/** Makes one change after the other; the clock starts when the change is committed and stops, per gateway, when it is live and on its disk. */
async function measure(what: string, change: (round: number) => Promise<(gateway: BenchGateway) => number | undefined>): Promise<void> {
  const samples: number[] = [];
  for (let round = 0; round < changeCount; round += 1) {
    const liveAt = await change(round);
    const committedAt = performance.now();
    await until(() => gateways.every((gateway) => liveAt(gateway) !== undefined));
    for (const gateway of gateways) samples.push(Math.max(0, (liveAt(gateway) ?? 0) - committedAt));
  }
  samples.sort((a, b) => a - b);
  const at = (share: number): string => (samples[Math.min(samples.length - 1, Math.floor(samples.length * share))] ?? 0).toFixed(1);
  const p99 = Number(at(0.99));
  process.stdout.write(`${what}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms over ${changeCount} changes x ${gatewayCount} gateways; goal p99 < 1000 ms: ${p99 < 1_000 ? "met" : "MISSED"}\n`);
}

async function makeAgents(): Promise<string[]> {
  await db().$executeRaw`
    INSERT INTO "Agent" (id, "organisationId", hostname, platform, addresses, "enrolledAt", "updatedAt")
    SELECT gen_random_uuid(), ${organisationId}::uuid, 'host-' || n, 'linux-x64', '{}', now(), now() FROM generate_series(1, ${agentCount}) n`;
  const agents = await db().agent.findMany({ where: { organisationId }, select: { id: true } });
  const ids = agents.map((agent) => agent.id);
  for (let from = 0; from < ids.length; from += 1_000) await db().$transaction(async (tx) => await writeAgentAccess(tx, organisationId, ids.slice(from, from + 1_000)));
  return ids;
}

async function makeGateways(): Promise<BenchGateway[]> {
  return await Promise.all(Array.from({ length: gatewayCount }, async (_, index) => {
    const name = `bench ${index}`;
    const row = await db().gateway.create({ data: { organisationId, name, nameKey: name, publicNames: ["localhost"], certificateKind: "self-signed", listeners: { create: [{ ordinal: 0, address: "127.0.0.1", port: 40_000 + index }] } }, select: { id: true } });
    const token = await db().$transaction(async (tx) => (await createToken(tx, caller, { kind: "gateway", gatewayId: row.id, expiresAt: new Date(Date.now() + 600_000), host: "localhost" })).text);
    const stateDir = path.join(folder, `gateway-${index}-${randomBytes(2).toString("hex")}`);
    const identity = await enrol(stateDir, readGatewayToken(token));
    return lightGateway(stateDir, identity);
  }));
}

/** A gateway without engines: the same channel, table and snapshot store as the worker's. */
function lightGateway(stateDir: string, identity: Awaited<ReturnType<typeof enrol>>): BenchGateway {
  const table = new AccessTable(stateDir, organisationId);
  const store = new SnapshotStore(stateDir);
  const [accessAt, snapshotAt] = [new Map<number, number>(), new Map<number, number>()];
  const host: BenchGateway["host"] = {
    revision: 0,
    revisionSeen: 0,
    get accessVersion() { return table.version; },
    async applyAccess(page) {
      await table.take(page);
      for (const entry of page.entries) accessAt.set(entry.version, performance.now());
      return { tunnelsEnded: 0 };
    },
    async applySnapshot(snapshot) {
      await store.save(snapshot);
      for (let revision = host.revision + 1; revision <= snapshot.revision; revision += 1) snapshotAt.set(revision, performance.now());
      host.revision = host.revisionSeen = snapshot.revision;
      return { ok: true };
    },
    renewCertificates: async () => {},
    knock: () => {},
    channelsElsewhere: () => {},
    endSessions: () => {},
  };
  const channel = new ControlChannel({
    link: () => ({ address: { ...identity.console, organisationId }, caPem: identity.caPem, client: identity }),
    host, version: "bench", runtime: `node ${process.version}`, startedAt: new Date(),
    onState: (state, detail) => { if (state === "lost") process.stderr.write(`lost: ${detail}\n`); },
    onWelcome: () => {},
  });
  return { host, table, channel, accessAt, snapshotAt };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("a change did not arrive within 60 s");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
