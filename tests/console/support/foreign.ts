/** One object of every kind in an organisation, each with a marker in its name, so that a leak shows in any answer. */
import { randomBytes, randomUUID } from "node:crypto";
import { db } from "../../../server/db.ts";
import { makeAgent, makeGateway, makeGroup, makePolicy, type Organisation } from "./console.ts";

/** In every name, text and address of the other organisation's objects; no answer may contain it. */
export const marker = "foreign-marker";

export type Ids = { site: string; server: string; gateway: string; group: string; agent: string; policy: string; certificate: string; bundle: string; pool: string; member: string; service: string; user: string; invite: string; apiKey: string; session: string; organisation: string; task: string; taskBatch: string; relay: string; reachRule: string; reachRequest: string; reachSession: string };

/** Makes the objects and returns their ids. */
export async function makeOneOfEach(organisation: Organisation): Promise<Ids> {
  const api = organisation.as("administrator");
  const site = (await api.site.create({ name: `${marker} site`, kind: "intranet", subnets: ["10.99.0.0/16"] })).id;
  const server = (await api.server.create({ name: `${marker} server`, kind: "site", names: [`${marker}.example.com`], siteIds: [site] })).id;
  const gateway = await makeGateway(organisation, `${marker} gateway`);
  const agent = await makeAgent(organisation, { hostname: `${marker}-pc` });
  const group = await makeGroup(organisation, [agent], `${marker} group`);
  const policy = await makePolicy(organisation, [group], { name: `${marker} policy`, gatewayId: gateway });
  const people = await makePeople(organisation.id);
  const services = await makeServices(organisation, gateway);
  await makeActivity(organisation.id, { gateway, agent, server });
  return { ...services, ...(await makeTasks(organisation.id, agent)), ...(await makeWayBack(organisation, { gateway, agent, group })), site, server, gateway, group, agent, policy, ...people, ...(await makeTrust(organisation.id, group)), organisation: organisation.id };
}

/** A service with its pool, and what gateways say of them. */
async function makeServices(organisation: Organisation, gateway: string): Promise<Pick<Ids, "service" | "pool" | "member">> {
  const api = organisation.as("administrator");
  const service = (await api.virtualService.create({ name: `${marker} service`, port: 8443, serverNames: [`${marker}.example.com`], stampName: `${marker}.example.com`, gatewayIds: [gateway], pool: { name: `${marker} pool`, members: [{ name: marker, host: `${marker}.corp.example`, port: 443 }] } })).id;
  const detail = await api.virtualService.get({ id: service });
  const member = detail.poolDetail.members[0]?.id ?? "";
  const at = new Date();
  const load = { serviceId: service, connections: 77_777, opened: 77_777, refused: 0, requests: 0, responses: [0, 0, 0, 0, 0], bytesUp: 0, bytesDown: 0, members: [{ memberId: member, connections: 77_777, opened: 77_777, failed: 0 }] };
  await db().memberHealth.create({ data: { gatewayId: gateway, memberId: member, state: "down", cause: marker, since: at } });
  await db().memberHealthEvent.create({ data: { poolId: detail.pool.id, memberId: member, gatewayId: gateway, at, before: "up", state: "down", cause: marker } });
  await db().serviceLoad.create({ data: { gatewayId: gateway, serviceId: service, at, load } });
  return { service, pool: detail.pool.id, member };
}

/** A relay that answered and carries an agent's channel; a rule with a request, an open session and everything in it marked. */
async function makeWayBack(organisation: Organisation, ids: { gateway: string; agent: string; group: string }): Promise<Pick<Ids, "relay" | "reachRule" | "reachRequest" | "reachSession">> {
  const api = organisation.as("administrator");
  const [at, until] = [new Date(), new Date(Date.now() + 3_600_000)];
  const relay = (await api.relay.create({ name: `${marker} relay`, relayKey: `${marker}-relay-key-000`, gatewayIds: [ids.gateway], networks: ["10.98.0.0/16"], agentAddress: { host: `${marker}.corp.example` } })).id;
  const relayPath = [{ relayId: relay, name: marker }];
  await db().relaySession.create({ data: { relayId: relay, gatewayId: ids.gateway, node: randomUUID(), state: "waiting", fingerprint: "a".repeat(64), report: {}, since: at, at } });
  await db().agentChannel.create({ data: { channelId: randomUUID(), organisationId: organisation.id, agentId: ids.agent, gatewayId: ids.gateway, instance: marker, openedAt: at, aliveUntil: until, source: marker, relayPath, version: marker } });
  const reachRule = (await api.reachRule.create({ name: `${marker} rule`, groupIds: [ids.group], services: [{ name: marker, port: 22 }], who: { roles: ["operator"] }, approval: { roles: ["administrator"] } })).id;
  const asked = { organisationId: organisation.id, agentId: ids.agent, ruleId: reachRule, service: { name: marker, host: "127.0.0.1", port: 22 }, actorKind: "user", actorId: "somebody", actorName: marker };
  const request = await db().reachRequest.create({ data: { ...asked, reason: marker, expiresAt: until } });
  const session = await db().reachSession.create({ data: { ...asked, source: marker, state: "open", gatewayId: ids.gateway, openedAt: at, until, bytesUp: 77_777n } });
  return { relay, reachRule, reachRequest: request.id, reachSession: session.id };
}

