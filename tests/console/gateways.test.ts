import "../support/with-database.ts";
import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { gatewayState } from "../../contract/states.ts";
import { db } from "../../server/db.ts";
import { gatewayStateColumns, gatewayStateOf } from "../../server/services/gateway/state.ts";
import { expectRefusal, makeAgent, makeGateway, makeGroup, makeOrganisation, makePolicy, type Organisation } from "./support/console.ts";

let org: Organisation;
beforeAll(async () => {
  org = await makeOrganisation();
});

const listener = (port: number, mode: object = { kind: "connect" }) => ({ address: "0.0.0.0", port, mode, limits: {} }) as never;

describe("gateways", () => {
  it("takes listen address and port, public names and port, certificate kind and limits [S1-27] [S1-29]", async () => {
    const { id } = await org.as("administrator").gateway.create({ name: "DMZ 1", publicNames: ["gw.example.com", "203.0.113.7"], publicPort: 443, listeners: [{ address: "0.0.0.0", port: 4433, limits: { connectionsMax: 1000 } }], certificate: { kind: "ca-issued", keyType: "rsa-2048" }, isBehindLoadBalancer: true });
    const gateway = await org.as("auditor").gateway.get({ id });
    expect(gateway).toMatchObject({ state: "waiting", publicNames: ["gw.example.com", "203.0.113.7"], listeners: [{ address: "0.0.0.0", port: 4433, mode: { kind: "connect" }, limits: { connectionsMax: 1000 } }], certificate: { kind: "ca-issued", keyType: "rsa-2048" }, isBehindLoadBalancer: true });
  });

  it("lists any number of gateways with any number of servers [S1-04] [S1-15]", async () => {
    const other = await makeOrganisation();
    const servers: string[] = [];
    for (let index = 0; index < 12; index += 1) servers.push((await other.as("administrator").server.create({ name: `Depot ${index}`, kind: "site", names: [`depot-${index}.example.com`] })).id);
    for (let index = 0; index < 30; index += 1) await other.as("administrator").gateway.create({ name: `Gateway ${String(index).padStart(2, "0")}`, serverIds: servers });
    const { rows, total } = await other.as("auditor").gateway.list({ pageSize: 25, desc: true });
    expect([total, rows.length, rows[0]?.name, rows[0]?.serverCount]).toEqual([30, 25, "Gateway 29", 12]);
  });

  it("shows, sorts and filters the five states alike in rows and in the database", async () => {
    const other = await makeOrganisation();
    const now = new Date();
    const base = { enrolledAt: now, connectedSince: now, lastSeenAt: now, appliedRevision: 1 };
    const wanted: Record<string, object> = {
      waiting: {}, connected: base, "refused-snapshot": { ...base, refusedRevision: 2 }, draining: { ...base, status: { isDraining: true } }, disconnected: { ...base, connectedSince: null },
      "silent (disconnected)": { ...base, lastSeenAt: new Date(now.getTime() - 120_000) },
    };
    for (const [name, columns] of Object.entries(wanted)) await db().gateway.update({ where: { id: await makeGateway(other, name) }, data: columns });
    const { rows } = await other.as("auditor").gateway.list({ sort: "state" });
    expect(rows.map((row) => row.state)).toEqual(["waiting", "connected", "refused-snapshot", "draining", "disconnected", "disconnected"]);
    const stored = await db().gateway.findMany({ where: { organisationId: other.id }, select: { id: true, ...gatewayStateColumns } });
    for (const row of stored) expect(rows.find((shown) => shown.id === row.id)?.state).toBe(gatewayStateOf(row));
    for (const state of gatewayState.options) expect((await other.as("auditor").gateway.list({ state })).total).toBe(rows.filter((row) => row.state === state).length);
  });

  it("refuses two listeners on one address and port, and a direct listener to a server or port that is not assigned", async () => {
    const server = await org.as("administrator").server.create({ name: "Direct", kind: "site", names: ["direct.example.com"], ports: [9000] });
    await expectRefusal(org.as("administrator").gateway.create({ name: "Twice", listeners: [listener(4433), listener(4433)] }), "input-invalid");
    await expectRefusal(org.as("administrator").gateway.create({ name: "Unassigned", listeners: [listener(4433, { kind: "direct", serverId: server.id, port: 9000 })] }), "input-invalid");
    await expectRefusal(org.as("administrator").gateway.create({ name: "Wrong port", serverIds: [server.id], listeners: [listener(4433, { kind: "direct", serverId: server.id, port: 9001 })] }), "input-invalid");
    await org.as("administrator").gateway.create({ name: "Right", serverIds: [server.id], listeners: [listener(4433, { kind: "direct", serverId: server.id, port: 9000 })] });
  });

  it("refuses a certificate that has no key, is expired or was not imported, and says why [S1-30]", async () => {
    const now = Date.now();
    const certificate = (columns: object) => db().certificate.create({ data: { organisationId: org.id, purpose: "imported", subject: "CN=third party", names: [], issuer: "CN=x", serial: "1", keyType: "EC P-256", fingerprint: randomUUID(), thumbprintSha1: "", publicKeySha256: "", notBefore: new Date(now), notAfter: new Date(now + 86_400_000), pem: "", chainPem: "", sealedKey: new Uint8Array([1]), ...columns } });
    const attempt = async (columns: object) => org.as("administrator").gateway.create({ name: `With ${randomUUID()}`, certificate: { kind: "imported", certificateId: (await certificate(columns)).id } });
    expect((await expectRefusal(attempt({ sealedKey: null }), "certificate-not-usable")).message).toContain("private key");
    expect((await expectRefusal(attempt({ notAfter: new Date(now - 1) }), "certificate-not-usable")).message).toContain("expired");
    expect((await expectRefusal(attempt({ purpose: "agent" }), "certificate-not-usable")).message).toContain("not imported");
    await attempt({});
  });

  it("keeps a listener's row when its address and port stay, and asks for a new certificate only when another kind is chosen", async () => {
    const id = await makeGateway(org, "Steady");
    const before = await org.as("auditor").gateway.get({ id });
    const edit = { id, name: "Steady", publicNames: ["steady.example.com"], listeners: [{ address: "::", port: 443, mode: { kind: "connect" as const }, limits: {} }, { address: "::", port: 8443, mode: { kind: "connect" as const }, limits: {} }] };
    await org.as("administrator").gateway.update({ ...edit, version: 0 });
    const after = await org.as("auditor").gateway.get({ id });
    expect(after.listeners.map((entry) => entry.id)).toContain(before.listeners[0]?.id);
    expect(after.revision).toBe(before.revision + 1);
    expect((await db().gateway.findUniqueOrThrow({ where: { id } })).certificateGeneration).toBe(1);
    await org.as("administrator").gateway.update({ ...edit, version: 1, certificate: { kind: "ca-issued" } });
    expect((await db().gateway.findUniqueOrThrow({ where: { id } })).certificateGeneration).toBe(2);
    await org.as("administrator").gateway.renewCertificate({ id });
    expect((await db().gateway.findUniqueOrThrow({ where: { id } })).certificateGeneration).toBe(3);
  });

  it("does not let a gateway that policies use be deleted; free of them it goes", async () => {
    const id = await makeGateway(org, "Used");
    const policy = await makePolicy(org, [await makeGroup(org, [await makeAgent(org)])], { gatewayId: id, name: "Uses it" });
    expect((await expectRefusal(org.as("administrator").gateway.remove({ id, confirmName: "Used" }), "in-use")).message).toContain("Uses it");
    expect(await org.as("auditor").gateway.impact({ id })).toMatchObject({ agentsAffected: 1 });
    await org.as("administrator").policy.remove({ id: policy, confirmName: "Uses it" });
    await org.as("administrator").gateway.remove({ id });
  });

  it("is no peer of the others from the moment it is deleted", async () => {
    const inside = (name: string) => ({ address: "10.1.0.9", names: [`${name.toLowerCase()}.corp.example`] });
    const [stays, goes] = await Promise.all(["Stays", "Goes"].map((name) => org.as("administrator").gateway.create({ name, publicNames: [`${name.toLowerCase()}.example.com`], inside: inside(name) })));
    if (!stays || !goes) throw new Error("two gateways were made");
    const revision = async () => (await db().gateway.findUniqueOrThrow({ where: { id: stays.id } })).revision;
    const before = await revision();
    await org.as("administrator").gateway.remove({ id: goes.id });
    expect(await revision()).toBeGreaterThan(before);
  });

  it("shows the log lines that a gateway forwarded, newest first [S1-49]", async () => {
    const id = await makeGateway(org, "Talking");
    for (const minute of [1, 2, 3]) await db().gatewayLog.create({ data: { gatewayId: id, at: new Date(2026, 0, 1, 0, minute), level: "warn", message: `line ${minute}`, fields: { connectionId: "c" } } });
    const { rows, total } = await org.as("auditor").gateway.logs({ id });
    expect([total, ...rows.map((row) => row.message)]).toEqual([3, "line 3", "line 2", "line 1"]);
  });

  it("lets two writers of one organisation go one after another instead of into a deadlock", async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, (_unused, index) => makeGateway(org, `Racing ${index}`)));
    const renames = ids.flatMap((id) => [org.as("administrator").gateway.renewCertificate({ id }), makePolicy(org, [], { gatewayId: id })]);
    await expect(Promise.all(renames)).resolves.toHaveLength(12);
  });
});
