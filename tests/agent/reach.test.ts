/** Reverse access on the agent's side: what the console granted and the agent's own list has, and nothing else, whatever the gateway asks. */
import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CompactSign, UnsecuredJWT } from "jose";
import { ChannelKeeper } from "../../agent/channel/keeper.ts";
import type { LocalReach } from "../../agent/local-settings.ts";
import { AgentLog } from "../../agent/log.ts";
import { ReachServer } from "../../agent/reach/server.ts";
import type { AgentPolicy } from "../../contract/agent-site.ts";
import { type GrantClaims, grantType } from "../../contract/reach.ts";
import { TestCa } from "../support/pki.ts";
import { type CountingServer, countingServer, echoServer, freePort, until } from "../support/sockets.ts";
import { ChannelGateway, channelPolicy, GrantSigner } from "./support/channel-gateway.ts";

const organisationId = randomUUID();
const agentId = randomUUID();
const identity = await (await TestCa.root({ commonName: "Acme" })).issue({ uris: [`spiffe://acme.example/org/${organisationId}/agent/${agentId}`] });
const signer = await GrantSigner.make();
const stranger = await GrantSigner.make();
const gateway = await ChannelGateway.start("gw-1");
let echo: CountingServer;
let unlisted: CountingServer;
let policy: AgentPolicy;
let local: LocalReach = { kind: "all" };
const log = new AgentLog(null);
const reach = new ReachServer({ policy: () => policy, identity: () => ({ agentId, organisationId }), get local() { return local; }, log, now: () => Date.now() });
const keeper = new ChannelKeeper({
  policy: () => policy, trust: () => ({ credentials: { chainPem: identity.chainPem, keyPem: identity.keyPem }, ca: [], relay: null }), log, instance: randomUUID(), isListening: false, onChange: () => undefined,
  onStream: (stream, head, channel) => {
    if (head.kind === "reach") void reach.serve(stream, head, channel);
  },
});

beforeAll(async () => {
  echo = await echoServer();
  unlisted = await echoServer();
  policy = channelPolicy(organisationId, [gateway], { consoleKeys: { signing: [signer.publicKey], encryption: [] }, reach: { services: [{ name: "ssh", host: "127.0.0.1", port: echo.port }], scripts: [] } });
  keeper.start();
  await until(() => keeper.facts !== null, "the channel is open");
});
afterAll(async () => {
  reach.close();
  keeper.close();
  await Promise.all([gateway.kill(), echo.close(), unlisted.close()]);
});

async function ask(claims: GrantClaims, grant?: string) {
  return gateway.ask({ kind: "reach", sessionId: claims.jti, grant: grant ?? (await signer.sign(claims)) });
}

const granted = (extra: Partial<GrantClaims> = {}) => signer.claims({ iss: organisationId, agent: agentId, port: echo.port, ...extra });

function firstBytes(stream: Duplex): Promise<string> {
  return new Promise((resolve) => {
    stream.once("data", (chunk: Buffer) => resolve(chunk.toString()));
    stream.resume();
  });
}

describe("a session that the console granted", () => {
  it("reaches the listed service, hands half-closes on, and is logged with who had it and how much [S4-13] [S4-24]", async () => {
    const claims = granted();
    const { stream, answer } = await ask(claims);
    expect(answer).toEqual({ kind: "accepted" });
    stream.write("hello");
    expect(await firstBytes(stream)).toBe("hello");
    const ended = new Promise<void>((resolve) => stream.once("end", resolve));
    stream.end(); // the service sees the end, and ends its side: echo does
    await ended;
    await until(() => reach.sessions === 0, "the session is over");
    const lines = log.take(1_000).filter((line) => line.includes(claims.jti));
    expect(lines[0]).toMatch(/info reverse access: session open .*who=user:ann name=Ann service="ssh 127\.0\.0\.1:\d+" gateway=gw-1/);
    expect(lines[1]).toMatch(/session ended .*bytesUp=5 bytesDown=5 reason=finished/);
  });

  it("ends at the second that was granted, though the gateway keeps it [S4-43]", async () => {
    const { stream, answer } = await ask(granted({ until: Math.floor(Date.now() / 1000) + 1 }));
    expect(answer.kind).toBe("accepted");
    const closed = new Promise<void>((resolve) => stream.once("close", resolve));
    stream.resume();
    await closed;
    await until(() => log.take(1_000).some((line) => line.includes("the time that was granted is over")), "the reason is logged");
  });

  it("is cut on one side when the other is cut", async () => {
    const cutter = await countingServer((socket) => void socket.once("data", () => socket.resetAndDestroy()));
    policy = { ...policy, reach: { ...policy.reach, services: [...policy.reach.services, { name: "cut", host: "127.0.0.1", port: cutter.port }] } };
    const { stream } = await ask(granted({ port: cutter.port }));
    const closed = new Promise<void>((resolve) => stream.once("close", resolve));
    stream.resume();
    stream.write("x");
    await closed;
    await until(() => reach.sessions === 0, "no session is left");
    await cutter.close();
  });
});

