/** Reverse access as the console decides it: rules, approvals, grants, sessions, names and places. Real PostgreSQL, through the procedures. */
import { testDatabase } from "../support/with-database.ts";
import { randomUUID } from "node:crypto";
import { compactVerify, importJWK } from "jose";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { grantClaims, type SessionReport } from "../../contract/reach.ts";
import type { Role } from "../../contract/roles.ts";
import { db } from "../../server/db.ts";
import { policyForAgent } from "../../server/services/agent/policy-for.ts";
import { callerOfApiKey } from "../../server/services/api-key/authenticate.ts";
import type { Caller } from "../../server/services/caller.ts";
import { controlChannel } from "../../server/services/change/publish.ts";
import { locateAgent } from "../../server/services/channel/locate.ts";
import { recordChannels } from "../../server/services/channel/record.ts";
import { consoleKeysOf } from "../../server/services/console-key/keys.ts";
import { gatewayCaller } from "../../server/services/gateway/gateway-caller.ts";
import { authoriseReach } from "../../server/services/reach-session/authorise.ts";
import { recordSessions } from "../../server/services/reach-session/record.ts";
import { buildSnapshots } from "../../server/services/snapshot/build.ts";
import { appRouter } from "../../server/trpc/root.ts";
import { until } from "../support/sockets.ts";
import { makeRequest } from "../trust/support/request.ts";
import { type Api, expectRefusal, makeAgent, makeGateway, makeGroup, makeOrganisation, type Organisation } from "./support/console.ts";

let org: Organisation;
let gateway: Caller;
let other: Caller;
/** What gateways' control channels are told, as the database hands it out. */
const notices: string[] = [];
const listener = new pg.Client({ connectionString: testDatabase.url });

beforeAll(async () => {
  listener.on("notification", (message) => notices.push(message.payload ?? ""));
  await listener.connect();
  await listener.query(`LISTEN ${controlChannel}`);
  org = await makeOrganisation();
  [gateway, other] = [await connectedGateway("Inside 1"), await connectedGateway("Inside 2")];
});

afterAll(() => listener.end());

beforeEach(async () => {
  notices.length = 0;
  await db().rateLimit.deleteMany();
});

/** A gateway with an inside listener whose control channel is open, and the caller that stands for it. */
async function connectedGateway(name: string): Promise<Caller> {
  const { id } = await org.as("administrator").gateway.create({ name, publicNames: [`${randomUUID().slice(0, 8)}.example.com`], inside: { address: "10.1.0.5", names: [`${name.toLowerCase().replace(" ", "-")}.corp.example`] } });
  await db().gateway.update({ where: { id }, data: { enrolledAt: new Date(), connectedSince: new Date(), lastSeenAt: new Date() } });
  return gatewayCaller({ id, name, organisationId: org.id }, { db: db(), source: "10.1.0.5", requestId: randomUUID() });
}

/** Somebody who is a member of the organisation. */
async function person(role: Role): Promise<{ id: string; api: Api }> {
  const id = `user-${randomUUID()}`;
  await db().user.create({ data: { id, name: `Person ${id.slice(5, 9)}`, email: `${id}@example.com`, memberships: { create: { organisationId: org.id, role } } } });
  const caller: Caller = { ...org.callerAs(role), actor: { kind: "user", id, name: `Person ${id.slice(5, 9)}` } };
  return { id, api: appRouter.createCaller({ caller, requestId: caller.requestId, source: caller.source }) };
}

