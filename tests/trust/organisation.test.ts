/** What a new installation has, and how the agent site's settings and certificate follow each other. */
import "../support/with-database.ts";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { agentSiteSettings } from "../../contract/objects.ts";
import { ConsoleError } from "../../server/errors.ts";
import { leadsTo, splitPem } from "../../server/pki/chain.ts";
import type { Caller } from "../../server/services/caller.ts";
import { servingCertificate } from "../../server/services/certificate/serving.ts";
import { trustAnchors } from "../../server/services/certificate/authority.ts";
import { importCertificate } from "../../server/services/certificate/import.ts";
import { bootstrap, renewServingCertificates } from "../../server/services/organisation/bootstrap.ts";
import { listMyOrganisations } from "../../server/services/organisation/mine.ts";
import { switchOrganisation } from "../../server/services/organisation/switch.ts";
import { updateAgentSite } from "../../server/services/organisation/update-agent-site.ts";
import { updateOrganisation } from "../../server/services/organisation/update.ts";
import { updateSiteServers } from "../../server/services/organisation/update-site-servers.ts";
import { viewOrganisation } from "../../server/services/organisation/view.ts";
import { TestCa } from "../support/pki.ts";
import { dataDirectory, installation } from "./support/installation.ts";

let caller: Caller;

beforeAll(async () => {
  caller = await installation();
});

const settings = (more: Record<string, unknown>) => agentSiteSettings.parse({ name: "Agent site", names: ["localhost"], port: 4726, ...more });

describe("a new installation", () => {
  it("has a CA of its own, two default sites, and itself as the management server [S1-16] [S1-35]", async () => {
    const view = await viewOrganisation(caller);
    expect(view).toMatchObject({ trustDomain: "sallyport.internal", agentSite: { port: 4726, certificateId: null }, role: "owner" });
    expect(view.agentSite.names[0]).toBe("localhost");
    expect(new X509Certificate(view.caPem).fingerprint256.replaceAll(":", "").toLowerCase()).toBe(view.caFingerprint);
    const sites = await caller.db.site.findMany({ where: { organisationId: caller.organisationId }, include: { servers: { include: { server: true } } } });
    expect(sites.map((site) => [site.kind, site.servers.map(({ server }) => server.name)]).toSorted()).toEqual([["internet", []], ["intranet", ["Management server"]]]);
    const server = await caller.db.server.findFirstOrThrow({ where: { organisationId: caller.organisationId } });
    expect(server).toMatchObject({ kind: "management", isAgentSite: true, ports: [4726], addresses: ["127.0.0.1"], names: view.agentSite.names });
  });

  it("presents certificates that lead to its root, for the agent site and for the control channel [T15]", async () => {
    const { rootPem } = await trustAnchors(caller.db, caller.organisationId);
    for (const purpose of ["agent-site", "control"] as const) {
      const serving = await servingCertificate(caller.db, caller.organisationId, purpose);
      expect(leadsTo(splitPem(serving.chainPem), new X509Certificate(rootPem), new Date())).toBe(true);
      expect(new X509Certificate(serving.chainPem).checkHost("localhost")).toBe("localhost");
    }
  });

  it("changes nothing when it starts again", async () => {
    const state = () => Promise.all([caller.db.certificate.count(), caller.db.server.count(), caller.db.site.count(), caller.db.organisation.count(), caller.db.enrolmentToken.count()]);
    const before = await state();
    await Promise.all([bootstrap(caller.db), bootstrap(caller.db)]);
    expect(await state()).toEqual(before);
  });

  it("offers one set-up link, and ends the earlier one with each start", async () => {
    const file = path.join(dataDirectory, "setup-link");
    const first = fs.readFileSync(file, "utf8");
    await bootstrap(caller.db);
    expect(fs.readFileSync(file, "utf8")).not.toBe(first);
    expect(await caller.db.invite.count()).toBe(1);
  });
});

