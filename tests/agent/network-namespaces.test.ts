/**
 * The real thing: an agent in a network namespace with two links, one to the LAN and one to the Internet side where the gateway is. The LAN is pulled, and made
 * silent, and comes back; the agent follows within five seconds each time and loses no request. Needs root and `ip`.
 */
import { agentToken, agentReaches, runtimeNames, runtimes, root, temporaryDir } from "./support/site.ts";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { startAgentSite } from "../../server/agent-site/main.ts";
import { db } from "../../server/db.ts";
import { ensureServingCertificate } from "../../server/services/certificate/serving.ts";
import { ControlBench } from "../support/control-bench.ts";
import { freePort, until } from "../support/sockets.ts";
import type { RunningAgent } from "./support/site.ts";

const why = process.getuid?.() !== 0 ? "needs root" : canMakeNamespaces() ? undefined : "cannot make network namespaces here";
if (why !== undefined) console.warn(`network namespaces: skipped, ${why}`);

function canMakeNamespaces(): boolean {
  try {
    execFileSync("ip", ["netns", "add", `sp-probe-${process.pid}`], { stdio: "ignore" });
    execFileSync("ip", ["netns", "del", `sp-probe-${process.pid}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const tag = String(process.pid % 10_000);
const space = `sp-agent-${tag}`;
const octet = (process.pid % 200) + 20;
const lanHost = `10.77.${octet}.1`;
const netHost = `10.78.${octet}.1`;
const ip = (...args: string[]) => execFileSync("ip", args, { stdio: ["ignore", "pipe", "pipe"] });
const inSpace = (...args: string[]) => ip("-n", space, ...args);

/** Two cables: one to the LAN (agent site), one to the Internet side (gateway). */
function cable(): void {
  ip("netns", "add", space);
  for (const [name, address] of [["lan", lanHost], ["net", netHost]] as const) {
    ip("link", "add", `sp${name}${tag}`, "type", "veth", "peer", "name", `${name}0`, "netns", space);
    ip("addr", "add", `${address}/30`, "dev", `sp${name}${tag}`);
    ip("link", "set", `sp${name}${tag}`, "up");
    inSpace("addr", "add", `${address.replace(/1$/, "2")}/30`, "dev", `${name}0`);
    inSpace("link", "set", "dev", `${name}0`, "up");
  }
  inSpace("link", "set", "lo", "up");
  fs.mkdirSync(`/etc/netns/${space}`, { recursive: true });
  fs.writeFileSync(`/etc/netns/${space}/hosts`, `127.0.0.1 localhost\n${netHost} gw.sallyport.test\n`);
}

function uncable(): void {
  for (const name of ["lan", "net"]) {
    try {
      ip("link", "del", `sp${name}${tag}`);
    } catch {
      // already gone with its namespace
    }
  }
  ip("netns", "del", space);
  fs.rmSync(`/etc/netns/${space}`, { recursive: true, force: true });
}

function startInSpace(runtime: (typeof runtimeNames)[number], state: string): RunningAgent {
  const child = spawn("ip", ["netns", "exec", space, runtimes[runtime], path.join(root, "agent", "main.ts"), "run", "--state", state], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const status = () => {
    try {
      return JSON.parse(fs.readFileSync(path.join(state, "status.json"), "utf8")) as ReturnType<RunningAgent["status"]>;
    } catch {
      return undefined;
    }
  };
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
  };
  return { stateDir: state, child, status, log: () => output, stop };
}

describe.skipIf(why !== undefined)("in network namespaces", async () => {
  if (why !== undefined) return;
  cable();
  const port = await freePort();
  process.env["SALLYPORT_AGENT_SITE_PORT"] = String(port);
  const bench = await ControlBench.start();
  const { organisationId } = bench;
  await db().organisation.update({ where: { id: organisationId }, data: { agentSiteNames: [lanHost] } });
  await db().$transaction((tx) => ensureServingCertificate(tx, bench.caller, "agent-site"));
  const server = await db().server.findFirstOrThrow({ where: { organisationId, isAgentSite: true } });
  await db().server.update({ where: { id: server.id }, data: { names: [lanHost], ports: [port], addresses: [lanHost] } });
  const site = await startAgentSite({ host: "0.0.0.0", port });
  const made = await bench.gateway({ name: "gw-netns", serverIds: [server.id] });
  await db().gatewayListener.updateMany({ where: { gatewayId: made.id }, data: { address: "0.0.0.0" } });
  const worker = bench.worker({ token: await bench.token(made.id) });
  await worker.serving();
  let pin = "";
  await until(async () => {
    const row = await db().gateway.findUniqueOrThrow({ where: { id: made.id } });
    pin = (row.presentedCertificateId === null ? null : await db().certificate.findUnique({ where: { id: row.presentedCertificateId } }))?.fingerprint ?? "";
    return pin !== "";
  }, "the gateway reports its certificate", 15_000);
  const group = await db().agentGroup.create({ data: { organisationId, name: "Field", nameKey: "field", kind: "static" } });
  await db().policy.create({ data: { organisationId, name: "Field", nameKey: "field", gateways: { create: [{ gatewayId: made.id, ordinal: 0, fqdn: "gw.sallyport.test", port: made.port, pins: [pin] }] }, groups: { create: [{ groupId: group.id }] } } });
  await bench.bump(made.id);
  afterAll(async () => {
    await site.close();
    await bench.close();
    uncable();
  });

  it.each(runtimeNames)("an agent on %s follows a pulled and a silent LAN to the gateway and back within 5 s each, losing no request [S1-61] [S1-62] [S1-08]", async (runtime) => {
    const state = temporaryDir();
    const token = await agentToken({ caller: bench.caller }, { groupIds: [group.id] });
    fs.writeFileSync(path.join(state, "token"), token, { mode: 0o600 });
    const stored = spawnSync("ip", ["netns", "exec", space, runtimes[runtime], path.join(root, "agent", "main.ts"), "enrol", "--token-file", path.join(state, "token"), "--no-wait", "--state", state]);
    expect(stored.status).toBe(3);
    const agent = startInSpace(runtime, state);
    try {
      await agentReaches(agent, (status) => status.path.kind === "lan" && status.step === "fully-connected", "on the LAN", 25_000);
      const cuts: [string, () => void, () => void][] = [
        ["the cable is pulled", () => ip("link", "set", `splan${tag}`, "down"), () => ip("link", "set", `splan${tag}`, "up")],
        ["the LAN is silent", () => ip("route", "add", "blackhole", `${lanHost.replace(/1$/, "2")}/32`), () => ip("route", "del", "blackhole", `${lanHost.replace(/1$/, "2")}/32`)],
      ];
      for (const [what, cut, restore] of cuts) {
        cut();
        await agentReaches(agent, (status) => status.path.kind === "gateway", `${what}: on the gateway`, 5_000);
        await agentReaches(agent, (status) => status.step === "fully-connected", `${what}: fully connected`, 5_000);
        restore();
        await agentReaches(agent, (status) => status.path.kind === "lan", `${what}: back on the LAN`, 5_000);
        await agentReaches(agent, (status) => status.step === "fully-connected", `${what}: fully connected again`, 5_000);
      }
      expect(agent.log()).not.toContain("could not report");
    } finally {
      await agent.stop();
    }
  }, 90_000);
});