const apiKey = async (role: Role) => org.as("owner").apiKey.create({ name: `key ${randomUUID().slice(0, 8)}`, role, daysValid: 1 });
const ask = (secret: string, name: string, port = 22) => authoriseReach(gateway, { credential: { kind: "api-key", secret }, name, port, source: "10.2.0.9" });
const agentIn = async (hostname = `pc-${randomUUID().slice(0, 6)}`) => { const id = await makeAgent(org, { hostname }); return { id, hostname, group: await makeGroup(org, [id]) }; };
const rule = async (groupIds: string[], more: object = {}) => (await org.as("administrator").reachRule.create({ name: `Rule ${randomUUID().slice(0, 8)}`, groupIds, services: [{ name: "ssh", port: 22 }], who: { roles: ["operator"] }, ...more })).id;
const audits = async (action: string, targetId: string) => db().auditEvent.findMany({ where: { organisationId: org.id, action, targetId }, orderBy: { id: "asc" } });
const channelOf = (agentId: string, more: object = {}) => ({ channelId: randomUUID(), agentId, instance: randomUUID(), openedAt: new Date().toISOString(), source: "198.51.100.7", relayPath: [], isListening: false, version: "1", streams: 0, bytesUp: 0, bytesDown: 0, roundTripMs: 4, endedAt: null, endReason: null, ...more });
const reportOf = (sessionId: string, agentId: string, more: Partial<SessionReport> = {}): SessionReport => ({ sessionId, agentId, channelGatewayId: gateway.actor.id, source: "10.2.0.9", openedAt: new Date().toISOString(), endedAt: null, bytesUp: 0, bytesDown: 0, endReason: null, ...more });

describe("a reach rule", () => {
  it("lets its callers reach its services of its groups, with a grant that names all of it and is signed by the organisation's key", async () => {
    const agent = await agentIn();
    await rule([agent.group], { services: [{ name: "ssh", port: 22 }, { name: "camera", host: "10.9.9.9", port: 8554 }], sessionMinutes: 30 });
    const { id, key } = await apiKey("operator");
    const answer = await ask(key, agent.hostname, 8554);
    if (answer.kind !== "granted") throw new Error(`refused: ${answer.detail}`);
    const [signing] = (await consoleKeysOf(db(), org.id)).signing;
    const { payload, protectedHeader } = await compactVerify(answer.grant, await importJWK({ ...signing, alg: "ES256" }));
    expect(protectedHeader).toMatchObject({ alg: "ES256", typ: "sallyport-grant+jwt", kid: signing?.kid });
    const claims = grantClaims.parse(JSON.parse(new TextDecoder().decode(payload)));
    expect(claims).toMatchObject({ iss: org.id, aud: "reach", jti: answer.sessionId, sub: `api-key:${id}`, agent: agent.id, host: "10.9.9.9", port: 8554, exp: claims.iat + 120, until: claims.iat + 1800 });
    expect(await org.as("auditor").reachSession.get({ id: answer.sessionId })).toMatchObject({ state: "granted", source: "10.2.0.9", service: { name: "camera" }, gateway: { id: gateway.actor.id } });
    expect(await audits("reach.granted", agent.id)).toMatchObject([{ actorKind: "api-key", actorId: id, source: "10.2.0.9" }]);
  });

  it("denies everything that it does not say: another port, another group, another role, itself while it is off", async () => {
    const [agent, elsewhere] = [await agentIn(), await agentIn()];
    const id = await rule([agent.group]);
    const [operator, auditor] = [await apiKey("operator"), await apiKey("auditor")];
    expect(await ask(operator.key, agent.hostname)).toMatchObject({ kind: "granted" });
    for (const answer of [await ask(operator.key, agent.hostname, 23), await ask(operator.key, elsewhere.hostname), await ask(auditor.key, agent.hostname)]) expect(answer).toMatchObject({ kind: "refused", code: "reach-denied" });
    await org.as("administrator").reachRule.setEnabled({ id, version: 0, isEnabled: false });
    expect(await ask(operator.key, agent.hostname)).toMatchObject({ kind: "refused", code: "reach-denied" });
    expect(await ask(operator.key, "no-such-pc")).toMatchObject({ kind: "refused", code: "reach-agent-unknown" });
    expect(await ask(operator.key, "web.example.com")).toMatchObject({ kind: "refused", code: "reach-name" });
  });

  it("without a group is a rule for nobody, also when its last group is deleted", async () => {
    const agent = await agentIn();
    await rule([agent.group]);
    const { key } = await apiKey("operator");
    await org.as("administrator").agentGroup.remove({ id: agent.group });
    expect(await ask(key, agent.hostname)).toMatchObject({ kind: "refused", code: "reach-denied" });
  });

  it("comes down to its agents as their own list, and to no others", async () => {
    const [agent, elsewhere] = [await agentIn(), await agentIn()];
    await rule([agent.group], { services: [{ name: "ssh", port: 22 }, { name: "db", port: 5432 }], scripts: { users: ["agent"] } });
    const of = async (id: string) => { const answer = await policyForAgent(db(), org.id, id, null); return answer.kind === "policy" ? answer.policy : undefined; };
    expect((await of(agent.id))?.reach).toMatchObject({ services: [{ name: "ssh", host: "127.0.0.1", port: 22 }, { name: "db", port: 5432 }], scripts: [{ users: ["agent"], timeoutMaxSeconds: 300 }] });
    expect((await of(elsewhere.id))?.reach).toEqual({ services: [], scripts: [] });
    expect((await of(agent.id))?.consoleKeys).toEqual(await consoleKeysOf(db(), org.id));
  });
});

