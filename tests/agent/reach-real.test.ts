/** Reverse access end to end: real agent, real gateways, the console's rules and grants. */
import { startWorld } from "./support/world.ts";
import { randomUUID } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";
import { reachRuleCreate } from "../../contract/reach-objects.ts";
import { db } from "../../server/db.ts";
import type { Caller } from "../../server/services/caller.ts";
import { trustAnchors } from "../../server/services/certificate/authority.ts";
import { createReachRule } from "../../server/services/reach-rule/create.ts";
import { openReachSession } from "../../server/services/reach-session/open.ts";
import { askInside, echoed, ended } from "../support/inside-client.ts";
import { echoServer, until } from "../support/sockets.ts";
import type { TestGateway } from "./support/world.ts";
import { agentCommand, agentReaches, agentToken, type RunningAgent, type RuntimeName, runtimeNames, startAgent, temporaryDir } from "./support/site.ts";

const world = await startWorld();
const { caPem } = await trustAnchors(db(), world.organisationId);
const operator: Caller = { actor: { kind: "user", id: randomUUID(), name: "ann" }, organisationId: world.organisationId, role: "operator", requestId: "test", source: "192.0.2.1", db: db() };
const service = await echoServer();
const hidden = await echoServer();
afterAll(() => Promise.all([service.close(), hidden.close()]));

async function reach(gateway: TestGateway, agentId: string, port = service.port) {
  const { target, grant, sessionId } = await openReachSession(operator, { agent: agentId, port });
  return { sessionId, ...(await askInside({ port: gateway.insidePort, caPem, target, authorization: `Bearer ${grant}` })) };
}

/** An agent whose policy has these gateways, with a rule that lets operators to these services. */
async function allowed(gateways: TestGateway[], services: { name: string; port: number }[], runtime: RuntimeName, environment: Record<string, string> = {}): Promise<RunningAgent> {
  const { groupId } = await world.policy({ gateways: gateways.map((gateway) => ({ gateway, pins: [gateway.pin] })) });
  await createReachRule(world.caller, reachRuleCreate.parse({ name: `rule ${randomUUID()}`, groupIds: [groupId], services, who: { roles: ["operator"] }, approval: null }));
  const state = temporaryDir();
  const enrolled = await agentCommand(runtime, ["enrol", "--token-file", "-", "--state", state], { input: await agentToken(world, { groupIds: [groupId] }) });
  expect(enrolled.code, enrolled.stderr).toBe(0);
  return startAgent(runtime, state, environment);
}

async function onChannel(agent: RunningAgent, gateway: TestGateway, withinMs = 10_000): Promise<string> {
  const status = await agentReaches(agent, (now) => now.channel?.gatewayId === gateway.id, "the channel is open", withinMs);
  const { channelId = "" } = status.channel ?? {};
  await until(async () => (await db().agentChannel.count({ where: { channelId, endedAt: null } })) === 1, "the console knows the channel", 5_000);
  return status.agentId ?? "";
}

describe.each(runtimeNames)("an agent on %s", (runtime) => {
  it("is reached on another gateway than the one asked, and within 5 s on the next one after its own has died [S4-11] [S4-13] [S4-14] [S4-24]", async () => {
    const [first, second] = [await world.gateway({ hasInside: true }), await world.gateway({ hasInside: true })] as [TestGateway, TestGateway];
    const agent = await allowed([first, second], [{ name: "echo", port: service.port }], runtime);
    const agentId = await onChannel(agent, first);
    const near = await reach(first, agentId);
    expect(near.status, near.body).toBe(200);
    const far = await reach(second, agentId);
    expect(far.status, far.body).toBe(200);
    expect(await echoed(near.socket, "near")).toBe("near");
    expect(await echoed(far.socket, "far")).toBe("far");
    expect(agent.status()?.sessions === 2 || agent.log().match(/session open/g)?.length === 2).toBe(true);
    const shown = await agentCommand(runtime, ["status", "--state", agent.stateDir]);
    expect(shown.stdout).toMatch(/channel {7}open to gw-\d+ \(/);
    await first.worker.kill();
    const killedAt = Date.now();
    await ended(near.socket, 3_000);
    await onChannel(agent, second, 5_000);
    const again = await reach(second, agentId);
    expect(again.status, again.body).toBe(200);
    expect(Date.now() - killedAt).toBeLessThan(5_000);
    expect(await echoed(again.socket, "again")).toBe("again");
    again.socket.destroy();
    await until(() => agent.log().includes(again.sessionId) && /session ended session=\S+ .*bytesUp=5/.test(agent.log()), "the agent's log has the session's end");
    await agent.stop();
  });
});

describe("an agent's own side", () => {
  it("moves to the next gateway without a gap when its own drains, and the session that runs goes on meanwhile", async () => {
    const [first, second] = [await world.gateway({ hasInside: true }), await world.gateway({ hasInside: true })] as [TestGateway, TestGateway];
    const agent = await allowed([first, second], [{ name: "echo", port: service.port }], "bun");
    const agentId = await onChannel(agent, first);
    const running = await reach(first, agentId);
    expect(await echoed(running.socket, "before")).toBe("before");
    first.worker.signal("SIGTERM");
    await onChannel(agent, second, 3_000);
    expect(await echoed(running.socket, "during")).toBe("during");
    const next = await reach(second, agentId);
    expect(next.status, next.body).toBe(200);
    expect(await echoed(next.socket, "next")).toBe("next");
    running.socket.end();
    next.socket.destroy();
    await until(() => agent.log().includes("an agent channel was left"), "the old channel ends with its last stream");
    expect(agent.log()).not.toContain("the agent channel ended");
    await agent.stop();
  });

  it("refuses what its owner took off its list, although console and gateway let it pass [T08]", async () => {
    const gateway = await world.gateway({ hasInside: true });
    const agent = await allowed([gateway], [{ name: "echo", port: service.port }, { name: "hidden", port: hidden.port }], "node", { SALLYPORT_REACH: String(service.port) });
    const agentId = await onChannel(agent, gateway);
    const passed = await reach(gateway, agentId);
    expect(passed.status, passed.body).toBe(200);
    passed.socket.destroy();
    const refused = await reach(gateway, agentId, hidden.port);
    expect(refused.status).toBe(403);
    expect(hidden.accepted).toBe(0);
    expect(agent.log()).toMatch(/reverse access: refused .*code=service-not-listed/);
    await agent.stop();
  });
});
