/** lint over a real organisation, and what `sallyport lint` and `sallyport virtual-service sheet` print. */
import "../support/with-database.ts";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { main } from "../../cli/main.ts";
import { serviceCreate } from "../../contract/service-objects.ts";
import { db } from "../../server/db.ts";
import { runLint } from "../../server/services/lint/run.ts";
import { planService } from "../../server/services/plan/plan.ts";
import { TestCa } from "../support/pki.ts";
import { type Doors, startDoors } from "../support/console-doors.ts";
import { makeAgent, makeGateway, makeGroup, makeOrganisation, makePolicy, type Organisation } from "./support/console.ts";
import { formOf, importCertificate } from "./support/services.ts";

let org: Organisation;
let doors: Doors;
let directory: string;

beforeAll(async () => {
  doors = await startDoors();
  org = await makeOrganisation();
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-lint-"));
});

afterAll(async () => {
  delete process.env["SALLYPORT_URL"];
  delete process.env["SALLYPORT_API_KEY"];
  fs.rmSync(directory, { recursive: true, force: true });
  await doors.close();
});

async function sallyport(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const code = await main(args, { out: (text) => (out += text), err: (text) => (err += text), width: 200 });
  return { code, out, err };
}

const lint = (organisation = org) => runLint(organisation.callerAs("auditor"), { severity: "note" });
const codes = async (organisation = org) => (await lint(organisation)).findings.map((finding) => `${finding.severity} ${finding.code} ${finding.object.name}`);

async function createService(form: object, organisation = org): Promise<string> {
  return (await organisation.as("administrator").virtualService.create(serviceCreate.parse(form))).id;
}

describe("lint", () => {
  it("finds nothing in a new organisation", async () => {
    expect(await codes()).toEqual([]);
  });

  it("reads services, pools, members' certificates from health checks, policies and agents [S0-08] [S3-02] [S3-49] [S3-50]", async () => {
    const gateway = await makeGateway(org, "gw-1");
    const id = await createService({ name: "Keys", port: 9443, stampName: "keys.example.com", serverNames: ["keys.example.com"], gatewayIds: [gateway], pool: { name: "Keys servers", healthCheck: { kind: "tls" }, isSessionBound: true, scheduling: "weighted-round-robin", members: [{ name: "pgp01", host: "pgp01.example.com", port: 443 }, { name: "pgp02", host: "pgp02.example.com", port: 443 }] } });
    const members = await db().poolMember.findMany({ where: { pool: { services: { some: { id } } } }, orderBy: { ordinal: "asc" } });
    const seen = { fingerprint: "a".repeat(64), subject: "CN=pgp02.example.com", issuer: "CN=CA", names: ["pgp02.example.com"], notAfter: new Date(Date.now() - 60_000).toISOString(), isVerified: false, problem: "expired" };
    await db().memberHealth.create({ data: { gatewayId: gateway, memberId: members[1]?.id ?? "", state: "up", cause: "up", since: new Date(), checkedAt: new Date(), certificate: seen } });
    await makeAgent(org, { hostname: "lonely" });
    const found = await codes();
    for (const wanted of ["warning session-bound-spread Keys servers", "warning persistence-missing Keys", "warning member-name-not-covered Keys", "error certificate-expired Keys"]) expect(found).toContain(wanted);
    expect(found.some((line) => line.startsWith("warning agent-outside-policies"))).toBe(true);
    const service = await org.as("auditor").virtualService.get({ id });
    expect(service.findings.map((finding) => finding.code)).toEqual(expect.arrayContaining(["session-bound-spread", "persistence-missing", "member-name-not-covered", "certificate-expired"]));
    expect(service.findings[0]?.severity).toBe("error");
  });

  it("leaves out what is less bad than asked for, and counts it all the same", async () => {
    const { findings, counts } = await org.as("auditor").lint.run({ severity: "error" });
    expect(findings.every((finding) => finding.severity === "error")).toBe(true);
    expect(counts.warning).toBeGreaterThan(0);
  });

  it("shows nothing of another organisation [T33]", async () => {
    const other = await makeOrganisation();
    expect(await codes(other)).toEqual([]);
  });

  it("names agents that know one gateway only once there are several [S3-02]", async () => {
    const other = await makeOrganisation();
    const [first, second] = [await makeGateway(other, "gw-a"), await makeGateway(other, "gw-b")];
    await db().gateway.updateMany({ where: { id: { in: [first, second] } }, data: { enrolledAt: new Date() } });
    await makePolicy(other, [await makeGroup(other, [await makeAgent(other)])], { name: "One way", gatewayId: first });
    expect(await codes(other)).toContain("warning agents-bound-to-one-name One way");
  });

  it("prints findings by object with sentence and cure, worst first, and ends with exit code 1 for an error; --json prints them all [S0-08]", async () => {
    const { key } = await org.as("owner").apiKey.create({ name: "lint", role: "auditor" });
    process.env["XDG_CONFIG_HOME"] = directory;
    process.env["SALLYPORT_URL"] = doors.url;
    process.env["SALLYPORT_API_KEY"] = key;
    const text = await sallyport("lint");
    expect(text.code).toBe(1);
    expect(text.out).toMatch(/^Virtual service Keys\n {2}\[!!\] certificate-expired \(pool\.members\[1\]\)\n {7}The certificate of member pgp02 expired/);
    expect(text.out).toMatch(/-> Renew it on pgp02\./);
    expect(text.out).toMatch(/1 error, \d+ warnings, \d+ notes?\n$/);
    expect(text.err).toContain("1 setting cannot work as it is");
    const data = await sallyport("lint", "--json");
    expect(JSON.parse(data.out)).toMatchObject({ counts: { error: 1 }, findings: expect.arrayContaining([expect.objectContaining({ code: "persistence-missing", docs: "/docs/lint#persistence-missing" })]) });
    await db().memberHealth.deleteMany();
    expect(await sallyport("lint", "--severity", "error")).toMatchObject({ code: 0, out: expect.stringMatching(/^0 errors, \d+ warnings?/) });
    expect(await sallyport("lint", "--strict")).toMatchObject({ code: 1, err: expect.stringContaining("sooner or later") });
    expect(await sallyport("lint", "--severity", "loud")).toMatchObject({ code: 2 });
    expect(await sallyport("virtual-service", "sheet", "Keys", "--format", "haproxy")).toMatchObject({ code: 0, out: expect.stringContaining("\nfrontend keys\n    bind "), err: expect.stringContaining("Tried with HAProxy") });
  });
});

