import "../support/with-database.ts";
import { execFile } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatIdentity } from "../../contract/names.ts";
import type { BenchAgent } from "../support/control-bench.ts";
import type { EchoAgent } from "../support/echo-agent.ts";
import { echoed, ended, type InsideAnswer } from "../support/inside-client.ts";
import { countingServer, freePort, until } from "../support/sockets.ts";
import { ReachBench, type ReachGateway } from "./reach-bench.ts";

let bench: ReachBench;
let gateway: ReachGateway;
let agent: BenchAgent;
let echo: EchoAgent;

beforeAll(async () => {
  bench = await ReachBench.start();
  [gateway] = await bench.gateways(1) as [ReachGateway];
  agent = await bench.agent([gateway]);
  echo = await bench.channel(gateway, agent);
}, 60_000);

afterAll(async () => {
  await bench?.close();
});

/** A running session, proven by an echo. */
async function session(): Promise<{ id: string; answer: InsideAnswer }> {
  const opened = await bench.open(bench.person("operator"), agent.id);
  const answer = await bench.ask(gateway, { target: opened.target, authorization: `Bearer ${opened.grant}` });
  expect(answer.status, answer.body).toBe(200);
  expect(await echoed(answer.socket, "ping")).toBe("ping");
  return { id: opened.sessionId, answer };
}

async function refused(code: string): Promise<void> {
  await until(async () => (await bench.control.db.refusal.count({ where: { gatewayId: gateway.id, code } })) > 0, `the refusal ${code} is in the list`, 4_000);
}

describe("a session with a grant of the console", () => {
  it("reaches the service on the agent, is on record with its bytes, and ends with the client [S4-12]", async () => {
    const opened = await bench.open(bench.person("operator"), agent.id);
    const answer = await bench.ask(gateway, { target: opened.target, authorization: `Bearer ${opened.grant}` });
    expect(answer.status, answer.body).toBe(200);
    expect(await echoed(answer.socket, "hello agent")).toBe("hello agent");
    expect(echo.heads.at(-1)).toMatchObject({ kind: "reach", sessionId: opened.sessionId, grant: opened.grant });
    await bench.session(opened.sessionId, (row) => row.state === "open", "the session is shown as open");
    answer.socket.end();
    await ended(answer.socket, 2_000);
    const row = await bench.session(opened.sessionId, (found) => found.state === "ended" && found.bytesUp === 11n && found.bytesDown === 11n, "the session has ended with its bytes");
    expect(row).toMatchObject({ gatewayId: gateway.id, channelGatewayId: gateway.id, endReason: "both sides were done" });
    expect((await bench.audits("reach.ended", agent.id)).some((changes) => changes.includes(opened.sessionId))).toBe(true);
  });

  it("is refused a second time, altered, for another agent, another port and without one, and none of it comes as far as the agent [T21] [S4-43]", async () => {
    const opened = await bench.open(bench.person("operator"), agent.id);
    const [head = "", body = "", signature = ""] = opened.grant.split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
    const longer = [head, Buffer.from(JSON.stringify({ ...claims, until: 4_000_000_000 })).toString("base64url"), signature].join(".");
    const unsigned = [Buffer.from('{"alg":"none","typ":"sallyport-grant+jwt","kid":"1"}').toString("base64url"), body, signature].join(".");
    const before = echo.heads.length;
    const attempts: [target: string, authorization: string | undefined, status: number, code: string][] = [
      [opened.target, `Bearer ${longer}`, 403, "reach-grant"],
      [opened.target, `Bearer ${unsigned}`, 403, "reach-grant"],
      [opened.target, `Bearer ${opened.grant.slice(0, -2)}AA`, 403, "reach-grant"],
      [`${gateway.id}.agents:22`, `Bearer ${opened.grant}`, 403, "reach-grant"],
      ["some-host.agents:22", `Bearer ${opened.grant}`, 403, "reach-grant"],
      [`${agent.id}.agents:23`, `Bearer ${opened.grant}`, 403, "reach-grant"],
      [opened.target, undefined, 407, "reach-credential"],
      [opened.target, "Negotiate AAAAAAAAAAAAAAAA", 407, "reach-credential"],
      [opened.target, "Bearer spk_not-a-key-of-anybody", 407, "reach-credential"],
      ["192.0.2.1:22", `Bearer ${opened.grant}`, 400, "reach-name"],
      ["[::1]:22", `Bearer ${opened.grant}`, 400, "reach-name"],
      ["user@host.agents:22", `Bearer ${opened.grant}`, 400, "reach-name"],
    ];
    for (const [target, authorization, status, code] of attempts) {
      const answer = await bench.ask(gateway, { target, ...(authorization === undefined ? {} : { authorization }) });
      expect([answer.status, answer.body.split(":")[0]], `${target} ${authorization?.slice(0, 30) ?? "nothing"}`).toEqual([status, code]);
      expect(answer.head).toContain(`details="${code}"`);
    }
    expect(echo.heads.length).toBe(before);
    const good = await bench.ask(gateway, { target: opened.target, authorization: `Bearer ${opened.grant}` });
    expect(good.status, good.body).toBe(200);
    const again = await bench.ask(gateway, { target: opened.target, authorization: `Bearer ${opened.grant}` });
    expect([again.status, again.body]).toEqual([403, expect.stringContaining("it was used already") as string]);
    good.socket.destroy();
    expect(echo.heads.length).toBe(before + 1);
    await refused("reach-grant");
    await refused("reach-credential");
  });

  it("is read strictly: two credentials, a broken line or another method are refused [T03] [T04]", async () => {
    const target = `${agent.id}.agents:22`;
    const twice = await bench.ask(gateway, { target, authorization: "Bearer spk_aaaaaaaaaaaaaaaa", fields: ["Proxy-Authorization: Bearer spk_bbbbbbbbbbbbbbbb"] });
    expect([twice.status, twice.body]).toEqual([407, expect.stringContaining("more than one Proxy-Authorization") as string]);
    expect((await bench.ask(gateway, { target, fields: ["Transfer-Encoding: chunked"] })).status).toBe(400);
    expect((await bench.ask(gateway, { target, fields: ["Broken field"] })).status).toBe(400);
    expect((await bench.ask(gateway, { target, fields: Array.from({ length: 80 }, (_, index) => `X-${index}: 1`) })).status).toBe(431);
  });
});

