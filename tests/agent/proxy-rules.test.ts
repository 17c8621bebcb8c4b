/** Which proxy may stand where: in direct mode for requests, in front of a gateway for the long-lived channel only. And the agent's own local proxy. */
import { startWorld } from "./support/world.ts";
import { execFile } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { agentConfig } from "../../agent/config.ts";
import { loadEnrolled } from "../../agent/enrolled.ts";
import { startLocalProxy } from "../../agent/local-proxy.ts";
import { AgentLog } from "../../agent/log.ts";
import { PathKeeper } from "../../agent/path/keeper.ts";
import { db } from "../../server/db.ts";
import { until } from "../support/sockets.ts";
import { connectProxy } from "./support/lan.ts";
import { agentReaches, enrolledAgent, runtimeNames } from "./support/site.ts";

const world = await startWorld();
const gateway = await world.gateway();
const proxied = { host: "127.0.0.1" };

afterEach(async () => world.lan.open());

describe.each(runtimeNames)("an agent on %s", (runtime) => {
  it("in direct mode takes the configured proxy when the LAN does not answer, end to end encrypted, and leaves it when the LAN is back [S0-24] [S0-25] [S0-29]", async () => {
    const proxy = await connectProxy();
    const { groupId } = await world.policy({ gateways: [], requestProxy: { ...proxied, port: proxy.port } });
    const agent = await enrolledAgent(world, runtime, [groupId]);
    expect(proxy.connects).toEqual([]);
    await world.lan.cut();
    await agentReaches(agent, (status) => status.path.kind === "proxy" && status.step === "fully-connected", "over the proxy", 8_000);
    expect(new Set(proxy.connects)).toEqual(new Set([`localhost:${world.port}`]));
    await world.lan.open();
    await agentReaches(agent, (status) => status.path.kind === "lan", "back on the LAN", 5_000);
    await agent.stop();
    await proxy.close();
  });

  it("in gateway mode sends requests to the gateway directly while the channel goes through its proxy, and both work [S0-26] [S0-30] [S0-31] [S0-32]", async () => {
    const proxy = await connectProxy("127.0.0.1"); // where the gateway listens
    const { groupId } = await world.policy({ gateways: [{ gateway, pins: [gateway.pin] }], channelProxy: { ...proxied, port: proxy.port } });
    const agent = await enrolledAgent(world, runtime, [groupId]);
    await world.lan.cut();
    const status = await agentReaches(agent, (now) => now.path.kind === "gateway" && now.step === "fully-connected" && now.channelVia !== null, "requests by gateway, reports by proxy", 8_000);
    expect(status.channelVia).toBe(`proxy 127.0.0.1:${proxy.port}`);
    expect(new Set(proxy.connects)).toEqual(new Set([`localhost:${gateway.port}`]));
    const { channel } = await agentReaches(agent, (now) => now.channel !== null, "the agent channel by proxy");
    expect(channel).toMatchObject({ gatewayId: gateway.id, via: `proxy 127.0.0.1:${proxy.port}` });
    expect(proxy.live()).toBe(2); // reports and the agent channel
    await until(async () => (await db().tunnel.count({ where: { agentId: status.agentId ?? "", endedAt: null } })) === 2, "two tunnels of this agent: one for requests, one for reports");
    // The channel's proxy fails: reports take the requests' way, nothing else changes.
    await proxy.close();
    await agent.stop();
  });
});

describe("an agent in gateway mode", () => {
  it("never tries a proxy for requests when it cannot see the gateway; it keeps trying gateways [S0-26] [S0-28]", async () => {
    const proxy = await connectProxy();
    const dead = { id: gateway.id, port: 1 };
    const { groupId } = await world.policy({ gateways: [{ gateway: dead, pins: [gateway.pin] }] });
    await world.policy({ gateways: [], requestProxy: { ...proxied, port: proxy.port }, groupId });
    const agent = await enrolledAgent(world, "node", [groupId]);
    await world.lan.cut();
    await until(() => agent.log().includes("code=gateway-unreachable"), "the gateway was tried");
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(proxy.connects).toEqual([]);
    expect(agent.status()?.path.kind).toBe("none");
    await world.lan.open();
    await agentReaches(agent, (status) => status.path.kind === "lan", "back on the LAN", 5_000);
    await agent.stop();
    await proxy.close();
  });

  it("keeps reporting through the gateway when the channel's proxy refuses [S0-32]", async () => {
    const proxy = await connectProxy();
    proxy.isRefusing = true;
    const { groupId } = await world.policy({ gateways: [{ gateway, pins: [gateway.pin] }], channelProxy: { ...proxied, port: proxy.port } });
    const agent = await enrolledAgent(world, "node", [groupId]);
    await world.lan.cut();
    const status = await agentReaches(agent, (now) => now.path.kind === "gateway" && now.step === "fully-connected", "on the gateway");
    await until(() => agent.log().includes("code=proxy-failed"), "the proxy is named");
    await until(async () => JSON.stringify((await db().agent.findUniqueOrThrow({ where: { id: status.agentId ?? "" } })).path).includes(gateway.id), "the report arrived");
    await agent.stop();
    await proxy.close();
  });
});

describe("the agent's local proxy", () => {
  it("carries any program's TLS on the agent's own way, on the LAN and through the gateway, and refuses what the policy does not list [S1-04] [S1-07] [T01]", async () => {
    const { groupId } = await world.policy({ gateways: [{ gateway, pins: [gateway.pin] }] });
    const agent = await enrolledAgent(world, "node", [groupId]);
    const { identity, trust, policy } = loadEnrolled(agentConfig(agent.stateDir));
    const log = new AgentLog(null);
    const keeper = new PathKeeper({ policy, trust: () => trust, log, instance: null, isProofNeeded: true });
    keeper.start();
    const proxy = await startLocalProxy({ port: 0, policy, trust: () => trust, route: () => keeper.route, log });
    for (const [name, text] of Object.entries({ cert: identity.chainPem, key: identity.keyPem, ca: identity.caPem })) fs.writeFileSync(path.join(agent.stateDir, name), text);
    const file = (name: string) => path.join(agent.stateDir, name);
    const curl = async (url: string) => (await promisify(execFile)("curl", ["-sS", "--max-time", "15", "--proxy", `http://127.0.0.1:${proxy.port}`, "--cert", file("cert"), "--key", file("key"), "--cacert", file("ca"), url])).stdout;
    expect(JSON.parse(await curl(`https://localhost:${world.port}/healthz`))).toEqual({ status: "ok" });
    await world.lan.cut();
    await until(() => keeper.active.path.kind === "gateway", "the proxy's way is the gateway", 6_000);
    expect(JSON.parse(await curl(`https://localhost:${world.port}/healthz`))).toEqual({ status: "ok" });
    for (const target of [`localhost:${world.port + 1}`, "example.com:443", `127.0.0.1:${world.port}`, `localhost.:${world.port}x`, `user@localhost:${world.port}`, "169.254.169.254:80"]) {
      expect(await connectStatus(proxy.port, `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`), target).toMatch(/^HTTP\/1\.1 40[03] /);
    }
    expect(await connectStatus(proxy.port, "GET http://localhost/ HTTP/1.1\r\n\r\n")).toMatch(/^HTTP\/1\.1 405 /);
    await proxy.close();
    keeper.close();
    await agent.stop();
  });
});

function connectStatus(port: number, head: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = net.connect({ host: "127.0.0.1", port }, () => socket.write(head));
    socket.on("data", (chunk) => (text += chunk.toString("latin1")));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(text.split("\r\n")[0] ?? ""));
  });
}
