/** Relays from registration to deregistration, and the picture they are drawn in. Real PostgreSQL, through the procedures; gateways' reports as they come over the control channel. */
import "../support/with-database.ts";
import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { relaySettings, type RelayReport } from "../../contract/relay.ts";
import { db } from "../../server/db.ts";
import type { Caller } from "../../server/services/caller.ts";
import { recordChannels } from "../../server/services/channel/record.ts";
import { gatewayCaller } from "../../server/services/gateway/gateway-caller.ts";
import { recordRelays } from "../../server/services/relay/record.ts";
import { buildSnapshots } from "../../server/services/snapshot/build.ts";
import { type Api, expectRefusal, makeAgent, makeGateway, makeOrganisation, type Organisation, pin } from "./support/console.ts";

let org: Organisation;
let administrator: Api;
let gateway: Caller;
let second: Caller;

beforeAll(async () => {
  org = await makeOrganisation();
  administrator = org.as("administrator");
  [gateway, second] = [await connected(org), await connected(org)];
});

async function connected(organisation: Organisation): Promise<Caller> {
  const id = await makeGateway(organisation);
  const { name } = await db().gateway.update({ where: { id }, data: { enrolledAt: new Date(), connectedSince: new Date(), lastSeenAt: new Date(Date.now() + 600_000) } });
  return gatewayCaller({ id, name, organisationId: organisation.id }, { db: db(), source: "10.1.0.5", requestId: randomUUID() });
}

const register = async (more: object = {}) => (await administrator.relay.create({ name: `Relay ${randomUUID().slice(0, 8)}`, gatewayIds: [gateway.actor.id], ...more })).id;
const report = (relayId: string, more: Partial<RelayReport> = {}): RelayReport => ({ relayId, node: randomUUID(), state: "waiting", fingerprint: pin(), source: "203.0.113.9", relayPath: [], hostname: "relay-1", version: "0.1.0", since: new Date().toISOString(), detail: null, connections: 0, opened: 0, refused: 0, bytesUp: 0, bytesDown: 0, unreachable: [], ...more });
const channel = (agentId: string, relayPath: { relayId: string; name: string }[] = []) => ({ channelId: randomUUID(), agentId, instance: randomUUID(), openedAt: new Date().toISOString(), source: "203.0.113.9", relayPath, isListening: false, version: "1", streams: 0, bytesUp: 0, bytesDown: 0, roundTripMs: 3, endedAt: null, endReason: null });
const snapshotRelays = async (of: Caller) => { const built = (await buildSnapshots(db(), org.id, [of.actor.id])).get(of.actor.id); if (!built || built instanceof Error) throw new Error("no snapshot", { cause: built }); return built.relays; };
const lastAudit = async (targetId: string) => (await db().auditEvent.findFirst({ where: { organisationId: org.id, targetId }, orderBy: { id: "desc" } }))?.action;

