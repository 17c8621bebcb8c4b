/** What a crash, a second machine or a second process must not break: identities on disk, enrolment, the lock on a state directory. */
import { agentCommand, agentReaches, agentToken, enrolledAgent, runtimeNames, startAgent, startSite, temporaryDir } from "./support/site.ts";
import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { prepareEnrolment } from "../../agent/identity/enrol.ts";
import { IdentityStore } from "../../agent/identity/store.ts";
import { db } from "../../server/db.ts";
import { until } from "../support/sockets.ts";

const site = await startSite();

describe.each(runtimeNames)("an agent on %s", (runtime) => {
  it("killed after the certificate was issued, and before it was stored, gets the same one again [T18] [T19]", async () => {
    const token = await agentToken(site);
    const state = temporaryDir();
    const store = new IdentityStore(state);
    prepareEnrolment(store, { token, bootstrap: null, caPem: null, policy: null });
    const pendingFile = path.join(state, "identity", "pending.json");
    const before = fs.readFileSync(pendingFile, "utf8");
    const first = await agentCommand(runtime, ["enrol", "--token-file", "-", "--state", state], { input: token });
    expect(first).toMatchObject({ code: 0, stderr: "" });
    const issued = store.load("next");
    // As if the power had gone between the answer and the disk.
    fs.rmSync(path.join(state, "identity", "next.json"));
    fs.writeFileSync(pendingFile, before);
    const agent = startAgent(runtime, state);
    await agentReaches(agent, (status) => status.step === "fully-connected", "fully connected", 20_000);
    expect(store.load("current")?.chainPem).toBe(issued?.chainPem);
    expect(await db().agent.count({ where: { id: issued?.agentId ?? "" } })).toBe(1);
    for (const name of fs.readdirSync(path.join(state, "identity"))) expect(fs.statSync(path.join(state, "identity", name)).mode & 0o777).toBe(0o600);
    await agent.stop("SIGKILL");
    const again = startAgent(runtime, state);
    await agentReaches(again, (status) => status.pid === again.child.pid && status.step === "fully-connected", "back after kill -9", 20_000);
    await again.stop();
  });

  it("changes over to a new enrolment while it runs, keeps its id, and the old certificate ends [T18] [T22]", async () => {
    const agent = await enrolledAgent(site, runtime, []);
    const before = agent.status();
    expect(await agentCommand(runtime, ["enrol", "--token-file", "-", "--no-wait", "--state", agent.stateDir], { input: await agentToken(site) })).toMatchObject({ code: 3 });
    await agentReaches(agent, (status) => status.step === "fully-connected" && status.certificate?.fingerprint !== before?.certificate?.fingerprint, "with the new certificate", 20_000);
    expect(agent.status()?.agentId).toBe(before?.agentId);
    await until(async () => (await db().certificate.findFirst({ where: { fingerprint: before?.certificate?.fingerprint ?? "" } }))?.isCurrent === false, "the old certificate ends");
    await agent.stop();
  });
});

describe("the identity store", () => {
  it("goes back to the identity that has worked when the server refuses the new one [T19]", async () => {
    const agent = await enrolledAgent(site, "node", []);
    await agent.stop();
    const store = new IdentityStore(agent.stateDir);
    const stranger = await enrolledAgent(site, "node", []);
    await stranger.stop();
    const foreign = new IdentityStore(stranger.stateDir).load("current");
    const current = store.load("current");
    if (!foreign || !current) throw new Error("both are enrolled");
    await db().certificate.updateMany({ where: { agentId: foreign.agentId }, data: { revokedAt: new Date() } });
    store.saveNext(foreign);
    const again = startAgent("node", agent.stateDir);
    await agentReaches(again, (status) => status.step === "fully-connected" && status.agentId === current.agentId, "with the old identity", 20_000);
    expect(again.log()).toContain("code=agent-revoked");
    await again.stop();
  });

  it("lets one process run on a state directory, and takes over the lock of one that is gone [T22]", async () => {
    const agent = await enrolledAgent(site, "node", []);
    const second = await agentCommand("node", ["run", "--state", agent.stateDir]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain("already runs");
    await agent.stop("SIGKILL");
    const again = startAgent("node", agent.stateDir);
    await agentReaches(again, (status) => status.pid === again.child.pid && status.step === "fully-connected", "running again", 20_000);
    await again.stop();
  });

  it("serves the newest of two machines with one identity and says so to the other [T22]", async () => {
    const agent = await enrolledAgent(site, "node", []);
    const copy = path.join(temporaryDir(), "clone");
    fs.cpSync(agent.stateDir, copy, { recursive: true });
    fs.rmSync(path.join(copy, "run.pid"), { force: true });
    fs.rmSync(path.join(copy, "status.json"), { force: true });
    const clone = startAgent("node", copy);
    await agentReaches(clone, (status) => status.step === "fully-connected", "the newest is served", 20_000);
    await until(() => agent.log().includes("code=certificate-superseded"), "the older one says why", 15_000);
    await clone.stop();
    await agent.stop();
  });
});
