import "../support/with-database.ts";
import { randomUUID } from "node:crypto";
import net from "node:net";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AgentSite, startAgentSite } from "../../server/agent-site/main.ts";
import { db } from "../../server/db.ts";
import { issueWithKey } from "../../server/services/certificate/issue.ts";
import { renewServingCertificates } from "../../server/services/organisation/bootstrap.ts";
import { expectRefusal, makeAgent, makeGroup, makeOrganisation, type Organisation } from "./support/console.ts";

let org: Organisation;
let site: AgentSite;
let front: tls.Server;
let fingerprint: string;
let frontPort: number;

/** A console with its real agent site, and a TLS listener that stands for a gateway. */
beforeAll(async () => {
  org = await makeOrganisation();
  await renewServingCertificates(db(), org.id);
  site = await startAgentSite({ host: "127.0.0.1", port: 0, db: db() });
  await db().server.updateMany({ where: { organisationId: org.id, isAgentSite: true }, data: { ports: [site.port] } });
  const certificate = await db().$transaction((tx) => issueWithKey(tx, org.callerAs("owner"), { purpose: "gateway-listener", identity: null, names: ["localhost"] }));
  fingerprint = certificate.fingerprint;
  front = tls.createServer({ cert: certificate.chainPem, key: certificate.keyPem }, (socket) => socket.on("error", () => undefined));
  front.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => front.listen(0, "localhost", resolve));
  frontPort = (front.address() as net.AddressInfo).port; // listening on TCP
  certificateId = certificate.certificateId;
});
let certificateId: string;

afterAll(async () => {
  front.close();
  await site.close();
});

const owner = () => org.as("owner");
const stateOf = async (step: string) => (await owner().guide.view()).steps.find((entry) => entry.id === step)?.state;