describe("a relay", () => {
  it("carries nothing until its certificate was compared and confirmed; then gateways are told it, and the confirmation is audited [X4-04] [X4-08]", async () => {
    const id = await register();
    expect(await administrator.relay.get({ id })).toMatchObject({ state: "waiting", nodes: 0 });
    expect((await snapshotRelays(gateway)).find((relay) => relay.relayId === id)).toMatchObject({ fingerprints: [], dial: null });
    const answer = report(id);
    await expectRefusal(administrator.relay.confirm({ id, fingerprint: answer.fingerprint ?? "" }), "relay-not-answering");
    await recordRelays(gateway, [answer]);
    const answered = await administrator.relay.get({ id });
    expect(answered).toMatchObject({ state: "answered", sessions: [{ isConfirmed: false, hostname: "relay-1", source: "203.0.113.9" }] });
    await expectRefusal(org.as("operator").relay.confirm({ id, fingerprint: answer.fingerprint ?? "" }), "not-allowed");
    const before = await db().gateway.findUniqueOrThrow({ where: { id: gateway.actor.id } });
    await administrator.relay.confirm({ id, fingerprint: answer.fingerprint ?? "" });
    expect((await db().gateway.findUniqueOrThrow({ where: { id: gateway.actor.id } })).revision).toBe(before.revision + 1);
    expect((await snapshotRelays(gateway)).find((relay) => relay.relayId === id)).toMatchObject({ fingerprints: [answer.fingerprint] });
    expect(await lastAudit(id)).toBe("relay.confirm");
    await recordRelays(gateway, [{ ...answer, state: "connected" }]);
    expect(await administrator.relay.get({ id })).toMatchObject({ state: "connected", nodes: 1, sessions: [{ isConfirmed: true }], confirmed: [{ by: "Test administrator" }] });
  });

  it("has a long random id of the console's or one's own, once, and a number for people; several nodes share both [X4-02] [X4-07]", async () => {
    const [first, next] = [await administrator.relay.get({ id: await register() }), await administrator.relay.get({ id: await register() })];
    expect(first.relayKey).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(next.number).toBe(first.number + 1);
    await expectRefusal(administrator.relay.create({ name: "Twice", relayKey: first.relayKey, gatewayIds: [gateway.actor.id] }), "relay-key-taken");
    const fingerprint = pin();
    await recordRelays(gateway, [report(first.id, { state: "connected", fingerprint, connections: 3 }), report(first.id, { state: "connected", fingerprint, connections: 4 })]);
    expect(await administrator.relay.get({ id: first.id })).toMatchObject({ nodes: 2, connections: 7 });
    expect((await administrator.relay.list({ search: first.relayKey.slice(0, 12) })).rows.map((row) => row.id)).toEqual([first.id]);
  });

  it("that the gateways dial shows why they cannot: connection refused is called that [X4-05] [S4-28]", async () => {
    await expectRefusal(administrator.relay.create({ name: "No address", direction: "gateway-dials", gatewayIds: [gateway.actor.id] }), "input-invalid");
    const id = await register({ direction: "gateway-dials", address: { host: "192.0.2.80", port: 2002 } });
    expect((await snapshotRelays(gateway)).find((relay) => relay.relayId === id)?.dial).toEqual({ host: "192.0.2.80", port: 2002 });
    await recordRelays(gateway, [report(id, { node: null, state: "failed", fingerprint: null, detail: "connection refused" })]);
    expect((await administrator.relay.get({ id })).sessions).toMatchObject([{ state: "failed", detail: "connection refused" }]);
    await recordRelays(gateway, [report(id, { state: "connected" })]);
    expect((await administrator.relay.get({ id })).sessions.map((session) => session.state)).toEqual(["connected"]);
    const settings = relaySettings.parse(JSON.parse((await administrator.relay.package({ id })).settings));
    expect(settings).toMatchObject({ upstreams: [], listen: { port: 2002 }, disableUpstreamValidation: false });
  });

  it("with overlapping networks and no site is called critical, until it is tied to one [X4-06]", async () => {
    const site = await administrator.site.create({ name: `Zone ${randomUUID().slice(0, 6)}`, kind: "intranet", subnets: ["10.66.0.0/16"] });
    const id = await register({ networks: ["10.66.7.0/24"] });
    const { findings, name, version, gateways } = await administrator.relay.get({ id });
    expect(findings).toMatchObject([{ code: "relay-networks-overlap", severity: "critical" }]);
    expect((await administrator.lint.run({})).findings.filter((finding) => finding.object.id === id)).toMatchObject([{ code: "relay-networks-overlap", severity: "error" }]);
    expect((await administrator.overview.view()).warnings.map((warning) => warning.link)).toContain(`/relays/${id}`);
    await administrator.relay.update({ id, version, name, gatewayIds: gateways.map((entry) => entry.id), siteId: site.id, networks: ["10.66.7.0/24"] });
    expect((await administrator.relay.get({ id })).findings).toEqual([]);
  });

  it("may stand behind another one, four deep and never in a circle; it dials the nearer one and checks the gateway's certificate [S4-28]", async () => {
    await db().gateway.update({ where: { id: gateway.actor.id }, data: { publicPort: 8443 } });
    const ids: string[] = [];
    for (let depth = 0; depth < 4; depth += 1) ids.push(await register({ agentAddress: { host: `relay${depth}.corp.example` }, behindRelayId: ids.at(-1) ?? null }));
    const [first = "", , , last = ""] = ids;
    await expectRefusal(administrator.relay.create({ name: "Fifth", gatewayIds: [gateway.actor.id], behindRelayId: last }), "input-invalid");
    await expectRefusal(administrator.relay.create({ name: "Dialled", direction: "gateway-dials", address: { host: "a.example" }, gatewayIds: [gateway.actor.id], behindRelayId: first }), "input-invalid");
    const { name, version } = await administrator.relay.get({ id: first });
    await expectRefusal(administrator.relay.update({ id: first, version, name, gatewayIds: [gateway.actor.id], behindRelayId: last }), "input-invalid");
    expect((await administrator.relay.get({ id: last })).path.map((hop) => hop.relayId)).toEqual(ids);
    expect((await snapshotRelays(gateway)).map((relay) => relay.relayId)).toEqual(expect.arrayContaining(ids));
    expect((await snapshotRelays(second)).filter((relay) => ids.includes(relay.relayId))).toEqual([]);
    const { upstreams } = relaySettings.parse(JSON.parse((await administrator.relay.package({ id: last })).settings));
    expect(upstreams).toMatchObject([{ host: "relay2.corp.example", port: 2002, serverName: expect.stringContaining(".example.com") }]);
    expect((await administrator.relay.impact({ id: first })).blockers).toHaveLength(1);
  });

  it("is deregistered with the number of agents that come through it, and its name; its gateways forget it [X4-07]", async () => {
    const id = await register();
    const { name } = await administrator.relay.get({ id });
    const agents = [await makeAgent(org), await makeAgent(org)];
    await recordChannels(gateway, agents.map((agent) => channel(agent, [{ relayId: id, name }])), false);
    expect(await administrator.relay.impact({ id })).toMatchObject({ agentsAffected: 2, needsConfirmation: true });
    expect(await administrator.agent.get({ id: agents[0] ?? "" })).toMatchObject({ relayPath: [{ relayId: id, name }] });
    await expectRefusal(administrator.relay.remove({ id }), "confirmation-missing");
    await administrator.relay.remove({ id, confirmName: name });
    expect((await snapshotRelays(gateway)).filter((relay) => relay.relayId === id)).toEqual([]);
    expect(await lastAudit(id)).toBe("relay.remove");
    await recordRelays(gateway, [report(id)]);
    expect(await db().relaySession.count({ where: { relayId: id } })).toBe(0);
  });

  it("is reported only by gateways of its own organisation", async () => {
    const id = await register();
    const foreign = await makeOrganisation();
    await recordRelays(await connected(foreign), [report(id, { state: "connected" })]);
    expect(await administrator.relay.get({ id })).toMatchObject({ state: "waiting", sessions: [] });
  });

  it("counts bytes per second from its reports, and none when it went away or its gateway is silent", async () => {
    const id = await register();
    const start = report(id, { state: "connected" });
    const at = new Date();
    await recordRelays(gateway, [start], at);
    await recordRelays(gateway, [{ ...start, bytesUp: 100_000, bytesDown: 900_000 }], new Date(at.getTime() + 10_000));
    const relays = async () => (await administrator.topology.view()).relays.find((relay) => relay.id === id);
    expect(await relays()).toMatchObject({ bytesUpPerSecond: 10_000, bytesDownPerSecond: 90_000 });
    await db().relaySession.updateMany({ where: { relayId: id }, data: { at: new Date(Date.now() - 60_000) } });
    expect(await relays()).toMatchObject({ state: "waiting", bytesUpPerSecond: 0 });
    expect((await administrator.relay.get({ id })).sessions).toMatchObject([{ state: "ended", detail: expect.stringContaining("does not speak of it") }]);
  });
});