describe("a service account", () => {
  it("reaches an agent with curl and its API key, by host name and by id [S4-12]", async () => {
    const { key } = await bench.apiKey();
    const caFile = path.join(bench.control.folder, "ca.pem");
    const configFile = path.join(bench.control.folder, "curl.cfg");
    fs.writeFileSync(caFile, bench.caPem);
    fs.writeFileSync(configFile, `proxy-user = "x:${key}"\n`, { mode: 0o600 });
    const { hostname } = await bench.control.db.agent.findUniqueOrThrow({ where: { id: agent.id }, select: { hostname: true } });
    for (const name of [`${hostname}.agents`, `${agent.id}.agents`]) {
      const text = await new Promise<string>((resolve, reject) => {
        const curl = execFile("curl", ["-K", configFile, "-sS", "--http0.9", "-N", "--proxytunnel", "--proxy", `https://localhost:${gateway.insidePort}`, "--proxy-cacert", caFile, `http://${name}:22/from-curl`], (error, _stdout, stderr) => { if (error && !error.killed) reject(new Error(stderr)); });
        let read = "";
        curl.stdout?.on("data", (chunk: Buffer) => {
          read += chunk.toString();
          if (!read.includes("\r\n\r\n")) return;
          curl.kill();
          resolve(read);
        });
      });
      expect(text).toContain("GET /from-curl HTTP/1.1");
    }
  });

  it("reaches an agent with its client certificate, and not once the key is revoked [S4-12]", async () => {
    const { id } = await bench.apiKey();
    const { issueWithKey } = await import("../../server/services/certificate/issue.ts");
    const { db, organisationId, caller } = bench.control;
    const { trustDomain } = await db.organisation.findUniqueOrThrow({ where: { id: organisationId } });
    const issued = await db.$transaction(async (tx) => await issueWithKey(tx, caller, { purpose: "service-account", identity: formatIdentity({ trustDomain, organisationId, kind: "key", id }), apiKeyId: id }));
    const credentials = { certPem: issued.chainPem, keyPem: issued.keyPem };
    const answer = await bench.ask(gateway, { target: `${agent.id}.agents:22`, ...credentials });
    expect(answer.status, answer.body).toBe(200);
    expect(await echoed(answer.socket, "with a certificate")).toBe("with a certificate");
    answer.socket.destroy();
    await db.apiKey.update({ where: { id }, data: { revokedAt: new Date() } });
    expect((await bench.ask(gateway, { target: `${agent.id}.agents:22`, ...credentials })).status).toBe(407);
    // An agent is somebody, too, but nobody who may ask.
    expect((await bench.ask(gateway, { target: `${agent.id}.agents:22`, certPem: agent.certPem, keyPem: agent.keyPem })).status).toBe(407);
  });

  it("without a rule is refused and on record; agents that do not exist and those of others look alike [T33]", async () => {
    const { key } = await bench.apiKey("auditor");
    const denied = await bench.ask(gateway, { target: `${agent.id}.agents:22`, authorization: `Bearer ${key}` });
    expect([denied.status, denied.body.split(":")[0]]).toEqual([403, "reach-denied"]);
    expect((await bench.audits("reach.refused", agent.id)).some((changes) => changes.includes("reach-denied"))).toBe(true);
    const other = await bench.control.db.organisation.create({ data: { name: "Other", nameKey: "other", trustDomain: "sallyport.internal", agentSiteNames: [] } });
    const theirs = await bench.control.db.agent.create({ data: { organisationId: other.id, hostname: "theirs", platform: "linux-x64", addresses: [], enrolledAt: new Date() } });
    const operator = await bench.apiKey();
    const [foreign, nobody] = await Promise.all([theirs.id, "00000000-0000-4000-8000-00000000abcd"].map(async (id) => {
      const { status, body } = await bench.ask(gateway, { target: `${id}.agents:22`, authorization: `Bearer ${operator.key}` });
      return { status, body: body.replaceAll(id, "<id>").replace(/connection .*/, "") };
    }));
    expect(foreign).toEqual(nobody);
    expect(foreign).toMatchObject({ status: 404, body: expect.stringContaining("reach-agent-unknown") as string });
    await expect(bench.open(bench.person("owner", other.id), agent.id)).rejects.toMatchObject({ code: "agent-name-unclear" });
    // A grant of another organisation is nothing here.
    const { createApiKey } = await import("../../server/services/api-key/create.ts");
    const { systemCaller } = await import("../../server/services/caller.ts");
    const foreignKey = await createApiKey(systemCaller(other.id, "test"), { name: "theirs", role: "owner", daysValid: 1 });
    expect((await bench.ask(gateway, { target: `${agent.id}.agents:22`, authorization: `Bearer ${foreignKey.key}` })).status).toBe(407);
  });

  it("needs an approval where the rule says so, and is refused once it is over [S4-12]", async () => {
    const guarded = await bench.agent([gateway], { needsApproval: true });
    await bench.channel(gateway, guarded);
    const { createReachRequest } = await import("../../server/services/reach-request/create.ts");
    const { decideReachRequest } = await import("../../server/services/reach-request/decide.ts");
    const key = await bench.apiKey();
    const ask = async (): Promise<InsideAnswer> => await bench.ask(gateway, { target: `${guarded.id}.agents:22`, authorization: `Bearer ${key.key}` });
    expect((await ask()).body).toContain("reach-approval");
    const account = { ...bench.person("operator"), actor: { kind: "api-key" as const, id: key.id, name: "key" } };
    const { id } = await createReachRequest(account, { agent: guarded.id, port: 22, reason: "to look" });
    await decideReachRequest(bench.person("administrator"), { id, isApproved: true, note: "" });
    const open = await ask();
    expect(open.status, open.body).toBe(200);
    open.socket.destroy();
    await bench.control.db.reachRequest.update({ where: { id }, data: { expiresAt: new Date(Date.now() - 1_000) } });
    const late = await ask();
    expect([late.status, late.body.split(":")[0]]).toEqual([403, "reach-approval"]);
    expect((await bench.audits("reach.refused", guarded.id)).some((changes) => changes.includes("reach-approval"))).toBe(true);
  });
});

