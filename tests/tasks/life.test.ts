/** Tasks through the whole product: console, gateway, channel, real agent programs. */
import { startWorld } from "../agent/support/world.ts";
import fs from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { TaskOrder } from "../../contract/command.ts";
import { db } from "../../server/db.ts";
import { cancelTask } from "../../server/services/task/cancel.ts";
import { agentReaches, enrolledAgent, type RunningAgent, runtimeNames, startAgent } from "../agent/support/site.ts";
import { until } from "../support/sockets.ts";
import { allowScripts, hasKeys, operator, order, taskReaches } from "./support/bench.ts";

const world = await startWorld();
const gateway = await world.gateway();
const { groupId } = await world.policy({ gateways: [{ gateway, pins: [gateway.pin] }] });
await allowScripts(world.organisationId, groupId, { users: ["agent", "nobody"], timeoutMaxSeconds: 60, outputMaxBytes: 200_000 });
const caller = operator(world);
const isRoot = process.getuid?.() === 0;

const script = (text: string, extra: { user?: string; timeoutSeconds?: number; outputMaxBytes?: number } = {}): TaskOrder => ({ kind: "run-script", script: text, user: "agent", timeoutSeconds: 30, outputMaxBytes: 50_000, ...extra });
const isAlive = (pid: number) => fs.existsSync(`/proc/${pid}`) && !/\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, "utf8"));