describe("the topology", () => {
  it("puts each agent where it comes in, with rates and cut links, and counts instead of names where there are many", async () => {
    const own = await makeOrganisation();
    const [first, other] = [await connected(own), await connected(own)];
    const api = own.as("administrator");
    const relay = (await api.relay.create({ name: "Zone A", gatewayIds: [first.actor.id] })).id;
    const [channelled, tunnelled, lan] = [await makeAgent(own, { hostname: "channelled" }), await makeAgent(own, { hostname: "tunnelled" }), await makeAgent(own, { hostname: "lan" })];
    await recordChannels(first, [channel(channelled, [{ relayId: relay, name: "Zone A" }])], false);
    const server = (await api.server.list({})).rows[0]?.id ?? "";
    await db().tunnel.create({ data: { connectionId: randomUUID(), organisationId: own.id, gatewayId: other.actor.id, agentId: tunnelled, serverId: server, source: "s", step: "proxying", openedAt: new Date(), lastByteAt: new Date(), bytesUp: 1n, bytesDown: 1n } });
    await db().gatewaySample.create({ data: { gatewayId: other.actor.id, at: new Date(), tunnels: 1, bytesUp: 600n, bytesDown: 6_000n } });
    const view = await api.topology.view();
    const place = (id: string) => view.agents.find((entry) => entry.sample.some((agent) => agent.id === id));
    expect(place(channelled)).toMatchObject({ gatewayId: null, relayId: relay });
    expect(place(tunnelled)).toMatchObject({ gatewayId: other.actor.id, relayId: null });
    expect(place(lan)).toMatchObject({ gatewayId: null, relayId: null, counts: { online: 1 } });
    expect(view.gateways.find((entry) => entry.id === other.actor.id)).toMatchObject({ tunnels: 1, channels: 0, bytesUpPerSecond: 10, bytesDownPerSecond: 100 });
    expect(view.gateways.find((entry) => entry.id === first.actor.id)).toMatchObject({ channels: 1 });
    expect(view.relays).toMatchObject([{ state: "waiting", agents: 1 }]);
    expect(view.cuts).toEqual([{ from: { kind: "relay", id: relay }, to: { kind: "gateway", id: first.actor.id }, reason: "never heard of" }]);

    await db().agent.createMany({ data: Array.from({ length: 500 }, (_, n) => ({ organisationId: own.id, hostname: `pc-${n}`, platform: "linux-x64", addresses: [], enrolledAt: new Date(), lastSeenAt: new Date(), path: { kind: "lan" } })) });
    const large = await api.topology.view();
    expect(large.agents.find((entry) => entry.relayId === null && entry.gatewayId === null)).toMatchObject({ counts: { online: 501 }, sample: [] });
  });
});