describe("a running session", () => {
  it("is ended from the console within two seconds", async () => {
    const { id, answer } = await session();
    const { endReachSession } = await import("../../server/services/reach-session/end.ts");
    await endReachSession(bench.person("administrator"), { id });
    await ended(answer.socket, 2_000);
    expect((await bench.session(id, (row) => row.state === "ended" && row.bytesUp === 4n, "the session has ended")).endReason).toMatch(/^ended by administrator/);
  });

  it("never begins with a grant whose session was ended before, though the grant itself is still good [T21]", async () => {
    const opened = await bench.open(bench.person("operator"), agent.id);
    const { endReachSession } = await import("../../server/services/reach-session/end.ts");
    await endReachSession(bench.person("administrator"), { id: opened.sessionId });
    const next = await session();
    await endReachSession(bench.person("administrator"), { id: next.id });
    await ended(next.answer.socket, 2_000); // the words arrive in order: the gateway has heard of the first one too
    const before = echo.heads.length;
    const answer = await bench.ask(gateway, { target: opened.target, authorization: `Bearer ${opened.grant}` });
    expect([answer.status, answer.body.split(":")[0]]).toEqual([403, "reach-grant"]);
    expect(echo.heads.length).toBe(before);
  });

  it("ends with its agent's revocation, and says so [T10]", async () => {
    const short = await bench.agent([gateway]);
    await bench.channel(gateway, short);
    const opened = await bench.open(bench.person("operator"), short.id);
    const { socket } = await bench.ask(gateway, { target: opened.target, authorization: `Bearer ${opened.grant}` });
    expect(await echoed(socket, "still here")).toBe("still here");
    await bench.control.revoke(short);
    await ended(socket, 2_000);
    expect((await bench.session(opened.sessionId, (row) => row.state === "ended", "the session has ended")).endReason).toMatch(/revoked|admission changed/);
  });

  it("goes on while the console is away; given grants still work, questions get an answer that says why, and the end is delivered later [H13]", async () => {
    const running = await session();
    const opened = await bench.open(bench.person("operator"), agent.id);
    const { key } = await bench.apiKey();
    await bench.control.stopControl();
    await gateway.worker.until((view) => view.channel.state !== "subscribed", "the gateway noticed");
    expect(await echoed(running.answer.socket, "alone")).toBe("alone");
    const given = await bench.ask(gateway, { target: opened.target, authorization: `Bearer ${opened.grant}` });
    expect(given.status, given.body).toBe(200);
    const asked = await bench.ask(gateway, { target: `${agent.id}.agents:22`, authorization: `Bearer ${key}` });
    expect([asked.status, asked.body.split(":")[0]]).toEqual([503, "reach-console-away"]);
    given.socket.end();
    running.answer.socket.end();
    await Promise.all([ended(given.socket, 2_000), ended(running.answer.socket, 2_000)]);
    await bench.control.restartControl();
    await bench.session(opened.sessionId, (row) => row.state === "ended", "the end is delivered", 15_000);
    await bench.session(running.id, (row) => row.state === "ended" && row.bytesUp === 9n, "so is the other", 15_000);
  });

  it("and the channel behind it are known as lost at once when their engine dies", async () => {
    const { id, answer } = await session();
    const { status } = await gateway.worker.view();
    process.kill(status.engines[0]?.pid ?? 0, "SIGKILL");
    await ended(answer.socket, 2_000);
    expect((await bench.session(id, (row) => row.state === "ended", "the session has ended")).endReason).toMatch(/channel was lost: engine died/);
    await until(async () => (await bench.control.db.agentChannel.count({ where: { gatewayId: gateway.id, endedAt: null } })) === 0, "the console knows of no channel", 3_000);
    await expect(bench.open(bench.person("operator"), agent.id)).rejects.toMatchObject({ code: "agent-away" });
    await gateway.worker.serving();
    echo = await bench.channel(gateway, agent);
  });
});