/** A task that an agent has, and one that waits in a batch. */
async function makeTasks(organisationId: string, agentId: string): Promise<Pick<Ids, "task" | "taskBatch">> {
  const made = { organisationId, kind: "run-script", order: { kind: "run-script", script: marker, user: "agent", timeoutSeconds: 300, outputMaxBytes: 1_000_000 }, createdById: "somebody", createdByName: marker };
  const expiresAt = new Date(Date.now() + 3_600_000);
  const task = await db().task.create({ data: { ...made, agentId, expiresAt, state: "running", output: marker, message: marker } });
  const batch = await db().taskBatch.create({ data: { ...made, name: `${marker} batch`, groupIds: [], concurrency: 1, haltAtFailurePercent: 50, expiresInMinutes: 60, total: 1, tasks: { create: { ...made, agentId, expiresAt } } } });
  return { task: task.id, taskBatch: batch.id };
}

async function makePeople(organisationId: string): Promise<Pick<Ids, "user" | "invite" | "apiKey" | "session">> {
  const soon = new Date(Date.now() + 3_600_000);
  const user = await db().user.create({ data: { id: `user-${randomUUID()}`, name: `${marker} person`, email: `${marker}-${randomUUID().slice(0, 8)}@example.com`, memberships: { create: { organisationId, role: "administrator" } } } });
  const session = await db().session.create({ data: { id: `session-${randomUUID()}`, token: randomUUID(), expiresAt: soon, userId: user.id, ipAddress: marker } });
  const invite = await db().invite.create({ data: { organisationId, email: `${marker}-invited@example.com`, role: "auditor", secretHash: randomUUID(), expiresAt: soon } });
  const apiKey = await db().apiKey.create({ data: { organisationId, name: `${marker} key`, nameKey: `${marker} key`, role: "auditor", prefix: "spk_", secretHash: randomUUID(), createdByName: marker, expiresAt: soon } });
  return { user: user.id, invite: invite.id, apiKey: apiKey.id, session: session.id };
}

async function makeTrust(organisationId: string, group: string): Promise<Pick<Ids, "certificate" | "bundle">> {
  const now = new Date();
  const later = new Date(now.getTime() + 86_400_000);
  const fingerprint = randomBytes(32).toString("hex");
  const certificate = await db().certificate.create({ data: { organisationId, purpose: "imported", name: marker, subject: `CN=${marker}`, names: [marker], issuer: `CN=${marker}`, serial: "01", keyType: "EC P-256", fingerprint, thumbprintSha1: fingerprint.slice(0, 40), publicKeySha256: fingerprint, notBefore: now, notAfter: later, pem: marker, chainPem: marker, sealedKey: new Uint8Array([1]) } });
  const bundle = await db().bundle.create({ data: { organisationId, name: `${marker} bundle`, nameKey: `${marker} bundle`, platform: "linux-x64", usesMax: 1, expiresAt: later, groupIds: [group], stamp: { managementServer: marker, gateways: [marker] }, createdByName: marker } });
  return { certificate: certificate.id, bundle: bundle.id };
}

async function makeActivity(organisationId: string, ids: { gateway: string; agent: string; server: string }): Promise<void> {
  const at = new Date();
  await db().refusal.create({ data: { id: randomUUID(), organisationId, gatewayId: ids.gateway, agentId: ids.agent, at, code: "policy-none", detail: marker, connectionId: marker, source: marker, target: marker } });
  await db().gatewayLog.create({ data: { gatewayId: ids.gateway, at, level: "info", message: marker, fields: {} } });
  await db().agentLog.create({ data: { agentId: ids.agent, at, line: marker } });
  await db().tunnel.create({ data: { connectionId: `${marker}-${randomUUID()}`, organisationId, gatewayId: ids.gateway, agentId: ids.agent, serverId: ids.server, source: marker, step: "proxying", openedAt: at, lastByteAt: at, bytesUp: 1n, bytesDown: 1n } });
  await db().gatewaySample.create({ data: { gatewayId: ids.gateway, at, tunnels: 77_777, bytesUp: 1n, bytesDown: 1n } });
}

/** Ids that exist nowhere, in the same forms. */
export function missingIds(): Ids {
  const names = ["site", "server", "gateway", "group", "agent", "policy", "certificate", "bundle", "pool", "member", "service", "invite", "apiKey", "organisation", "task", "taskBatch", "relay", "reachRule", "reachRequest", "reachSession"] as const;
  const ids = Object.fromEntries(names.map((name) => [name, randomUUID()])) as Omit<Ids, "user" | "session">;
  return { ...ids, user: `user-${randomUUID()}`, session: `session-${randomUUID()}` };
}
