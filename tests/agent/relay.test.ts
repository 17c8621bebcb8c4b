/** Agents behind a relay, end to end: only the endpoint changes. And agents that cannot dial at all, which the relay dials. */
import { startWorld } from "./support/world.ts";
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import type { AgentStatus } from "../../agent/status.ts";
import { prepareEnrolment } from "../../agent/identity/enrol.ts";
import { IdentityStore } from "../../agent/identity/store.ts";
import { reachRuleCreate } from "../../contract/reach-objects.ts";
import { relaySettings } from "../../contract/relay.ts";
import { relayCreate } from "../../contract/relay-objects.ts";
import { db } from "../../server/db.ts";
import type { Caller } from "../../server/services/caller.ts";
import { trustAnchors } from "../../server/services/certificate/authority.ts";
import { createReachRule } from "../../server/services/reach-rule/create.ts";
import { openReachSession } from "../../server/services/reach-session/open.ts";
import { confirmRelay } from "../../server/services/relay/confirm.ts";
import { createRelay } from "../../server/services/relay/create.ts";
import { relayPackageOf } from "../../server/services/relay/package.ts";
import { RelayProcess } from "../relay/support/relay-process.ts";
import { askInside, echoed } from "../support/inside-client.ts";
import { echoServer, freePort, until } from "../support/sockets.ts";
import { bundleSource, makeBundle } from "./support/bundle.ts";
import { agentCommand, agentReaches, agentToken, type RunningAgent, startAgent, temporaryDir } from "./support/site.ts";

// Behind a relay a name decides where a connection leads: the agent site needs one of its own.
const siteName = "agents.sallyport.test";
const world = await startWorld({ siteName });
const gateway = await world.gateway({ hasInside: true });
const listenPort = await freePort();
const service = await echoServer();
const { caPem } = await trustAnchors(db(), world.organisationId);
const operator: Caller = { actor: { kind: "user", id: randomUUID(), name: "ann" }, organisationId: world.organisationId, role: "operator", requestId: "test", source: "192.0.2.1", db: db() };
// Behind a relay the gateway's name need not resolve: only the relay is dialled.
const policy = await world.policy({ gateways: [{ gateway, pins: [gateway.pin], fqdn: "gw.sallyport.test" }] });
await createReachRule(world.caller, reachRuleCreate.parse({ name: "echo", groupIds: [policy.groupId], services: [{ name: "echo", port: service.port }], who: { roles: ["operator"] }, approval: null }));
const relay = await registeredRelay();
afterAll(async () => {
  await relay.kill();
  await service.close();
});

/** Registered in the console, started from its own package, and confirmed after it answered. */
async function registeredRelay(): Promise<RelayProcess> {
  const { id } = await createRelay(world.caller, relayCreate.parse({ name: "Cellar", gatewayIds: [gateway.id] }));
  const settings = relaySettings.parse(JSON.parse((await relayPackageOf(world.caller, { id })).settings));
  const started = await RelayProcess.start({ ...settings, listen: { address: "127.0.0.1", port: await freePort() }, dialNetworks: ["127.0.0.0/8"], upstreams: settings.upstreams.map((upstream) => ({ ...upstream, host: "127.0.0.1", port: gateway.port })) });
  const fingerprint = await started.fingerprint();
  await until(async () => (await db().relaySession.count({ where: { relayId: id, fingerprint } })) > 0, "the relay has answered", 15_000);
  await confirmRelay(world.caller, { id, fingerprint });
  return started.serving();
}

async function reachEcho({ agentId, channel }: AgentStatus): Promise<string> {
  await until(async () => (await db().agentChannel.count({ where: { channelId: channel?.channelId ?? "", endedAt: null } })) === 1, "the console knows the channel", 15_000);
  const { target, grant } = await openReachSession(operator, { agent: agentId ?? "", port: service.port });
  const { status, body, socket } = await askInside({ port: gateway.insidePort, caPem, target, authorization: `Bearer ${grant}` });
  expect(status, body).toBe(200);
  const back = await echoed(socket, "through everything");
  socket.destroy();
  return back;
}

const works = (agent: RunningAgent) => agentReaches(agent, (status) => status.step === "fully-connected" && status.channel !== null, "connected, with a channel", 25_000);