describe("the agent refuses, and dials nothing", () => {
  const hour = 3_600;
  const now = Math.floor(Date.now() / 1000);
  const forged: [string, () => Promise<[GrantClaims, string]>][] = [
    ["one signed by another key under the same id", async () => { const claims = granted(); return [claims, await stranger.sign(claims)]; }],
    ["one whose key id is unknown", async () => { const claims = granted(); return [claims, await signer.sign(claims, { kid: "k9" })]; }],
    ["one of another type", async () => { const claims = granted(); return [claims, await signer.sign(claims, { typ: "sallyport-command+jwt" })]; }],
    ["an unsigned one", async () => { const claims = granted(); return [claims, new UnsecuredJWT(claims).encode()]; }],
    ["one with an HMAC made from the public key", async () => {
      const claims = granted();
      const key = new TextEncoder().encode(JSON.stringify(signer.publicKey));
      return [claims, await new CompactSign(new TextEncoder().encode(JSON.stringify(claims))).setProtectedHeader({ alg: "HS256", typ: grantType, kid: "k1" }).sign(key)];
    }],
    ["one that was altered", async () => {
      const claims = granted();
      const [head = "", , signature = ""] = (await signer.sign(claims)).split(".");
      return [claims, [head, Buffer.from(JSON.stringify({ ...claims, until: claims.until + 99_999 })).toString("base64url"), signature].join(".")];
    }],
    ["one for another agent", async () => { const claims = granted({ agent: randomUUID() }); return [claims, await signer.sign(claims)]; }],
    ["one of another organisation", async () => { const claims = granted({ iss: randomUUID() }); return [claims, await signer.sign(claims)]; }],
    ["one that has expired", async () => { const claims = granted({ iat: now - hour, exp: now - hour + 120 }); return [claims, await signer.sign(claims)]; }],
    ["one whose session is over", async () => { const claims = granted({ until: now - 1 }); return [claims, await signer.sign(claims)]; }],
    ["one that is good for longer than any", async () => { const claims = granted({ exp: now + hour }); return [claims, await signer.sign(claims)]; }],
    ["one from before it started", async () => { const claims = granted({ iat: now - 100, exp: now + 20 }); return [claims, await signer.sign(claims)]; }],
    ["one for another session", async () => { const claims = granted(); return [{ ...claims, jti: randomUUID() }, await signer.sign(claims)]; }],
    ["one with claims that are none of ours", async () => { const claims = granted(); return [claims, await signer.sign({ ...claims, admin: true })]; }],
    ["no grant at all", async () => [granted(), "x"]],
  ];

  it.each(forged)("%s [S4-33] [S4-43] [T21]", async (_what, make) => {
    const before = echo.accepted;
    const [claims, grant] = await make();
    const { answer } = await ask(claims, grant);
    expect(answer).toMatchObject({ kind: "refused", code: "grant-refused" });
    expect(echo.accepted).toBe(before);
    expect(log.take(1_000).some((line) => line.includes("reverse access: refused") && line.includes(claims.jti) && line.includes("code=grant-refused"))).toBe(true);
  });

  it("a grant the second time, on the same channel and on the next [T21]", async () => {
    const claims = granted();
    const grant = await signer.sign(claims);
    expect((await ask(claims, grant)).answer.kind).toBe("accepted");
    expect((await ask(claims, grant)).answer).toMatchObject({ kind: "refused", code: "grant-refused" });
    keeper.identityChanged();
    await until(() => gateway.channels.length === 2 && gateway.channels[1] === gateway.live.at(-1), "the next channel");
    expect((await ask(claims, grant)).answer).toMatchObject({ kind: "refused", code: "grant-refused", detail: expect.stringContaining("used already") as string });
  });

  it("a service that its own list does not have, although console and gateway ask for it [T01] [T08]", async () => {
    for (const extra of [{ port: unlisted.port }, { host: "127.0.0.2" }, { host: "169.254.169.254", port: 80 }]) {
      expect((await ask(granted(extra))).answer).toMatchObject({ kind: "refused", code: "service-not-listed" });
    }
    expect(unlisted.accepted).toBe(0);
  });

  it("what this computer's owner took off the list, whatever the policy says [T08]", async () => {
    const before = echo.accepted;
    local = { kind: "off" };
    expect((await ask(granted())).answer).toMatchObject({ kind: "refused", code: "service-not-listed" });
    local = { kind: "some", services: [{ host: "127.0.0.1", port: 22 }] };
    expect((await ask(granted())).answer).toMatchObject({ kind: "refused", code: "service-not-listed" });
    expect(echo.accepted).toBe(before);
    local = { kind: "some", services: [{ host: "localhost", port: echo.port }] };
    expect((await ask(granted())).answer).toEqual({ kind: "accepted" });
    local = { kind: "all" };
  });

  it("nothing for a service that does not answer; it says so", async () => {
    const port = await freePort();
    policy = { ...policy, reach: { ...policy.reach, services: [...policy.reach.services, { name: "gone", host: "127.0.0.1", port }] } };
    expect((await ask(granted({ port }))).answer).toMatchObject({ kind: "refused", code: "service-not-answering" });
  });
});