describe("the agent site", () => {
  it("gets a new certificate when its names change, and the management server, gateways and agents learn them at once [S1-21]", async () => {
    const server = await caller.db.server.findFirstOrThrow({ where: { isAgentSite: true } });
    const gateway = await caller.db.gateway.create({ data: { organisationId: caller.organisationId, name: "Edge", nameKey: "edge", servers: { create: [{ serverId: server.id }] } } });
    const before = await servingCertificate(caller.db, caller.organisationId, "agent-site");
    const { policyRevision } = await caller.db.organisation.findUniqueOrThrow({ where: { id: caller.organisationId } });
    await updateAgentSite(caller, settings({ names: ["agents.corp.example", "10.1.2.3"], port: 8443 }));
    const after = await servingCertificate(caller.db, caller.organisationId, "agent-site");
    expect(after.fingerprint).not.toBe(before.fingerprint);
    const leaf = new X509Certificate(after.chainPem);
    expect(leaf.checkHost("agents.corp.example")).toBe("agents.corp.example");
    expect(leaf.checkIP("10.1.2.3")).toBe("10.1.2.3");
    expect(leaf.checkHost("localhost")).toBeUndefined();
    expect(await caller.db.server.findUniqueOrThrow({ where: { id: server.id } })).toMatchObject({ names: ["agents.corp.example", "10.1.2.3"], ports: [8443], version: server.version + 1 });
    expect(await caller.db.gateway.findUniqueOrThrow({ where: { id: gateway.id } })).toMatchObject({ revision: gateway.revision + 1 });
    expect((await caller.db.organisation.findUniqueOrThrow({ where: { id: caller.organisationId } })).policyRevision).toBeGreaterThan(policyRevision);
    expect(await caller.db.certificate.count({ where: { purpose: "agent-site", isCurrent: true } })).toBe(1);
  });

  it("keeps its certificate when nothing that is in it changes", async () => {
    const before = await servingCertificate(caller.db, caller.organisationId, "agent-site");
    await updateAgentSite(caller, settings({ name: "Branch site", names: ["10.1.2.3", "agents.corp.example"], port: 9443 }));
    expect((await servingCertificate(caller.db, caller.organisationId, "agent-site")).fingerprint).toBe(before.fingerprint);
  });

  it("gets a new certificate by itself when the old one nears its end [T17]", async () => {
    const before = await servingCertificate(caller.db, caller.organisationId, "agent-site");
    await caller.db.certificate.update({ where: { id: before.certificateId }, data: { notAfter: new Date(Date.now() + 60 * 86_400_000) } });
    await renewServingCertificates(caller.db);
    const after = await servingCertificate(caller.db, caller.organisationId, "agent-site");
    expect(after.fingerprint).not.toBe(before.fingerprint);
    await renewServingCertificates(caller.db);
    expect((await servingCertificate(caller.db, caller.organisationId, "agent-site")).fingerprint).toBe(after.fingerprint);
  });

  it("gets a new certificate when the old one was issued under a clock that was ahead [T17]", async () => {
    const before = await servingCertificate(caller.db, caller.organisationId, "agent-site");
    await caller.db.certificate.update({ where: { id: before.certificateId }, data: { notBefore: new Date(Date.now() + 400 * 86_400_000), notAfter: new Date(Date.now() + 765 * 86_400_000) } });
    await renewServingCertificates(caller.db);
    expect((await servingCertificate(caller.db, caller.organisationId, "agent-site")).fingerprint).not.toBe(before.fingerprint);
  });

  it("presents an imported certificate that somebody chose, if it covers every name, and goes back to its own [S1-21] [S1-30]", async () => {
    const root = await TestCa.root();
    const leaf = await root.issue({ usage: ["server"], dns: ["*.corp.example"] });
    const { id } = await importCertificate(caller, { name: "Wildcard", pem: leaf.certPem + root.certPem, keyPem: leaf.keyPem });
    const refused: unknown = await updateAgentSite(caller, settings({ names: ["agents.corp.example", "10.1.2.3"], certificateId: id })).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "certificate-not-usable", message: expect.stringContaining("10.1.2.3") as unknown });
    await updateAgentSite(caller, settings({ names: ["agents.corp.example"], certificateId: id }));
    expect(await servingCertificate(caller.db, caller.organisationId, "agent-site")).toMatchObject({ certificateId: id, fingerprint: leaf.fingerprint });
    expect((await viewOrganisation(caller)).agentSite.certificateId).toBe(id);
    await renewServingCertificates(caller.db);
    expect((await servingCertificate(caller.db, caller.organisationId, "agent-site")).certificateId).toBe(id);
    await updateAgentSite(caller, settings({ names: ["localhost", os.hostname().toLowerCase()] }));
    const own = await servingCertificate(caller.db, caller.organisationId, "agent-site");
    expect(own.certificateId).not.toBe(id);
    expect((await viewOrganisation(caller)).agentSite.certificateId).toBeNull();
  });

  it("takes no certificate of another organisation, and none that this console issued for something else [T33]", async () => {
    const other = await caller.db.organisation.create({ data: { name: "Other", nameKey: "other", trustDomain: "sallyport.internal" } });
    const root = await TestCa.root();
    const leaf = await root.issue({ usage: ["server"], dns: ["localhost"] });
    const foreign = await importCertificate({ ...caller, organisationId: other.id }, { name: "Foreign", pem: leaf.certPem + root.certPem, keyPem: leaf.keyPem });
    const ca = await caller.db.certificate.findFirstOrThrow({ where: { organisationId: caller.organisationId, purpose: "issuing-ca" } });
    for (const certificateId of [foreign.id, ca.id]) await expect(updateAgentSite(caller, settings({ certificateId }))).rejects.toMatchObject({ code: "not-found" });
  });

  it("writes who changed what into the audit [S1-21]", async () => {
    const rows = await caller.db.auditEvent.findMany({ where: { organisationId: caller.organisationId, action: "agent-site.update" }, orderBy: { id: "asc" } });
    expect(rows[0]?.changes).toEqual(expect.arrayContaining([{ path: "port", before: 4726, after: 8443 }]));
  });
});

