import "../support/with-database.ts";
import { beforeAll, describe, expect, it } from "vitest";
import { db } from "../../server/db.ts";
import { expectRefusal, makeGateway, makeOrganisation, type Organisation } from "./support/console.ts";

let org: Organisation;
beforeAll(async () => {
  org = await makeOrganisation();
});

async function siteNamed(name: string): Promise<string> {
  const { rows } = await org.as("auditor").site.list({ search: name });
  const [row] = rows;
  if (!row) throw new Error(`no site ${name}`);
  return row.id;
}

describe("sites", () => {
  it("keeps a default intranet site and a default internet site for a new organisation [S1-41]", async () => {
    const { rows, total } = await org.as("auditor").site.list({});
    expect(total).toBe(2);
    expect(rows.map((row) => `${row.name} ${row.kind}`)).toEqual(["Default internet site internet", "Default intranet site intranet"]);
  });

  it("takes many intranet sites with subnets, one for each small office [S1-10]", async () => {
    for (let office = 1; office <= 30; office += 1) await org.as("administrator").site.create({ name: `Office ${String(office).padStart(2, "0")}`, kind: "intranet", subnets: [`10.${office}.0.0/16`, `2001:db8:${office}::/48`] });
    const first = await org.as("auditor").site.list({ search: "office", pageSize: 25, page: 1 });
    const second = await org.as("auditor").site.list({ search: "office", pageSize: 25, page: 2 });
    expect([first.total, first.rows.length, second.rows.length]).toEqual([30, 25, 5]);
    expect(second.rows.map((row) => row.name)).toEqual(["Office 26", "Office 27", "Office 28", "Office 29", "Office 30"]);
  });

  it("refuses a second name that differs only in case, naming the field", async () => {
    await org.as("administrator").site.create({ name: "Lisbon", kind: "intranet" });
    const error = await expectRefusal(org.as("administrator").site.create({ name: "LISBON", kind: "intranet" }), "name-taken");
    expect(error.fields[0]?.path).toBe("name");
  });

  it("refuses a subnet with host bits, and subnets on an internet site, with path and example", async () => {
    const bits = await expectRefusal(org.as("administrator").site.create({ name: "Bits", kind: "intranet", subnets: ["10.1.2.3/8"] }), "input-invalid");
    expect(bits.fields[0]).toMatchObject({ path: "subnets.0" });
    await expectRefusal(org.as("administrator").site.create({ name: "Net", kind: "internet", subnets: ["10.0.0.0/8"] }), "input-invalid");
  });

  it("searches for what was typed: wildcards of the database mean only themselves", async () => {
    await org.as("administrator").site.create({ name: "100% remote_site", kind: "intranet" });
    expect((await org.as("auditor").site.list({ search: "%" })).total).toBe(1);
    expect((await org.as("auditor").site.list({ search: "remote_" })).total).toBe(1);
    expect((await org.as("auditor").site.list({ search: "e_o" })).total).toBe(0);
  });

  it("does not let two people overwrite each other's edit", async () => {
    const { id } = await org.as("administrator").site.create({ name: "Shared", kind: "intranet" });
    const seen = await org.as("auditor").site.get({ id });
    await org.as("administrator").site.update({ id, version: seen.version, name: "Shared", kind: "intranet", subnets: ["10.200.0.0/16"] });
    await expectRefusal(org.as("administrator").site.update({ id, version: seen.version, name: "Mine", kind: "intranet" }), "changed-meanwhile");
    expect((await org.as("auditor").site.get({ id })).subnets).toEqual(["10.200.0.0/16"]);
  });

  it("refuses to delete a site that holds servers, and says which", async () => {
    const { id } = await org.as("administrator").site.create({ name: "Occupied", kind: "internet" });
    const server = await org.as("administrator").server.create({ name: "Occupant", kind: "site", names: ["occupant.example.com"], siteIds: [id] });
    const error = await expectRefusal(org.as("administrator").site.remove({ id }), "in-use");
    expect(error.message).toContain("Occupant");
    await org.as("administrator").server.remove({ id: server.id });
    await org.as("administrator").site.remove({ id });
    await expectRefusal(org.as("auditor").site.get({ id }), "not-found");
  });

  it("writes who did what in the same transaction as the change", async () => {
    const { id } = await org.as("administrator").site.create({ name: "Audited", kind: "intranet" });
    const { rows } = await org.as("auditor").audit.list({ targetId: id });
    expect(rows).toMatchObject([{ action: "site.create", actor: { name: "Test administrator" }, target: { name: "Audited" } }]);
    expect(await org.as("auditor").audit.verify()).toMatchObject({ isIntact: true });
  });
});