describe("the first run", () => {
  it("starts with the first step open and all others blocked, and refuses to check them out of order [S1-11] [S1-12]", async () => {
    const { steps, isFinished } = await owner().guide.view();
    expect([isFinished, ...steps.map((step) => step.state)]).toEqual([false, "open", "blocked", "blocked", "blocked", "blocked", "blocked", "blocked"]);
    const error = await expectRefusal(owner().guide.check({ step: "gateway" }), "step-not-ready");
    expect(error.message).toContain("direct-tls");
  });

  it("does not let setup go on while the management server does not speak TLS directly [S1-11] [S1-12]", async () => {
    const { ports } = await db().server.findFirstOrThrow({ where: { organisationId: org.id, isAgentSite: true } });
    const closed = net.createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const unused = (closed.address() as net.AddressInfo).port;
    await new Promise((resolve) => closed.close(resolve));
    await db().server.updateMany({ where: { organisationId: org.id, isAgentSite: true }, data: { ports: [unused] } });
    expect(await owner().guide.check({ step: "direct-tls" })).toMatchObject({ state: "failed", problem: expect.stringContaining("refused") });
    await expectRefusal(owner().guide.check({ step: "agent-site" }), "step-not-ready");
    await db().server.updateMany({ where: { organisationId: org.id, isAgentSite: true }, data: { ports } });
  });

  it("proves direct TLS with a mutual handshake of its own, and leaves no identity behind [S1-11] [S1-12]", async () => {
    await makeAgent(org, { hostname: "on-lan", path: { kind: "lan" } });
    const step = await owner().guide.check({ step: "direct-tls" });
    expect(step).toMatchObject({ state: "verified", problem: null });
    expect(step.facts.find((fact) => fact.label === "Agents that talk to it directly")?.value).toBe("1");
    expect(await db().certificate.count({ where: { organisationId: org.id, purpose: "probe" } })).toBe(0);
  });

  it("asks the agent site for console pages and goes there without a certificate, and is refused both [S1-16] [S1-17] [S1-18] [S1-19] [S1-20]", async () => {
    const step = await owner().guide.check({ step: "agent-site" });
    expect(step.state, JSON.stringify(step)).toBe("verified");
    expect(step.facts.filter((fact) => fact.label.startsWith("Console page")).map((fact) => fact.value)).toEqual(["status 404", "status 404", "status 404"]);
    expect(step.facts.find((fact) => fact.label === "Client without a certificate")?.value).toMatch(/403|401|refused/);
  });

  it("wants a connected gateway on its newest revision whose public name presents the reported certificate and no plain HTTP [S0-02] [S0-03] [S0-08] [S0-09] [S0-12] [S1-22]", async () => {
    expect(await owner().guide.check({ step: "gateway" })).toMatchObject({ state: "failed", problem: "There is no gateway yet." });
    const { id } = await owner().gateway.create({ name: "Edge", publicNames: ["localhost"], publicPort: frontPort });
    expect((await owner().guide.check({ step: "gateway" })).problem).toContain("never installed");
    const now = new Date();
    await db().gateway.update({ where: { id }, data: { enrolledAt: now, connectedSince: now, lastSeenAt: now, appliedRevision: 0 } });
    expect((await owner().guide.check({ step: "gateway" })).problem).toContain("revision 0");
    await db().gateway.update({ where: { id }, data: { appliedRevision: 1, presentedCertificateId: (await db().certificate.findFirstOrThrow({ where: { organisationId: org.id, purpose: "root-ca" } })).id } });
    const own = await db().certificate.findFirstOrThrow({ where: { organisationId: org.id, purpose: "root-ca" } });
    const proxied = (await owner().guide.check({ step: "gateway" })).problem;
    for (const words of ["certificate proxy", fingerprint, own.fingerprint]) expect(proxied).toContain(words);
    await db().gateway.update({ where: { id }, data: { presentedCertificateId: certificateId } });
    const step = await owner().guide.check({ step: "gateway" });
    expect(step.state, JSON.stringify(step)).toBe("verified");
    expect(step.facts.find((fact) => fact.label === "Plain HTTP")?.value).toBe("no HTTP answer");
  });

  it("wants the management server assigned and every assigned server reachable from its gateway a moment ago [S1-43] [S1-44] [S1-45]", async () => {
    expect(await owner().guide.check({ step: "servers" })).toMatchObject({ state: "failed", problem: expect.stringContaining("management server") });
    const gateway = await db().gateway.findFirstOrThrow({ where: { organisationId: org.id } });
    const server = await db().server.findFirstOrThrow({ where: { organisationId: org.id, isAgentSite: true } });
    await db().gatewayServer.create({ data: { gatewayId: gateway.id, serverId: server.id } });
    expect((await owner().guide.check({ step: "servers" })).problem).toContain("not dialled yet");
    const reach = { gatewayId: gateway.id, serverId: server.id, isReachable: true, address: "127.0.0.1", detail: "" };
    await db().serverReach.create({ data: { ...reach, checkedAt: new Date(Date.now() - 3_600_000) } });
    expect((await owner().guide.check({ step: "servers" })).problem).toContain("last dialled");
    await db().serverReach.updateMany({ where: { gatewayId: gateway.id }, data: { checkedAt: new Date() } });
    expect(await owner().guide.check({ step: "servers" })).toMatchObject({ state: "verified" });
  });

  it("wants every internet site server ready: its binding answers TLS with a certificate that fits its name [S1-39] [S1-40] [S1-43]", async () => {
    const internet = (await owner().site.list({ kind: "internet" })).rows[0]?.id ?? "";
    const { id } = await owner().server.create({ name: "Depot", kind: "site", names: ["depot.internal.example"], ports: [frontPort], addresses: ["127.0.0.1", "::1"], siteIds: [internet] });
    const wrongName = await owner().guide.check({ step: "servers" });
    expect(wrongName).toMatchObject({ state: "failed" });
    expect(wrongName.problem).toContain("does not cover the name depot.internal.example");
    await owner().server.update({ id, version: 0, name: "Depot", kind: "site", names: ["localhost"], ports: [frontPort], addresses: ["127.0.0.1", "::1"], siteIds: [internet], installCertificate: true });
    expect(await owner().server.checkReadiness({ id })).toMatchObject({ isReady: true, fingerprint });
    expect(await owner().guide.check({ step: "servers" })).toMatchObject({ state: "verified" });
  });

  it("wants an enabled policy whose pin is what the public name really presents, and that targets a group; names a load balancer that ends TLS, with both fingerprints [S0-01] [S0-03] [S0-05] [S0-09] [S1-50] [S1-51] [S1-53] [S1-55] [S1-60]", async () => {
    expect((await owner().guide.check({ step: "policy" })).problem).toBe("There is no policy yet.");
    const gateway = await db().gateway.findFirstOrThrow({ where: { organisationId: org.id } });
    const fields = { name: "Outside", groupIds: [] as string[], gateways: [{ gatewayId: gateway.id, fqdn: "localhost", port: frontPort, pins: ["0".repeat(64)] }] };
    const { id } = await owner().policy.create({ ...fields, isEnabled: false });
    expect((await owner().guide.check({ step: "policy" })).problem).toBe("No policy is enabled.");
    await owner().policy.update({ ...fields, id, version: 0 });
    expect((await owner().guide.check({ step: "policy" })).problem).toContain("targets no group");
    const group = await makeGroup(org, [], "Outside staff");
    await owner().policy.update({ ...fields, id, version: 1, groupIds: [group] });
    expect((await owner().guide.check({ step: "policy" })).problem).toContain("none of the pins");
    const [check] = await owner().policy.check({ id });
    expect(check).toMatchObject({ resolves: true, answers: true, presented: fingerprint, pinFits: false });
    await db().gateway.update({ where: { id: gateway.id }, data: { isBehindLoadBalancer: true } });
    expect((await owner().policy.check({ id }))[0]).toMatchObject({ isCertificateProxy: false, own: fingerprint, answersPlainHttp: false, detail: expect.stringContaining("copy the fingerprint into the policy") });
    const other = await db().certificate.findFirstOrThrow({ where: { organisationId: org.id, purpose: "root-ca" } });
    await db().gateway.update({ where: { id: gateway.id }, data: { presentedCertificateId: other.id } });
    const [proxied] = await owner().policy.check({ id });
    expect(proxied).toMatchObject({ isCertificateProxy: true, presented: fingerprint, own: other.fingerprint });
    for (const words of ["A certificate proxy answers TLS in place of gateway", fingerprint, other.fingerprint, "load balancer in front of the gateway pass TLS through"]) expect(proxied?.detail).toContain(words);
    await db().gateway.update({ where: { id: gateway.id }, data: { presentedCertificateId: certificateId } });
    await owner().policy.update({ ...fields, id, version: 2, groupIds: [group], gateways: fields.gateways.map((entry) => ({ ...entry, pins: [fingerprint] })) });
    const step = await owner().guide.check({ step: "policy" });
    expect(step).toMatchObject({ state: "verified" });
    expect(step.facts.some((fact) => fact.value.includes("only to private addresses"))).toBe(true);
  });

  it("ends only when an agent proved itself fully connected through a gateway a moment ago [S1-56] [S1-68]", async () => {
    expect((await owner().guide.check({ step: "first-agent" })).problem).toContain("targeted by an enabled policy");
    const group = (await owner().agentGroup.list({ search: "Outside staff" })).rows[0]?.id ?? "";
    const id = await makeAgent(org, { hostname: "traveller", path: { kind: "none" }, groupIds: [group] });
    expect(await owner().guide.check({ step: "first-agent" })).toMatchObject({ state: "verified" });
    expect(await owner().guide.check({ step: "verify" })).toMatchObject({ state: "failed" });
    const path = { kind: "gateway", gatewayId: randomUUID(), name: "Edge" };
    await db().agent.update({ where: { id }, data: { path, step: "proxying" } });
    expect((await owner().guide.check({ step: "verify" })).problem).toContain("stays at step proxying");
    await db().agent.update({ where: { id }, data: { step: "fully-connected", lastSeenAt: new Date(Date.now() - 3_600_000) } });
    expect(await owner().guide.check({ step: "verify" })).toMatchObject({ state: "failed" });
    await db().agent.update({ where: { id }, data: { lastSeenAt: new Date() } });
    expect(await owner().guide.check({ step: "verify" })).toMatchObject({ state: "verified" });
    expect(await owner().guide.view()).toMatchObject({ isFinished: true });
  });

  it("can be left and taken up again, and falls back to the step that no longer holds [S1-68]", async () => {
    await owner().guide.dismiss();
    expect(await owner().guide.view()).toMatchObject({ isDismissed: true, isFinished: true });
    await db().gateway.updateMany({ where: { organisationId: org.id }, data: { connectedSince: null } });
    expect(await stateOf("gateway")).toBe("failed");
    expect(await stateOf("servers")).toBe("blocked");
    await expectRefusal(owner().guide.check({ step: "verify" }), "step-not-ready");
  });

  it("never dials a name that leads to this machine or to cloud metadata unless it was listed [T02]", async () => {
    const server = await owner().server.create({ name: "Sly", kind: "site", names: ["169.254.169.254"], ports: [80] });
    expect((await owner().server.checkReadiness(server)).detail).toContain("never dialled");
  });
});