describe("the inside listener", () => {
  it("moves with the snapshot while sessions stay, and a taken port refuses the whole snapshot [T36] [T37]", async () => {
    const { db } = bench.control;
    const { id, answer } = await session();
    const taken = await countingServer(() => {});
    await db.gateway.update({ where: { id: gateway.id }, data: { insidePort: taken.port } });
    await bench.control.bump(gateway.id);
    await until(async () => JSON.stringify((await db.gateway.findUniqueOrThrow({ where: { id: gateway.id } })).problems).includes("inside"), "the gateway refuses the snapshot");
    expect(await echoed(answer.socket, "same port")).toBe("same port");
    const port = await freePort();
    await db.gateway.update({ where: { id: gateway.id }, data: { insidePort: port } });
    await bench.control.bump(gateway.id);
    await gateway.worker.until((view) => view.reach.listener?.port === port, "the listener moved");
    gateway.insidePort = port;
    expect(await echoed(answer.socket, "still open")).toBe("still open");
    answer.socket.destroy();
    await bench.session(id, (row) => row.state === "ended", "the session has ended");
    await session();
    await taken.close();
  });

  it("takes only so many connections of one source that ask for nothing, names what it refused, and is gone when the gateway shall have none [T05]", async () => {
    const idle = await Promise.all(Array.from({ length: 262 }, async () => await new Promise<net.Socket>((resolve) => {
      const socket = net.connect({ host: "127.0.0.1", port: gateway.insidePort }, () => resolve(socket));
      socket.on("error", () => {}).resume();
    })));
    await until(() => idle.filter((socket) => socket.destroyed || socket.readableEnded || socket.closed).length >= 6, "those beyond the limit are turned away");
    for (const socket of idle) socket.destroy();
    await refused("source-limit");
    const metrics = await (await fetch(`${await gateway.worker.admin()}/metrics`)).text();
    expect(metrics.split("\n").filter((line) => /^sallyport_gateway_(channels|reach_refused_total\{code="source-limit"\}) [1-9]/.test(line))).toHaveLength(2);
    await bench.control.db.gateway.update({ where: { id: gateway.id }, data: { insideAddress: null } });
    await bench.control.bump(gateway.id);
    await gateway.worker.until((view) => view.reach.listener === null, "the listener is gone");
    await expect(bench.ask(gateway, { target: `${agent.id}.agents:22` })).rejects.toThrow(/ECONNREFUSED/);
  });
});