// The runtime that installations use; that both open and refuse commands alike is shown in attacks.test.ts.
describe.each(runtimeNames.slice(-1))("an agent on %s", (runtime) => {
  let agent: RunningAgent;
  let agentId: string;
  const place = (name: string) => path.join(agent.stateDir, name);
  const ends = (id: string) => taskReaches(caller, id, ["done", "failed", "cancelled", "rejected", "expired"]);
  const does = async (wanted: TaskOrder) => ends(await order(caller, agentId, wanted));

  beforeAll(async () => {
    agent = await enrolledAgent(world, runtime, [groupId]);
    agentId = (await agentReaches(agent, (status) => status.agentId !== null && status.channel !== null, "has a channel", 20_000)).agentId ?? "";
    await hasKeys(agentId);
  });

  it("keeps its key and token to itself and its owner [S4-32] [T40]", () => {
    const file = place("keys/command-keys.json");
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    const { token, encryption } = JSON.parse(fs.readFileSync(file, "utf8")) as { token: string; encryption: { d: string } };
    for (const secret of [token, encryption.d]) expect(agent.log()).not.toContain(secret);
  });

  it("takes an order at once over its channel, and tells progress and end [S4-32]", async () => {
    const startedAt = performance.now();
    expect(await does({ kind: "collect-inventory" })).toMatchObject({ state: "done", message: "The inventory was sent.", progress: 100 });
    expect(performance.now() - startedAt).toBeLessThan(5_000); // a report would take half a minute
    expect(await does({ kind: "refresh-policy" })).toMatchObject({ state: "done" });
    expect((await does({ kind: "collect-logs", lines: 20 })).output).toContain("the key for commands was delivered");
    const { findings, message } = await does({ kind: "diagnose" });
    expect([message, findings.map((finding) => finding.isGood)]).toEqual(["2 of 2 ways to the management server work.", [true, true]]);
  });

  it("runs a script as it is allowed: no input, nothing of the agent's around it, output of both kinds, its code [S4-43]", async () => {
    const id = await order(caller, agentId, script("#!/bin/bash -e\necho out; echo err >&2; cat; id -un; pwd; env | cut -d= -f1 | sort | tr '\\n' ' '; tr '\\0' ' ' < /proc/$$/cmdline; exit 3", isRoot ? { user: "nobody" } : {}));
    const task = await ends(id);
    expect(task).toMatchObject({ state: "failed", exitCode: 3, message: "The script ended with code 3." });
    expect(task.output).toMatch(/out\n[^]*err\n|err\n[^]*out\n/);
    if (isRoot) expect(task.output).toContain("nobody\n");
    expect(task.output.replace("err\n", "")).toMatch(/(HOME |LANG |LOGNAME |PATH |PWD |SALLYPORT_TASK |SHLVL |USER |_ )+\/bin\/bash -e \/proc\/self\/fd\/3/);
    expect(fs.readdirSync(place("tasks"))).toEqual(["journal"]);
    expect(await does(script("head -c 60000 /dev/zero | tr '\\0' x", { outputMaxBytes: 10_000 }))).toMatchObject({ state: "done", isOutputCut: true, output: "x".repeat(10_000) });
    expect(await does(script("exit 0", { user: "nobody-such" })).catch((error: unknown) => String(error))).toMatch(/not as nobody-such/);
  });

  it("ends a script and everything it started: at its time, and when it is cancelled [S4-43]", async () => {
    const stubborn = (name: string) => `trap '' TERM; sleep 300 & echo $! >> ${place(name)}; echo $$ >> ${place(name)}; echo begun; wait; sleep 300`;
    const late = does(script(`sleep 300 & echo $! >> ${place("late")}; wait`, { timeoutSeconds: 1 }));
    expect(await late).toMatchObject({ state: "failed", message: "The script was ended after 1 seconds." });
    const id = await order(caller, agentId, script(stubborn("pids")));
    const queued = await order(caller, agentId, script(`touch ${place("never")}`));
    await until(async () => (await taskReaches(caller, id, ["running"])).output.includes("begun"), "its output streams");
    await taskReaches(caller, queued, ["running"]); // taken, behind the other
    await cancelTask(caller, { id: queued });
    expect(await ends(queued)).toMatchObject({ state: "cancelled" });
    await cancelTask(caller, { id });
    expect(await ends(id)).toMatchObject({ state: "cancelled", output: "begun\n" });
    const pids = ["late", "pids"].flatMap((name) => fs.readFileSync(place(name), "utf8").trim().split("\n").map(Number));
    await until(() => pids.every((pid) => !isAlive(pid)), "nothing of the scripts is left");
    expect(fs.existsSync(place("never"))).toBe(false);
  });

  it("takes tasks when it appears, and after kill -9 says what became of those it had, and does none twice [S4-43]", async () => {
    await agent.stop();
    const later = await order(caller, agentId, script(`echo once >> ${place("later")}; sleep 300`));
    const behind = await order(caller, agentId, script(`touch ${place("behind")}`));
    agent = startAgent(runtime, agent.stateDir);
    await until(() => fs.existsSync(place("later")), "it began", 20_000);
    await taskReaches(caller, behind, ["running"]);
    await agent.stop("SIGKILL");
    agent = startAgent(runtime, agent.stateDir);
    expect(await ends(later)).toMatchObject({ state: "failed", message: "The agent stopped while the task ran; how far it came is not known." });
    expect(await ends(behind)).toMatchObject({ state: "failed", message: "The agent stopped before it could act; nothing was done." });
    expect([fs.readFileSync(place("later"), "utf8"), fs.existsSync(place("behind"))]).toEqual(["once\n", false]);
    expect(await does({ kind: "refresh-policy" })).toMatchObject({ state: "done" });
  });

  it("changes to a new certificate, and keeps its channel and its tasks [T19]", async () => {
    const current = () => db().certificate.findMany({ where: { agentId, purpose: "agent", isCurrent: true }, select: { fingerprint: true } });
    const [before] = await current();
    expect(await does({ kind: "rotate-certificate" })).toMatchObject({ state: "done" });
    await until(async () => {
      const now = await current();
      return now.length === 1 && now[0]?.fingerprint !== before?.fingerprint;
    }, "the old certificate ended", 15_000);
    await agentReaches(agent, (status) => status.certificate?.fingerprint !== before?.fingerprint && status.channel !== null, "its channel uses the new one", 15_000);
    expect(await does({ kind: "refresh-policy" })).toMatchObject({ state: "done" });
  });

  it("refuses to restart or upgrade where nothing would start it again", async () => {
    expect(await does({ kind: "restart" })).toMatchObject({ state: "failed", message: expect.stringContaining("No service manager") as unknown });
    expect(await does({ kind: "upgrade" })).toMatchObject({ state: "failed", message: expect.stringContaining("does not run from an installation") as unknown });
  });
});