describe("the plan of a change", () => {
  it("counts who carries a name that would go away [S3-22] [S3-06]", async () => {
    const other = await makeOrganisation();
    const gateway = await makeGateway(other, "gw-1");
    const agents = [await makeAgent(other), await makeAgent(other)];
    const groupId = await makeGroup(other, agents);
    await other.as("administrator").policy.create({ name: "Outside", gateways: [{ gatewayId: gateway, fqdn: "gw.example.com", port: 443, pins: ["a".repeat(64)] }], groupIds: [groupId] });
    const form = { name: "Front", stampName: "gw.example.com", serverNames: ["gw.example.com"], gatewayIds: [gateway], port: 9444 };
    const id = await createService({ ...form, pool: { name: "Front servers", members: [] } }, other);
    const saved = await other.as("auditor").virtualService.get({ id });
    const plan = (more: object) => planService(other.callerAs("auditor"), formOf({ ...form, id, version: saved.version, poolId: saved.pool.id, ...more }));
    expect((await plan({})).findings.map((finding) => finding.code)).not.toContain("service-name-changed");
    const changed = (await plan({ stampName: "new.example.com", serverNames: ["new.example.com"] })).findings.find((finding) => finding.code === "service-name-changed");
    expect(changed?.sentence).toContain("2 enrolled agents");
    expect(changed?.field).toBe("stampName");
  });

  it("dials nothing for people who may only read, and says that nobody has seen the certificate [T33]", async () => {
    const form = formOf({ name: "Keys", stampName: "keys.example.com", pool: { name: "p", members: [{ name: "pgp01", host: "127.0.0.1", port: 9 }] } });
    const plan = await planService(org.callerAs("auditor"), form);
    expect(plan.verdicts).toMatchObject([{ isKnown: false, isCovered: false, cures: [] }]);
    expect(plan.sentence).toContain("1 certificate is not known yet");
  });

  it("answers not found for another organisation's pool, certificate, gateway and service [T33]", async () => {
    const other = await makeOrganisation();
    const ca = await TestCa.root();
    const certificateId = await importCertificate(other, "c", await ca.issue({ usage: ["server"] }));
    const gatewayId = await makeGateway(other);
    const id = await createService({ name: "Theirs", port: 9445, pool: { name: "Theirs", members: [] } }, other);
    const { pool } = await other.as("auditor").virtualService.get({ id });
    for (const foreign of [{ poolId: pool.id }, { certificateIds: [certificateId] }, { gatewayIds: [gatewayId] }, { id }]) {
      await expect(planService(org.callerAs("owner"), formOf({ name: "Mine", ...foreign })), JSON.stringify(foreign)).rejects.toMatchObject({ code: "not-found" });
    }
  });
});
