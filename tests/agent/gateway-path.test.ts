/** LAN first, over the gateway when the LAN is gone, and back; the same on both runtimes, against a real console, agent site and gateway. */
import { startWorld } from "./support/world.ts";
import { afterEach, describe, expect, it } from "vitest";
import { AgentLog } from "../../agent/log.ts";
import { loadEnrolled } from "../../agent/enrolled.ts";
import { PathKeeper } from "../../agent/path/keeper.ts";
import { agentConfig } from "../../agent/config.ts";
import { db } from "../../server/db.ts";
import { TestCa } from "../support/pki.ts";
import { until } from "../support/sockets.ts";
import { agentCommand, agentReaches, agentToken, enrolledAgent, runtimeNames, startAgent, temporaryDir } from "./support/site.ts";
import { captivePortal } from "./support/lan.ts";
import { downloadBundle, makeBundle } from "./support/bundle.ts";

const world = await startWorld();
const gateway = await world.gateway();
const policy = await world.policy({ gateways: [{ gateway, pins: [gateway.pin] }] });

afterEach(async () => world.lan.open());

describe.each(runtimeNames)("an agent on %s", (runtime) => {
  it("uses the LAN while it is there, the gateway within 5 s when it is cut, and the LAN again within 5 s [S1-61] [S1-62] [S1-63] [S1-64] [S0-22]", async () => {
    const agent = await enrolledAgent(world, runtime, [policy.groupId]);
    expect(agent.status()?.path.kind).toBe("lan");
    await world.lan.cut();
    const away = await agentReaches(agent, (status) => status.path.kind === "gateway" && status.step === "fully-connected", "on the gateway", 5_000);
    expect(away.connectionId).toMatch(/\S/);
    const shown = await agentCommand(runtime, ["status", "--state", agent.stateDir]);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(/^\u2601 Cloud-enabled management: active, connected via gw-\d+ \(fully connected/);
    const row = () => db().agent.findUniqueOrThrow({ where: { id: away.agentId ?? "" } });
    await until(async () => JSON.stringify((await row()).path).includes(gateway.id), "the console sees the gateway", 5_000);
    await world.lan.open();
    await agentReaches(agent, (status) => status.path.kind === "lan" && status.step === "fully-connected", "back on the LAN", 5_000);
    await until(async () => JSON.stringify((await row()).path).includes("lan"), "the console sees the LAN", 5_000);
    await agent.stop();
  });

  it("writes the gateway's connection id into each line of that connection, and into the console's list of tries [S1-65] [S1-66]", async () => {
    const agent = await enrolledAgent(world, runtime, [policy.groupId]);
    await world.lan.cut();
    const { connectionId, agentId } = await agentReaches(agent, (status) => status.path.kind === "gateway" && status.step === "fully-connected", "on the gateway");
    // The status may be ahead of the log file by a moment.
    await until(() => agent.log().split("\n").filter((line) => line.includes(`connection=${connectionId ?? "?"}`)).length >= 2, "its log lines carry the id");
    await until(async () => JSON.stringify((await db().agent.findUniqueOrThrow({ where: { id: agentId ?? "" } })).attempts).includes(connectionId ?? "?"), "the try is in the console");
    await until(async () => (await db().tunnel.findFirst({ where: { connectionId: connectionId ?? "" } })) !== null, "the gateway reported the same id");
    await agent.stop();
  });

  it("enrols through the gateway with an offline bundle, without ever seeing the LAN [S1-57] [S1-58] [S1-68] [S0-19]", async () => {
    const bundleId = await makeBundle(world, { groupIds: [policy.groupId] });
    const file = await downloadBundle(world, bundleId, temporaryDir());
    await world.lan.cut();
    const state = temporaryDir();
    expect(await agentCommand(runtime, ["enrol", "--bundle", file, "--state", state])).toMatchObject({ code: 0, stderr: "" });
    const agent = startAgent(runtime, state);
    await agentReaches(agent, (status) => status.path.kind === "gateway" && status.step === "fully-connected", "on the gateway", 15_000);
    // Its agent has arrived, so the used-up bundle's own identity is shut out.
    await until(async () => (await db().accessEntry.findUnique({ where: { id: bundleId } }))?.status === "revoked", "the bundle's access ends");
    await agent.stop();
  });

  it("starts offline, keeps trying, and enrols when a way appears [S1-57]", async () => {
    await world.lan.cut();
    const state = temporaryDir();
    const token = await agentToken(world, { groupIds: [policy.groupId] });
    expect(await agentCommand(runtime, ["enrol", "--token-file", "-", "--no-wait", "--state", state], { input: token })).toMatchObject({ code: 3 });
    const agent = startAgent(runtime, state);
    await agentReaches(agent, (status) => status.error !== null, "it says why it is not connected", 15_000);
    await world.lan.open();
    await agentReaches(agent, (status) => status.step === "fully-connected", "enrolled", 25_000);
    await agent.stop();
  });
});

describe("the choice of way", () => {
  it("takes a captive portal for what it is: not the LAN, nothing of ours is sent to it [S1-61] [T21]", async () => {
    const agent = await enrolledAgent(world, "node", [policy.groupId]);
    await world.lan.cut();
    const foreign = await TestCa.root({ commonName: "localhost", isCa: false, usage: ["server"], dns: ["localhost"] });
    const portal = await captivePortal(world.port, foreign.issued);
    await agentReaches(agent, (status) => status.path.kind === "gateway", "on the gateway");
    await until(() => agent.log().includes("code=server-untrusted"), "the portal is named");
    expect(portal.received()).toBe(0);
    await portal.close();
    await agent.stop();
  });

  it("sends not one byte to a gateway whose certificate is not pinned, and names the fingerprints [S1-53]", async () => {
    const imposter = await TestCa.root({ commonName: "localhost", isCa: false, usage: ["server"], dns: ["localhost"] });
    const { freePort } = await import("../support/sockets.ts");
    const port = await freePort();
    const portal = await captivePortal(port, imposter.issued);
    const wrong = await world.policy({ gateways: [{ gateway: { id: gateway.id, port }, pins: ["ab".repeat(32)] }, { gateway, pins: [gateway.pin] }] });
    const agent = await enrolledAgent(world, "node", [wrong.groupId]);
    await world.lan.cut();
    await agentReaches(agent, (status) => status.path.kind === "gateway", "on the second gateway");
    expect(agent.log()).toContain("code=pin-mismatch");
    expect(agent.log()).toContain(imposter.issued.fingerprint);
    expect(portal.received()).toBe(0);
    await portal.close();
    await agent.stop();
  });

  it("tries the policy's gateways in order and loses no repeatable request on the way [S1-54] [S1-62]", async () => {
    const dead = { id: gateway.id, port: 1 };
    const ordered = await world.policy({ gateways: [{ gateway: dead, pins: [gateway.pin] }, { gateway, pins: [gateway.pin] }] });
    const state = temporaryDir();
    await agentCommand("node", ["enrol", "--token-file", "-", "--state", state], { input: await agentToken(world, { groupIds: [ordered.groupId] }) });
    const agent = startAgent("node", state);
    await agentReaches(agent, (status) => status.step === "fully-connected", "fully connected", 20_000);
    await agent.stop();
    const { trust, policy: current } = loadEnrolled(agentConfig(state));
    const keeper = new PathKeeper({ policy: current, trust: () => trust, log: new AgentLog(null), instance: null, isProofNeeded: true });
    keeper.start();
    const kinds = new Set<string>();
    let answered = 0;
    const ask = async (): Promise<void> => {
      const answer = await keeper.request({ method: "GET", path: "/v1/time" }, 20_000);
      expect(answer.status).toBe(200);
      kinds.add(keeper.active.path.kind);
      answered += 1;
    };
    const flow = (async () => {
      for (let index = 0; index < 400; index += 1) {
        await ask();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    await until(() => answered > 20, "requests flow on the LAN");
    await world.lan.cut();
    await until(() => kinds.has("gateway"), "requests flow through the gateway", 5_000);
    await world.lan.open();
    await until(() => keeper.active.path.kind === "lan", "back on the LAN", 5_000);
    await flow;
    expect(answered).toBe(400);
    keeper.close();
  });

  it("goes to the next gateway when the one in use is killed [S1-54] [S1-15]", async () => {
    const second = await world.gateway();
    const both = await world.policy({ gateways: [{ gateway: second, pins: [second.pin] }, { gateway, pins: [gateway.pin] }] });
    const agent = await enrolledAgent(world, "node", [both.groupId]);
    await world.lan.cut();
    await agentReaches(agent, (status) => status.path.kind === "gateway" && status.path.gatewayId === second.id && status.step === "fully-connected", "on the first gateway");
    await second.worker.kill();
    await agentReaches(agent, (status) => status.path.kind === "gateway" && status.path.gatewayId === gateway.id && status.step === "fully-connected", "on the other gateway", 10_000);
    await agent.stop();
  });

  it("walks the steps in diagnose and names the hop that fails [S0-22] [N2] [S1-65]", async () => {
    const agent = await enrolledAgent(world, "node", [policy.groupId]);
    await world.lan.cut();
    const answer = await agentCommand("node", ["diagnose", "--json", "--state", agent.stateDir]);
    const { findings } = JSON.parse(answer.stdout) as { findings: { way: string; isWorking: boolean; code: string | null; failedAfter: string | null; steps: { step: string }[] }[] };
    expect(findings.find((finding) => finding.way === "LAN")).toMatchObject({ isWorking: false, code: "lan-unreachable", failedAfter: "idle" });
    const over = findings.find((finding) => finding.way.startsWith("gw-"));
    expect(over?.steps.map(({ step }) => step)).toEqual(["tcp", "outer-tls", "proxying", "inner-tls", "inner-chain-ok"]);
    expect(answer.code).toBe(0);
    await agent.stop();
  });

  it("names an agent that no policy targets, in its log and in the console's refusals [S1-56] [S1-65]", async () => {
    const none = await world.policy({ gateways: [{ gateway, pins: [gateway.pin] }] });
    const agent = await enrolledAgent(world, "node", [none.groupId]);
    await db().agentGroupMember.deleteMany({ where: { groupId: none.groupId } });
    const { writeAgentAccess } = await import("../../server/services/access/write-entries.ts");
    await db().$transaction((tx) => writeAgentAccess(tx, world.organisationId, [agent.status()?.agentId ?? ""]));
    await world.lan.cut();
    await until(() => agent.log().includes("code=gateway-refused"), "refused", 15_000);
    await until(async () => (await db().refusal.findFirst({ where: { agentId: agent.status()?.agentId ?? "", code: "policy-none" } })) !== null, "in the console's list", 10_000);
    await agent.stop();
  });
});