describe("an agent whose only way is a relay", () => {
  it("enrols with a bare token, gets its policy, sends its inventory and is reached, and does it again after the relay was killed [S4-15] [S4-21] [S4-22] [S4-23] [S4-26] [S4-30] [S4-34] [S4-04] [S4-05] [X4-09]", async () => {
    await world.lan.cut();
    const state = temporaryDir();
    const enrolled = await agentCommand("node", ["enrol", "--token-file", "-", "--relay", `127.0.0.1:${relay.port}`, "--state", state], { input: await agentToken(world, { groupIds: [policy.groupId] }) });
    expect(enrolled.code, enrolled.stdout + enrolled.stderr).toBe(0);
    const agent = startAgent("bun", state);
    const status = await works(agent);
    expect(status.relay).toEqual({ host: "127.0.0.1", port: relay.port, isValidated: true });
    const agentId = status.agentId ?? "";
    await until(async () => (await db().agent.findUniqueOrThrow({ where: { id: agentId }, select: { inventoryAt: true } })).inventoryAt !== null, "the inventory is in the console", 15_000);
    await until(async () => JSON.stringify((await db().agentChannel.findFirst({ where: { agentId, endedAt: null } }))?.relayPath ?? null).includes("Cellar"), "the console sees the relay in the path", 15_000);
    expect(await reachEcho(status)).toBe("through everything");
    await relay.kill();
    await agentReaches(agent, (now) => now.channel === null, "the channel is gone");
    await until(() => agent.log().includes("code=relay-unreachable"), "the agent names the relay");
    const diagnosed = await agentCommand("node", ["diagnose", "--state", state]);
    expect(diagnosed.code).toBe(1);
    expect(diagnosed.stdout).toMatch(/FAILS here.*\n\s+relay-unreachable: /);
    expect(diagnosed.stdout).toContain("What a relay cannot solve");
    relay.restart();
    await relay.serving();
    expect(await reachEcho(await works(agent))).toBe("through everything");
    await agent.stop();
  });

  it("listens where it cannot even dial the relay: enrols from its bundle, works and is reached over the connection by which it was dialled [X4-01] [S4-15] [S4-39] [S4-40] [S4-41] [S4-42]", async () => {
    await world.lan.cut();
    const state = temporaryDir();
    prepareEnrolment(new IdentityStore(state), await bundleSource(world, await makeBundle(world, { groupIds: [policy.groupId] })));
    const agent = startAgent("node", state, { SALLYPORT_LISTEN: `127.0.0.1:${listenPort}` });
    await until(() => agent.log().includes("waits to be dialled"), "it listens");
    await db().relay.updateMany({ where: { organisationId: world.organisationId }, data: { listeningAgents: [{ host: "127.0.0.1", port: listenPort }] } });
    await world.bench.bump(gateway.id);
    const status = await works(agent);
    expect(status.path).toMatchObject({ kind: "gateway" });
    expect(status.channel).toMatchObject({ isListening: true });
    expect(await reachEcho(status)).toBe("through everything");
    await agent.stop();
  });
});

describe("the relay's certificate", () => {
  it("is not checked only when somebody turned that off, and then agent, console and audit say so [S4-37] [S4-38]", async () => {
    await world.lan.cut();
    const wrong = await world.policy({ gateways: [{ gateway, pins: ["ab".repeat(32)], fqdn: "gw.sallyport.test" }] });
    const state = temporaryDir();
    const relayArgs = ["--relay", `127.0.0.1:${relay.port}`, "--state", state];
    expect((await agentCommand("node", ["enrol", "--token-file", "-", ...relayArgs], { input: await agentToken(world, { groupIds: [wrong.groupId] }) })).code).toBe(0);
    const strict = startAgent("node", state);
    await agentReaches(strict, (status) => status.channelProblem?.code === "pin-mismatch", "the pins are compared", 20_000);
    await strict.stop();
    const shown = await agentCommand("node", ["relay", "--relay-validation", "off", "--state", state]);
    expect(shown.stdout).toContain("WARNING");
    const lax = startAgent("node", state);
    const status = await works(lax);
    expect(lax.log()).toContain("ARE NOT CHECKED");
    expect((await agentCommand("node", ["status", "--state", state])).stdout).toContain("CERTIFICATES NOT CHECKED");
    await until(async () => (await db().agent.findUniqueOrThrow({ where: { id: status.agentId ?? "" } })).isRelayValidationOff, "the console knows", 8_000);
    await until(async () => (await db().auditEvent.count({ where: { targetId: status.agentId ?? "", action: { contains: "relay" } } })) > 0, "it is audited", 3_000);
    await lax.stop();
    expect(fs.existsSync(`${state}/relay.json`)).toBe(true);
  });
});