describe("the organisation", () => {
  it("is renamed and keeps its identities; defaults of site servers are kept for new ones [S1-36]", async () => {
    await updateOrganisation(caller, { name: "Acme" });
    await updateSiteServers(caller, { port: 5001, installCertificate: false });
    expect(await viewOrganisation(caller)).toMatchObject({ name: "Acme", siteServers: { port: 5001, installCertificate: false } });
    await expect(updateOrganisation(caller, { name: "OTHER" })).rejects.toMatchObject({ code: "name-taken" });
  });

  it("is left for another one only by somebody who belongs there [T33]", async () => {
    const other = await caller.db.organisation.create({ data: { name: "Third", nameKey: "third", trustDomain: "sallyport.internal" } });
    const stranger = await caller.db.organisation.create({ data: { name: "Fourth", nameKey: "fourth", trustDomain: "sallyport.internal" } });
    const user = await caller.db.user.create({ data: { id: "u1", name: "Ada", email: "ada@example.com" } });
    await caller.db.membership.createMany({ data: [{ organisationId: caller.organisationId, userId: user.id, role: "owner" }, { organisationId: other.id, userId: user.id, role: "auditor" }] });
    await caller.db.session.create({ data: { id: "s1", token: "t1", userId: user.id, expiresAt: new Date(Date.now() + 1e6) } });
    const person: Caller = { ...caller, actor: { kind: "user", id: user.id, name: user.name }, credential: { kind: "session", id: "s1" } };
    expect(await listMyOrganisations(person)).toEqual([{ id: caller.organisationId, name: "Acme", role: "owner", isCurrent: true }, { id: other.id, name: "Third", role: "auditor", isCurrent: false }]);
    await switchOrganisation(person, { id: other.id });
    expect(await caller.db.session.findUniqueOrThrow({ where: { id: "s1" } })).toMatchObject({ activeOrganisationId: other.id });
    await expect(switchOrganisation(person, { id: stranger.id })).rejects.toMatchObject({ code: "not-found" });
    await expect(switchOrganisation({ ...person, credential: { kind: "api-key", id: "k" } }, { id: other.id })).rejects.toBeInstanceOf(ConsoleError);
  });
});

describe("the database", () => {
  it("holds no private key, no token and no set-up secret that could be read [T40]", async () => {
    const tables = await caller.db.$queryRaw<{ name: string }[]>`SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'`;
    expect(tables.length).toBeGreaterThan(20);
    const link = fs.readFileSync(path.join(dataDirectory, "setup-link"), "utf8").trim().split("#")[1] ?? "";
    const keys = await secretsOf(caller);
    for (const { name } of tables) {
      const rows = await caller.db.$queryRawUnsafe<{ text: string }[]>(`SELECT to_jsonb(t)::text AS text FROM "${name}" t`);
      const dump = rows.map((row) => row.text).join("\n");
      expect(dump, name).not.toMatch(/PRIVATE KEY|sp1\.(gateway|agent)\./);
      expect(dump.includes(link), `${name} holds the set-up secret`).toBe(false);
      for (const key of keys) expect(dump.includes(key), `${name} holds bytes of a private key`).toBe(false);
    }
  });
});

/** The secret bytes of the keys in use, in the forms in which a dump would show them. */
async function secretsOf(who: Caller): Promise<string[]> {
  const serving = await Promise.all((["agent-site", "control"] as const).map((purpose) => servingCertificate(who.db, who.organisationId, purpose)));
  return serving.flatMap(({ keyPem }) => {
    const der = Buffer.from(keyPem.replace(/-----[^-]+-----|\s/g, ""), "base64");
    const scalar = der.subarray(36, 68); // PKCS#8 of a P-256 key: 32 bytes of secret
    return [scalar.toString("hex"), scalar.toString("base64").slice(0, 40), der.toString("base64").slice(60, 100)];
  });
}