describe("whoever has no right", () => {
  it("is refused and audited: an operator without a rule, a user of another organisation, an expired approval [T33]", async () => {
    const agent = await agentIn();
    const operator = await person("operator");
    await expectRefusal(operator.api.reachSession.open({ agent: agent.hostname, port: 22 }), "reach-not-allowed");
    expect(await audits("reach.refused", agent.id)).toMatchObject([{ actorId: operator.id, changes: expect.arrayContaining([expect.objectContaining({ path: "code", after: "reach-denied" })]) }]);

    const foreign = await makeOrganisation();
    const stranger = await foreign.as("owner").apiKey.create({ name: "theirs", role: "owner", daysValid: 1 });
    expect(await ask(stranger.key, agent.hostname)).toMatchObject({ kind: "refused", code: "reach-credential" });
    expect(await db().auditEvent.count({ where: { organisationId: org.id, action: "reach.refused", actorId: gateway.actor.id } })).toBe(1);
    await expectRefusal(foreign.as("operator").reachSession.open({ agent: agent.id, port: 22 }), "agent-name-unclear");

    const ruleId = await rule([agent.group], { approval: { roles: ["administrator"], minutes: 10 } });
    const asked = await operator.api.reachRequest.create({ agent: agent.id, port: 22, reason: "to restart the printer" });
    await org.as("administrator").reachRequest.decide({ id: asked.id, isApproved: true });
    await db().reachRequest.update({ where: { id: asked.id }, data: { expiresAt: new Date(Date.now() - 1_000) } });
    await expectRefusal(operator.api.reachSession.open({ agent: agent.id, port: 22 }), "reach-approval-needed");
    expect(await db().reachSession.findMany({ where: { agentId: agent.id, ruleId }, select: { state: true } })).toEqual([]);
    expect((await audits("reach.refused", agent.id)).map((event) => JSON.stringify(event.changes)).filter((text) => text.includes("reach-approval"))).toHaveLength(1);
  });

  it("does not fill the audit: equal refusals within a minute count once, and the tries of one address are limited [T35]", async () => {
    const agent = await agentIn();
    const { key, id } = await apiKey("operator");
    for (let n = 0; n < 5; n += 1) await ask(key, agent.hostname);
    expect(await db().auditEvent.count({ where: { organisationId: org.id, action: "reach.refused", actorId: id } })).toBe(1);
    const wrong = () => authoriseReach(gateway, { credential: { kind: "api-key", secret: `spk_${"x".repeat(43)}` }, name: "a", port: 1, source: "10.2.0.10" });
    const details: string[] = [];
    for (let n = 0; n < 32; n += 1) details.push((await wrong() as { detail: string }).detail);
    expect(details.at(-1)).toContain("Too many");
    expect(await ask(key, agent.hostname)).toMatchObject({ code: "reach-denied" });
  });

  it("cannot use a revoked or foreign client certificate; the one that was issued for its key is as good as the key", async () => {
    const agent = await agentIn();
    await rule([agent.group]);
    const key = await apiKey("operator");
    const csrPem = await makeRequest();
    const issued = await org.as("owner").apiKey.issueCertificate({ id: key.id, csrPem });
    const prove = (apiKeyId: string, fingerprint: string) => authoriseReach(gateway, { credential: { kind: "certificate", apiKeyId, fingerprint }, name: agent.hostname, port: 22, source: "10.2.0.11" });
    expect(await prove(key.id, issued.fingerprint)).toMatchObject({ kind: "granted" });
    expect(await prove((await apiKey("operator")).id, issued.fingerprint)).toMatchObject({ code: "reach-credential" });
    expect(new Date(issued.notAfter).getTime()).toBeLessThanOrEqual(new Date(key.expiresAt).getTime());
    await org.as("owner").apiKey.revoke({ id: key.id });
    expect(await prove(key.id, issued.fingerprint)).toMatchObject({ code: "reach-credential" });
  });
});