describe("servers", () => {
  it("assigns one or more site servers to the default internet site, each with a binding port of 4726 unless changed [S1-33] [S1-34] [S1-35] [S1-37] [S1-38] [S1-41]", async () => {
    const siteId = await siteNamed("Default internet site");
    const a = await org.as("administrator").server.create({ name: "Depot A", kind: "site", names: ["depot-a.example.com"], siteIds: [siteId] });
    const b = await org.as("administrator").server.create({ name: "Depot B", kind: "site", names: ["depot-b.example.com"], ports: [8443], siteIds: [siteId] });
    expect((await org.as("auditor").server.get(a)).ports).toEqual([4726]);
    expect((await org.as("auditor").server.get(b)).ports).toEqual([8443]);
    const site = await org.as("auditor").site.get({ id: siteId });
    expect(site.servers.map((server) => server.name)).toEqual(["Depot A", "Depot B"]);
    expect((await org.as("auditor").server.list({ siteId })).total).toBe(2);
  });

  it("has site-server defaults in the organisation's settings [S1-36] [S1-37]", async () => {
    expect((await org.as("auditor").organisation.view()).siteServers).toEqual({ port: 4726, installCertificate: true });
    await org.as("administrator").organisation.updateSiteServers({ port: 5726, installCertificate: false });
    expect((await org.as("auditor").organisation.view()).siteServers).toEqual({ port: 5726, installCertificate: false });
  });

  it("refuses a management server in an internet site, whichever side it is assigned from [S1-42]", async () => {
    const siteId = await siteNamed("Default internet site");
    const created = await expectRefusal(org.as("administrator").server.create({ name: "Main", kind: "management", names: ["main.example.com"], siteIds: [siteId] }), "management-server-in-internet-site");
    expect(created.fields[0]?.path).toBe("siteIds.0");
    const { rows } = await org.as("auditor").server.list({ kind: "management" });
    const main = await org.as("auditor").server.get({ id: rows[0]?.id ?? "" });
    await expectRefusal(org.as("administrator").server.update({ id: main.id, version: main.version, name: main.name, kind: "management", names: main.names, ports: main.ports, addresses: main.addresses, siteIds: [siteId], gatewayIds: [] }), "management-server-in-internet-site");
    const intranet = await siteNamed("Default intranet site");
    const site = await org.as("auditor").site.get({ id: intranet });
    await expectRefusal(org.as("administrator").site.update({ id: intranet, version: site.version, name: site.name, kind: "internet" }), "management-server-in-internet-site");
  });

  it("does not make a site server of an internet site into a management server [S1-42]", async () => {
    const siteId = await siteNamed("Default internet site");
    const { id } = await org.as("administrator").server.create({ name: "Turncoat", kind: "site", names: ["turncoat.example.com"], siteIds: [siteId] });
    await expectRefusal(org.as("administrator").server.update({ id, version: 0, name: "Turncoat", kind: "management", names: ["turncoat.example.com"], siteIds: [siteId] }), "management-server-in-internet-site");
  });

  it("keeps the agent site's server: it cannot be deleted, and its names follow the agent site's settings", async () => {
    const { rows } = await org.as("auditor").server.list({ kind: "management" });
    const site = await org.as("auditor").server.get({ id: rows.find((row) => row.isAgentSite)?.id ?? "" });
    await expectRefusal(org.as("administrator").server.remove({ id: site.id, confirmName: site.name }), "in-use");
    await expectRefusal(org.as("administrator").server.update({ id: site.id, version: site.version, name: site.name, kind: "management", names: ["elsewhere.example.com"], ports: site.ports }), "input-invalid");
  });

  it("tells every gateway it is assigned to, before and after, by a new revision [S1-44] [S1-45]", async () => {
    const [one, two, three] = [await makeGateway(org), await makeGateway(org), await makeGateway(org)];
    const { id } = await org.as("administrator").server.create({ name: "Moving", kind: "site", names: ["moving.example.com"], gatewayIds: [one] });
    const revisions = async () => (await db().gateway.findMany({ where: { id: { in: [one, two, three] } }, orderBy: { createdAt: "asc" } })).map((row) => row.revision);
    expect(await revisions()).toEqual([2, 1, 1]);
    await org.as("administrator").server.update({ id, version: 0, name: "Moving", kind: "site", names: ["moving.example.com"], gatewayIds: [two] });
    expect(await revisions()).toEqual([3, 2, 1]);
  });

  it("refuses two servers that one CONNECT target would both mean on one gateway", async () => {
    const gatewayId = await makeGateway(org);
    await org.as("administrator").server.create({ name: "First", kind: "site", names: ["same.example.com"], gatewayIds: [gatewayId] });
    const error = await expectRefusal(org.as("administrator").server.create({ name: "Second", kind: "site", names: ["same.example.com"], gatewayIds: [gatewayId] }), "input-invalid");
    expect(error.message).toContain("same.example.com:4726");
  });
});
