/** Withdrawing access: live tunnels end at once, resumption does not help, nobody else notices. */
import { randomUUID } from "node:crypto";
import type tls from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GatewayBench, runtimes, serverAt } from "../support/gateway-bench.ts";
import type { Answer, TestAgent } from "../support/gateway-bench.ts";
import { echoServer, until } from "../support/sockets.ts";
import type { CountingServer } from "../support/sockets.ts";

describe.each(runtimes)("access to an engine on %s", (runtime) => {
  let bench: GatewayBench;
  let echo: CountingServer;
  let target: string;
  beforeAll(async () => {
    echo = await echoServer();
    bench = await GatewayBench.start({ runtime, engines: 2 }, [serverAt(echo.port)]);
    target = `app.internal:${echo.port}`;
  });
  afterAll(async () => {
    await bench.close();
    await echo.close();
  });

  async function open(agent: TestAgent, options: tls.ConnectionOptions = {}): Promise<Answer> {
    const answer = await bench.connect(agent, target, options);
    expect(answer.status).toBe(200);
    answer.socket.resume();
    return answer;
  }

  async function echoes(socket: tls.TLSSocket): Promise<boolean> {
    const back = new Promise<boolean>((resolve) => void socket.once("data", () => resolve(true)).once("close", () => resolve(false)));
    socket.write("?");
    return await back;
  }

  it("ends every live tunnel of a revoked agent at once, and nobody else's [T10]", async () => {
    const [revoked, other] = [await bench.agent(), await bench.agent()];
    const tunnels: tls.TLSSocket[] = [];
    for (let index = 0; index < 10; index += 1) tunnels.push((await open(revoked)).socket);
    const untouched = (await open(other)).socket;
    const started = performance.now();
    expect((await bench.revoke(revoked)).tunnelsEnded).toBe(10);
    await until(() => tunnels.every((socket) => socket.destroyed), "all its tunnels ended");
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(await echoes(untouched)).toBe(true);
    await until(() => bench.tunnels.filter((tunnel) => tunnel.agentId === revoked.id && tunnel.endReason === "agent-revoked").length === 10, "the reason in the tunnels' reports");
    expect((await bench.connect(revoked, target)).headers["proxy-status"]).toContain("agent-revoked");
    untouched.destroy();
  });

  it.each(["TLSv1.2", "TLSv1.3"] as const)("refuses a revoked agent that resumes its old %s session, on every engine [T11] [H5]", async (version) => {
    const agent = await bench.agent();
    const versions = { minVersion: version, maxVersion: version };
    const sessions: Buffer[] = [];
    for (let index = 0; index < 4; index += 1) {
      const socket = await bench.tls(agent, versions);
      socket.on("session", (session: Buffer) => sessions.push(session));
      socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await new Promise((resolve) => socket.once("data", resolve));
      const kept = socket.getSession();
      if (kept && version === "TLSv1.2") sessions.push(kept);
      await until(() => sessions.length > index, "a session ticket");
      socket.destroy();
    }
    const resumed = [];
    for (const session of sessions) for (let again = 0; again < 3; again += 1) resumed.push(await bench.connect(agent, target, { ...versions, session }));
    expect(resumed.every((answer) => answer.status === 200)).toBe(true);
    expect(resumed.some((answer) => answer.socket.isSessionReused())).toBe(true);
    for (const answer of resumed) answer.socket.destroy();
    await bench.revoke(agent);
    const accepted = echo.accepted;
    for (const session of sessions) {
      for (let again = 0; again < 3; again += 1) {
        const answer = await bench.connect(agent, target, { ...versions, session });
        expect(answer.headers["proxy-status"]).toContain("agent-revoked");
      }
    }
    expect(echo.accepted).toBe(accepted);
  });

  it("refuses a session that is resumed after its certificate has expired [S0-16]", async () => {
    const agent = await bench.agent({ notAfter: new Date(Date.now() + 2_500) });
    let session: Buffer | undefined;
    const socket = await bench.tls(agent, { maxVersion: "TLSv1.2" });
    session = socket.getSession();
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 3_100));
    for (let again = 0; again < 4; again += 1) expect((await bench.connect(agent, target, { maxVersion: "TLSv1.2", session })).headers["proxy-status"]).toContain("certificate-expired");
    session = undefined;
  });

  it("ends tunnels of a deleted agent, of a superseded certificate and of access that runs out [T10]", async () => {
    const [removed, superseded, ending] = [await bench.agent(), await bench.agent(), await bench.agent({}, { expiresAt: Math.floor(Date.now() / 1000) + 2 })];
    const sockets = [(await open(removed)).socket, (await open(superseded)).socket, (await open(ending)).socket];
    await bench.allow({ kind: "agent", id: removed.id, status: "removed" });
    const renewed = await bench.issuing.issue({ uris: [bench.identity("agent", superseded.id)] });
    await bench.allow({ kind: "agent", id: superseded.id, fingerprints: [renewed.fingerprint] });
    await until(() => sockets.every((socket) => socket.destroyed), "all three ended", 6_000);
    expect((await bench.connect(removed, target)).headers["proxy-status"]).toContain("agent-unknown");
    expect((await bench.connect(superseded, target)).headers["proxy-status"]).toContain("certificate-superseded");
    expect((await bench.connect({ ...renewed }, target)).status).toBe(200);
    expect((await bench.connect(ending, target)).headers["proxy-status"]).toContain("agent-revoked");
  });

  it("keeps both certificates of a re-enrolment valid until the new one is proven", async () => {
    const agent = await bench.agent();
    const next = await bench.issuing.issue({ uris: [bench.identity("agent", agent.id)] });
    const old = (await open(agent)).socket;
    await bench.allow({ kind: "agent", id: agent.id, fingerprints: [agent.fingerprint, next.fingerprint] });
    expect(await echoes(old)).toBe(true);
    expect((await bench.connect(next, target)).status).toBe(200);
    old.destroy();
  });

  it("takes a whole new table in force at once, keeping who is still in it and ending who is not [T10]", async () => {
    const [stays, goes] = [await bench.agent(), await bench.agent()];
    const sockets = { stays: (await open(stays)).socket, goes: (await open(goes)).socket };
    const entry = (id: string, fingerprint: string, version: number) => ({ version, kind: "agent" as const, id, status: "active" as const, fingerprints: [fingerprint], groupIds: [bench.groupId], expiresAt: null });
    const strangers = Array.from({ length: 4_000 }, (_, index) => entry(randomUUID(), stays.fingerprint, 1_000 + index));
    await bench.group.access({ version: 5_000, complete: false, entries: strangers }, true);
    // Half of the table has come: nothing has changed yet.
    expect(await echoes(sockets.goes)).toBe(true);
    const { tunnelsEnded } = await bench.group.access({ version: 6_000, complete: true, entries: [entry(stays.id, stays.fingerprint, 6_000)] });
    expect(tunnelsEnded).toBeGreaterThanOrEqual(1);
    await until(() => sockets.goes.destroyed, "the missing one's tunnel ended");
    expect(await echoes(sockets.stays)).toBe(true);
    expect(bench.group.status().accessVersion).toBe(6_000);
    sockets.stays.destroy();
  });
});