describe("an approval", () => {
  it("is not given by a person to an API key of theirs, nor by such a key to its maker: that is one hand twice", async () => {
    const agent = await agentIn();
    await rule([agent.group], { who: { roles: ["owner"] }, approval: { roles: ["owner"], minutes: 5 } });
    const [maker, second] = [await person("owner"), await person("owner")];
    const { key } = await maker.api.apiKey.create({ name: `hand ${randomUUID().slice(0, 8)}`, role: "owner", daysValid: 1 });
    const caller = await callerOfApiKey({ db: db(), requestId: randomUUID(), source: "10.2.0.12" }, key);
    if (!caller) throw new Error("the key is good");
    const asKey = appRouter.createCaller({ caller, requestId: caller.requestId, source: caller.source });
    const ofKey = await asKey.reachRequest.create({ agent: agent.hostname, port: 22, reason: "from a script" });
    const ofMaker = await maker.api.reachRequest.create({ agent: agent.hostname, port: 22, reason: "by hand" });
    await expectRefusal(maker.api.reachRequest.decide({ id: ofKey.id, isApproved: true }), "not-allowed");
    await expectRefusal(asKey.reachRequest.decide({ id: ofMaker.id, isApproved: true }), "not-allowed");
    const { key: keysKey } = await asKey.apiKey.create({ name: `finger ${randomUUID().slice(0, 8)}`, role: "owner", daysValid: 1 });
    const finger = await callerOfApiKey({ db: db(), requestId: randomUUID(), source: "10.2.0.12" }, keysKey);
    if (!finger) throw new Error("the key is good");
    await expectRefusal(appRouter.createCaller({ caller: finger, requestId: finger.requestId, source: finger.source }).reachRequest.decide({ id: ofKey.id, isApproved: true }), "not-allowed");
    await second.api.reachRequest.decide({ id: ofKey.id, isApproved: true });
    await asKey.reachRequest.decide({ id: (await second.api.reachRequest.create({ agent: agent.hostname, port: 22, reason: "another" })).id, isApproved: true });
  });

  it("is given by the roles that the rule names, never by who asked, lets in until it ends, and shortens the session to it", async () => {
    const agent = await agentIn();
    await rule([agent.group], { who: { roles: ["operator", "administrator"] }, approval: { roles: ["administrator"], minutes: 5 } });
    const [asker, approver] = [await person("administrator"), await person("administrator")];
    const { id } = await asker.api.reachRequest.create({ agent: agent.hostname, port: 22, reason: "urgent" });
    expect(await asker.api.reachRequest.create({ agent: agent.hostname, port: 22, reason: "again" })).toEqual({ id });
    expect((await approver.api.reachRequest.list({ state: "open" })).rows.find((row) => row.id === id)).toMatchObject({ mayDecide: true, isYours: false, reason: "urgent" });
    await expectRefusal(asker.api.reachRequest.decide({ id, isApproved: true }), "not-allowed");
    await expectRefusal((await person("operator")).api.reachRequest.decide({ id, isApproved: true }), "not-allowed");
    await approver.api.reachRequest.decide({ id, isApproved: true, note: "ok" });
    await expectRefusal(approver.api.reachRequest.decide({ id, isApproved: false }), "changed-meanwhile");
    await recordChannels(gateway, [channelOf(agent.id)], false);
    const opened = await asker.api.reachSession.open({ agent: agent.hostname, port: 22 });
    expect(new Date(opened.until).getTime() - Date.now()).toBeLessThanOrEqual(5 * 60_000);
    expect(opened).toMatchObject({ target: `${agent.id}.agents:22`, gateways: [{ gatewayId: gateway.actor.id, holdsChannel: true }, { gatewayId: other.actor.id, holdsChannel: false }] });
    expect((await asker.api.agent.reach({ id: agent.id })).services[0]).toMatchObject({ mayReach: true, approvedUntil: expect.any(String) });
    expect((await audits("reach-request.approve", agent.id))).toMatchObject([{ actorId: approver.id }]);
  });
});

describe("a session", () => {
  it("is not granted while the agent is away: nothing is on record that did not happen", async () => {
    const agent = await agentIn();
    await rule([agent.group]);
    await expectRefusal((await person("operator")).api.reachSession.open({ agent: agent.id, port: 22 }), "agent-away");
    expect([await db().reachSession.count({ where: { agentId: agent.id } }), await audits("reach.granted", agent.id)]).toEqual([0, []]);
  });

  it("is reported by the gateway that was asked, and its end is audited once, with bytes and reason", async () => {
    const agent = await agentIn();
    await rule([agent.group]);
    const answer = await ask((await apiKey("operator")).key, agent.hostname);
    if (answer.kind !== "granted") throw new Error(answer.detail);
    await recordSessions(other, [reportOf(answer.sessionId, agent.id, { bytesUp: 9 })]);
    expect(await org.as("auditor").reachSession.get({ id: answer.sessionId })).toMatchObject({ state: "granted", bytesUp: 0 });
    await recordSessions(gateway, [reportOf(answer.sessionId, agent.id, { bytesUp: 10 })]);
    const end = reportOf(answer.sessionId, agent.id, { endedAt: new Date().toISOString(), bytesUp: 100, bytesDown: 2_000, endReason: "the client closed" });
    await recordSessions(gateway, [end]);
    await recordSessions(gateway, [end]);
    expect(await org.as("auditor").reachSession.get({ id: answer.sessionId })).toMatchObject({ state: "ended", bytesUp: 100, bytesDown: 2_000, endReason: "the client closed" });
    const events = await audits("reach.ended", agent.id);
    expect(events).toHaveLength(1);
    expect(events[0]?.changes).toEqual(expect.arrayContaining([{ path: "bytesDown", before: null, after: 2_000 }, { path: "reason", before: null, after: "the client closed" }]));
    expect(await org.as("owner").audit.verify()).toMatchObject({ isIntact: true });
  });

  it.each([
    ["a person ends it", async (id: string) => { await org.as("operator").reachSession.end({ id }); }],
    ["its rule is switched off", async (_: string, ruleId: string) => { await org.as("administrator").reachRule.setEnabled({ id: ruleId, version: 0, isEnabled: false }); }],
    ["its rule is deleted", async (_: string, ruleId: string) => { const { name } = await org.as("auditor").reachRule.get({ id: ruleId }); await org.as("administrator").reachRule.remove({ id: ruleId, confirmName: name }); }],
    ["who opened it leaves", async (_: string, __: string, userId: string) => { await org.as("owner").user.remove({ id: userId }); }],
    ["who opened it gets a lesser role", async (_: string, __: string, userId: string) => { await org.as("owner").user.update({ id: userId, role: "auditor" }); }],
    ["the agent is revoked", async (_: string, __: string, ___: string, agentId: string) => { const { hostname } = await org.as("auditor").agent.get({ id: agentId }); await org.as("operator").agent.revoke({ id: agentId, confirmName: hostname }); }],
    ["the agent leaves the group", async (_: string, __: string, ___: string, agentId: string) => { const { groups } = await org.as("auditor").agent.get({ id: agentId }); await org.as("operator").agent.setGroups({ ids: [agentId], remove: groups.map((group) => group.id) }); }],
  ])("ends when %s: gateways are told at once, and again while one reports it open [T10]", async (_, change) => {
    const agent = await agentIn();
    const ruleId = await rule([agent.group]);
    const operator = await person("operator");
    await recordChannels(gateway, [channelOf(agent.id)], false);
    const { sessionId } = await operator.api.reachSession.open({ agent: agent.id, port: 22 });
    await recordSessions(gateway, [reportOf(sessionId, agent.id)]);
    await change(sessionId, ruleId, operator.id, agent.id);
    const told = () => notices.filter((notice) => notice.includes("end-sessions") && notice.includes(sessionId)).length;
    await until(() => told() === 1, "gateways are told");
    await recordSessions(gateway, [reportOf(sessionId, agent.id)]);
    await until(() => told() === 2, "gateways are told again");
    const row = await db().reachSession.findUniqueOrThrow({ where: { id: sessionId } });
    expect(row).toMatchObject({ state: "open", endReason: expect.any(String) });
    await recordSessions(gateway, [reportOf(sessionId, agent.id, { endedAt: new Date().toISOString(), endReason: "ended by the console" })]);
    expect(await db().reachSession.findUniqueOrThrow({ where: { id: sessionId } })).toMatchObject({ state: "ended", endReason: row.endReason });
  });

  it("goes on through a change that does not concern it", async () => {
    const agent = await agentIn();
    const ruleId = await rule([agent.group]);
    await rule([agent.group]);
    const operator = await person("operator");
    await recordChannels(gateway, [channelOf(agent.id)], false);
    const { sessionId } = await operator.api.reachSession.open({ agent: agent.id, port: 22 });
    await org.as("administrator").reachRule.setEnabled({ id: ruleId, version: 0, isEnabled: false });
    expect(await db().reachSession.findUniqueOrThrow({ where: { id: sessionId } })).toMatchObject({ state: "granted", endReason: null });
  });

  it("that nobody reports the end of is ended when its time is over, its grant was not used, or its gateway stays away", async () => {
    const agent = await agentIn();
    await rule([agent.group]);
    const { key } = await apiKey("operator");
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) { const answer = await ask(key, agent.hostname); if (answer.kind === "granted") ids.push(answer.sessionId); }
    const [unused = "", over = "", fresh = ""] = ids;
    const long = new Date(Date.now() - 3_600_000);
    await db().reachSession.update({ where: { id: unused }, data: { createdAt: long } });
    await db().reachSession.update({ where: { id: over }, data: { state: "open", openedAt: long, until: long } });
    const { rows } = await org.as("auditor").reachSession.list({ agentId: agent.id });
    expect(new Map(rows.map((row) => [row.id, row.state]))).toEqual(new Map([[unused, "ended"], [over, "ended"], [fresh, "granted"]]));
    expect(await audits("reach.ended", agent.id)).toHaveLength(2);
  });
});

describe("an agent's name", () => {
  it("tells twins with equal host name and address apart by the site of their relays; without the site it is refused with both ids [N9] [S4-16] [S4-17]", async () => {
    const administrator = org.as("administrator");
    const sites = [await administrator.site.create({ name: "Branch Köln 2", kind: "intranet", subnets: [] }), await administrator.site.create({ name: "Zone B", kind: "intranet", subnets: [] })];
    const twins: string[] = [];
    for (const [index, site] of sites.entries()) {
      const relay = await administrator.relay.create({ name: `Relay ${index}`, gatewayIds: [gateway.actor.id], siteId: site.id, networks: ["10.0.0.0/24"] });
      const id = await makeAgent(org, { hostname: "twin.local", addresses: ["10.0.0.2"] });
      await recordChannels(gateway, [channelOf(id, { relayPath: [{ relayId: relay.id, name: `Relay ${index}` }] })], false);
      twins.push(id);
    }
    await rule([await makeGroup(org, twins)]);
    const { key } = await apiKey("operator");
    expect(await ask(key, "TWIN.branch-koln-2.agents")).toMatchObject({ kind: "granted", agentId: twins[0] });
    expect(await ask(key, "twin.zone-b")).toMatchObject({ kind: "granted", agentId: twins[1] });
    const unclear = await ask(key, "twin");
    expect(unclear).toMatchObject({ kind: "refused", code: "reach-name" });
    for (const id of twins) expect((unclear as { detail: string }).detail).toContain(id);
    expect((await ask(key, "twin.elsewhere") as { detail: string }).detail).toContain("branch-koln-2");
    const view = await org.as("operator").agent.reach({ id: twins[0] ?? "" });
    expect(view).toMatchObject({ name: "twin.branch-koln-2.agents", channel: { state: "open", relayPath: [{ name: "Relay 0" }] } });
    expect(view.services[0]?.commands[0]?.command).toBe(`ssh -o ProxyCommand="sallyport ssh-proxy %h %p" twin.branch-koln-2.agents`);
    const collisions = await org.as("auditor").agent.collisions();
    expect(collisions.rows.filter((row) => row.agents.some((agent) => agent.id === twins[0])).map((row) => [row.kind, row.value])).toEqual([["hostname", "twin.local"], ["address", "10.0.0.2"], ["source", "198.51.100.7"]]);
    expect(collisions.rows[0]?.agents.map((agent) => agent.site).toSorted()).toEqual(["Branch Köln 2", "Zone B"]);
  });
});

describe("the location registry", () => {
  it("names the newest live channel first, and forgets one whose gateway is gone, silent or no longer has it", async () => {
    const agent = await agentIn();
    const fresh = { ...gateway };
    const [older, newer] = [channelOf(agent.id, { openedAt: new Date(Date.now() - 60_000).toISOString() }), channelOf(agent.id)];
    await recordChannels(fresh, [older], false);
    await recordChannels(other, [newer], false);
    const where = async (now = new Date()) => (await locateAgent(gateway, { agentId: agent.id }, now)).locations.map((location) => location.channelId);
    expect(await where()).toEqual([newer.channelId, older.channelId]);
    await db().gateway.update({ where: { id: other.actor.id }, data: { connectedSince: null } });
    expect(await where()).toEqual([older.channelId]);
    await db().gateway.update({ where: { id: other.actor.id }, data: { connectedSince: new Date() } });
    await db().gateway.updateMany({ where: { organisationId: org.id }, data: { lastSeenAt: new Date(Date.now() + 50_000) } });
    expect(await where(new Date(Date.now() + 46_000))).toEqual([]);
    await db().gateway.updateMany({ where: { organisationId: org.id }, data: { lastSeenAt: new Date() } });
    await recordChannels({ ...gateway }, [], true);
    expect(await where()).toEqual([newer.channelId]);
    const foreign = await makeOrganisation();
    const theirs = gatewayCaller({ id: await makeGateway(foreign), name: "x", organisationId: foreign.id }, { db: db(), source: null, requestId: "x" });
    expect((await locateAgent(theirs, { agentId: agent.id })).locations).toEqual([]);
    await recordChannels(theirs, [channelOf(agent.id)], false);
    expect(await where()).toEqual([newer.channelId]);
  });
});

describe("a gateway's snapshot", () => {
  it("carries its inside listener, the other gateways' and the keys that grants are signed with", async () => {
    const built = (await buildSnapshots(db(), org.id, [gateway.actor.id])).get(gateway.actor.id);
    if (!built || built instanceof Error) throw new Error("no snapshot", { cause: built });
    expect(built).toMatchObject({ format: 3, inside: { address: "10.1.0.5", port: 4740, certificate: { kind: "ca-issued", names: ["inside-1.corp.example"] } }, peers: [{ gatewayId: other.actor.id, host: "inside-2.corp.example", port: 4740 }], consoleKeys: await consoleKeysOf(db(), org.id) });
  });

  it("is made anew for every gateway when one of them moves its inside listener", async () => {
    const revisionOf = async (id: string) => (await db().gateway.findUniqueOrThrow({ where: { id } })).revision;
    const before = await revisionOf(other.actor.id);
    const { rowVersion, publicNames } = await org.as("auditor").gateway.get({ id: gateway.actor.id });
    await org.as("administrator").gateway.update({ id: gateway.actor.id, version: rowVersion, name: "Inside 1", publicNames, inside: { address: "10.1.0.5", port: 4741, names: ["inside-1.corp.example"] } });
    expect(await revisionOf(other.actor.id)).toBe(before + 1);
    await expectRefusal(org.as("administrator").gateway.update({ id: gateway.actor.id, version: rowVersion + 1, name: "Inside 1", publicNames, inside: { address: "10.1.0.5", port: 443, names: ["a.corp.example"] } }), "input-invalid");
  });
});
