/** Settings that hurt are refused with a code and a sentence, whichever side they are written from (N7, S2-02, S0-03). */
import "../support/with-database.ts";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { db } from "../../server/db.ts";
import { type Api, expectRefusal, makeOrganisation, type Organisation } from "./support/console.ts";

let org: Organisation;
let api: Api;
let certificate: string;
let count = 0;

beforeAll(async () => {
  org = await makeOrganisation();
  api = org.as("administrator");
  certificate = (await api.certificate.issueForService({ name: "Services", names: ["mail.example.com", "*.example.com"] })).id;
});

beforeEach(() => {
  count += 1;
});

const named = (what: string) => `${what} ${count}`;
const member = (host: string, port = 443) => ({ name: host.slice(0, 40), host, port });
const gatewayWith = async (publicName: string, more: Partial<Parameters<Api["gateway"]["create"]>[0]> = {}) => (await api.gateway.create({ name: `Gateway ${publicName}`, publicNames: [publicName], ...more })).id;
const pool = (...hosts: string[]) => ({ name: named("Pool"), members: (hosts.length === 0 ? ["mail1.corp.example"] : hosts).map((host) => member(host)) });
const service = (more: Partial<Parameters<Api["virtualService"]["create"]>[0]> = {}) => ({ name: named("Service"), port: 9443, serverNames: ["mail.example.com"], ...(more.poolId === undefined ? { pool: pool() } : {}), ...more });
const rowsOf = async () => [await db().pool.count({ where: { organisationId: org.id } }), await db().virtualService.count({ where: { organisationId: org.id } }), await db().auditEvent.count({ where: { organisationId: org.id } })];

describe("balancing", () => {
  it("starts with fail-over, as the aim is availability [S3-33] [S3-61] [S3-63] [S3-64]", async () => {
    const { id } = await api.pool.create({ name: named("Pool"), members: [member("a.corp.example"), member("b.corp.example")] });
    const detail = await api.pool.get({ id });
    expect(detail).toMatchObject({ scheduling: "failover", failsBack: true });
    expect(detail.members.map((row) => row.share)).toEqual([1, 0]);
  });

  it("refuses plain round robin for a session-bound pool, names it, says why, and offers the others best first [N7] [S3-32] [S3-60] [S3-63] [S3-70]", async () => {
    const before = await rowsOf();
    const refused = await expectRefusal(api.pool.create({ name: "Mail pool", scheduling: "round-robin", isSessionBound: true }), "round-robin-session-bound");
    expect(refused.message).toContain('Pool "Mail pool" is session-bound');
    expect(refused.message).toContain("in the middle of its session");
    expect(refused.message).toMatch(/failover.*first-alive.*weighted-round-robin.*least-connections.*source-hash/);
    expect(refused.message).not.toContain("(round-robin)");
    expect(refused.fields[0]?.path).toBe("scheduling");
    const inService = await expectRefusal(api.virtualService.create(service({ pool: { ...pool(), scheduling: "round-robin", isSessionBound: true } })), "round-robin-session-bound");
    expect(inService.fields[0]?.path).toBe("pool.scheduling");
    expect(await rowsOf()).toEqual(before);
    const { id } = await api.pool.create({ name: named("Pool"), scheduling: "round-robin" });
    await expectRefusal(api.pool.update({ id, version: 0, name: named("Pool"), scheduling: "round-robin", isSessionBound: true }), "round-robin-session-bound");
  });

  it("shows the expected share before anything is saved: a weight of 10 gets ten times a weight of 1 [S3-67] [S3-68] [S3-69]", async () => {
    const states = [{ weight: 10, state: "enabled" }, { weight: 1, state: "enabled" }, { weight: 5, state: "drain" }] as const;
    const reply = await org.as("auditor").pool.shares({ scheduling: "weighted-round-robin", members: [...states] });
    expect(reply.shares).toEqual([10 / 11, 1 / 11, 0]);
    expect(reply.sentence).toBe("With weighted round robin, while all enabled members are up: member 1 90.9 %, member 2 9.1 %.");
    expect((await api.pool.shares({ scheduling: "first-alive", members: [...states] })).shares).toEqual([1, 0, 0]);
    expect((await api.pool.shares({ scheduling: "failover", members: [] })).sentence).toBe("The pool has no members.");
  });

  it("takes weights from 0 to 256, and each member and name once [S3-68]", async () => {
    await expectRefusal(api.pool.create({ name: named("Pool"), members: [{ ...member("a.example"), weight: 257 }] }), "input-invalid");
    await expectRefusal(api.pool.create({ name: named("Pool"), members: [member("a.example"), { ...member("a.example"), name: "b" }] }), "input-invalid");
    await expectRefusal(api.pool.create({ name: named("Pool"), members: [member("a.example"), { ...member("b.example"), name: "A.example" }] }), "input-invalid");
  });
});

describe("modes", () => {
  it("refuses HTTP where nothing is decrypted, and cookies where no HTTP is read [S2-02]", async () => {
    const http = await expectRefusal(api.virtualService.create(service({ protocol: "http" })), "http-needs-decryption");
    expect(http.message).toContain("tls-offload");
    for (const [mode, certificateIds] of [["tls-passthrough", []], ["tcp", []], ["tls-offload", [certificate]]] as const) {
      const cookies = await expectRefusal(api.virtualService.create(service({ mode, certificateIds: [...certificateIds], persistence: { kind: "cookie-insert" } })), "persistence-needs-http");
      expect(cookies.message).toContain("HTTP");
      expect(cookies.fields[0]?.path).toBe("persistence");
    }
    await api.virtualService.create(service({ mode: "tls-reencrypt", protocol: "http", certificateIds: [certificate], persistence: { kind: "cookie-insert" } }));
  });

  it("lets the persistence be chosen per service [S3-35] [S3-36] [S3-41] [S3-42] [S3-43]", async () => {
    const gateway = await gatewayWith("persistence.example.com");
    const kinds = [{ kind: "none" }, { kind: "cookie-insert" }, { kind: "cookie-prefix", cookieName: "JSESSIONID" }, { kind: "cookie-follow" }, { kind: "source-address" }, { kind: "duration", seconds: 60 }] as const;
    for (const [index, persistence] of kinds.entries()) {
      const { id } = await api.virtualService.create(service({ name: `${named("Service")} ${persistence.kind}`, pool: { ...pool(), name: `${named("Pool")} ${persistence.kind}` }, port: 9500 + index, mode: "tls-offload", protocol: "http", certificateIds: [certificate], persistence, gatewayIds: [gateway] }));
      expect((await api.virtualService.get({ id })).persistence.kind).toBe(persistence.kind);
    }
  });

  it("ends TLS only with a certificate that has its key, and is valid [S2-06] [S3-30]", async () => {
    await expectRefusal(api.virtualService.create(service({ mode: "tls-offload" })), "service-certificate-missing");
    const keyless = await db().certificate.create({ data: { organisationId: org.id, purpose: "imported", name: named("Keyless"), subject: "CN=keyless", names: [], issuer: "CN=x", serial: "1", keyType: "EC P-256", fingerprint: "a".repeat(64), thumbprintSha1: "a".repeat(40), publicKeySha256: "a".repeat(64), notBefore: new Date(), notAfter: new Date(Date.now() + 1e9), pem: "", chainPem: "" } });
    const refused = await expectRefusal(api.virtualService.create(service({ mode: "tls-offload", certificateIds: [keyless.id] })), "certificate-not-usable");
    expect(refused.message).toContain("private key is not here");
    const ca = await db().certificate.findFirstOrThrow({ where: { organisationId: org.id, purpose: "issuing-ca" } });
    await expectRefusal(api.virtualService.create(service({ mode: "tls-offload", certificateIds: [ca.id] })), "certificate-not-usable");
    await db().certificate.update({ where: { id: keyless.id }, data: { sealedKey: new Uint8Array([1]), notAfter: new Date(Date.now() - 1000) } });
    expect((await expectRefusal(api.virtualService.create(service({ mode: "tls-offload", certificateIds: [certificate, keyless.id] })), "certificate-not-usable")).fields[0]?.path).toBe("certificateIds.1");
  });
});

describe("addresses and ports", () => {
  it("are shared by services whose names tell them apart, and by nobody else; a service that is off takes none", async () => {
    const gateway = await gatewayWith("fronts.example.com");
    await api.virtualService.create(service({ name: "First", pool: { ...pool(), name: "First pool" }, gatewayIds: [gateway] }));
    const taken = await expectRefusal(api.virtualService.create(service({ gatewayIds: [gateway] })), "service-name-taken");
    expect(taken.message).toBe(`Service "${named("Service")}" cannot use [::]:9443 on gateway "Gateway fronts.example.com": service "First" takes clients that ask for mail.example.com already.`);
    expect((await expectRefusal(api.virtualService.create(service({ gatewayIds: [gateway], address: "10.0.0.5", serverNames: ["two.example.com"] })), "listener-taken")).message).toContain("covers the other");
    await expectRefusal(api.virtualService.create(service({ gatewayIds: [gateway], mode: "tcp", serverNames: [] })), "listener-taken");
    const { id } = await api.virtualService.create(service({ gatewayIds: [gateway], isEnabled: false }));
    await expectRefusal(api.virtualService.setEnabled({ id, isEnabled: true, version: 0 }), "service-name-taken");
    await api.virtualService.create(service({ name: "Second", pool: { ...pool(), name: "Second pool" }, gatewayIds: [gateway], serverNames: ["two.example.com"] }));
  });

  it("of a tunnel listener are nobody else's, from the service's side and from the gateway's", async () => {
    const gateway = await gatewayWith("tunnels.example.com");
    const taken = await expectRefusal(api.virtualService.create(service({ gatewayIds: [gateway], port: 443 })), "listener-taken");
    expect(taken.message).toContain("[::]:443 is a tunnel listener");
    await api.virtualService.create(service({ name: named("Beside"), gatewayIds: [gateway], port: 8443 }));
    const refused = await expectRefusal(api.gateway.update({ id: gateway, version: 0, name: "Gateway tunnels.example.com", publicNames: ["tunnels.example.com"], listeners: [{ port: 443 }, { address: "10.0.0.5", port: 8443 }] }), "listener-taken");
    expect(refused.fields[0]?.path).toBe("listeners.1.port");
    expect(refused.message).toContain(named("Beside"));
    await api.gateway.update({ id: gateway, version: 0, name: "Gateway tunnels.example.com", publicNames: ["tunnels.example.com"], listeners: [{ port: 443, acceptProxy: { kind: "required", sources: ["10.0.0.0/8"] } }, { port: 8444 }] });
    expect((await api.gateway.get({ id: gateway })).listeners[0]?.acceptProxy).toEqual({ kind: "required", sources: ["10.0.0.0/8"] });
  });
});

describe("decryption in front of a tunnel listener", () => {
  it("is refused by public name, by listener address and from inside the same machine; pass-through is not [S0-03]", async () => {
    const gateway = await gatewayWith("tunnel.example.com", { publicPort: 8443, listeners: [{ address: "10.7.7.7", port: 4433 }, { address: "::", port: 4434 }] });
    const other = await gatewayWith("other.example.com");
    const through = (host: string, port: number, more: Partial<Parameters<Api["virtualService"]["create"]>[0]> = {}) => api.virtualService.create(service({ gatewayIds: [gateway], mode: "tls-reencrypt", certificateIds: [certificate], pool: { ...pool(), members: [member(host, port)] }, ...more }));
    const refused = await expectRefusal(through("Tunnel.example.com", 8443), "decryption-before-tunnel");
    expect(refused.message).toContain('is a tunnel listener of gateway "Gateway tunnel.example.com"');
    expect(refused.message).toContain("tls-passthrough");
    await expectRefusal(through("10.7.7.7", 4433), "decryption-before-tunnel");
    await expectRefusal(through("localhost", 4434), "decryption-before-tunnel");
    await expectRefusal(through("127.0.0.1", 4434, { mode: "tcp", protocol: "http", certificateIds: [] }), "decryption-before-tunnel");
    await through("10.7.7.7", 4433, { name: named("Pass"), mode: "tls-passthrough" });
    await through("127.0.0.1", 4434, { name: named("Elsewhere"), pool: { name: named("Elsewhere"), members: [member("127.0.0.1", 4434)] }, gatewayIds: [other] });
  });

  it("is refused from the pool's side and from the gateway's side, too [S0-03]", async () => {
    const poolId = (await api.pool.create({ name: named("Pool"), members: [member("behind.example.com", 7443)] })).id;
    const { id } = await api.virtualService.create(service({ poolId, mode: "tls-offload", certificateIds: [certificate] }));
    await expectRefusal(api.gateway.create({ name: named("Gateway"), publicNames: ["behind.example.com"], publicPort: 7443 }), "decryption-before-tunnel");
    const gateway = await gatewayWith("late.example.com", { publicPort: 7443 });
    await expectRefusal(api.gateway.update({ id: gateway, version: 0, name: "Gateway late.example.com", publicNames: ["late.example.com", "behind.example.com"], publicPort: 7443 }), "decryption-before-tunnel");
    const refused = await expectRefusal(api.pool.update({ id: poolId, version: 0, name: named("Pool"), members: [member("late.example.com", 7443)] }), "decryption-before-tunnel");
    expect(refused.fields[0]?.path).toBe("members");
    const passing = { name: named("Service"), port: 9443, poolId, mode: "tls-passthrough" } as const;
    await api.virtualService.update({ id, version: 0, ...passing });
    await api.pool.update({ id: poolId, version: 0, name: named("Pool"), members: [member("late.example.com", 7443)] });
    expect((await expectRefusal(api.virtualService.update({ id, version: 1, ...passing, mode: "tls-offload", certificateIds: [certificate] }), "decryption-before-tunnel")).fields[0]?.path).toBe("mode");
  });
});

describe("names and references", () => {
  it("are unique per kind, and a refused service leaves no pool behind", async () => {
    await api.virtualService.create(service({ name: named("Twice") }));
    const before = await rowsOf();
    await expectRefusal(api.virtualService.create(service({ name: named("TWICE"), pool: { name: named("Fresh") } })), "name-taken");
    expect((await expectRefusal(api.virtualService.create(service({ name: named("Other"), pool: { name: named("POOL") } })), "name-taken")).fields[0]?.path).toBe("pool.name");
    expect(await rowsOf()).toEqual(before);
  });

  it("point into this organisation only [T33]", async () => {
    const { id, ...own } = await ownService();
    const foreign = await makeOrganisation();
    const theirs = foreign.as("administrator");
    const gateway = (await theirs.gateway.create({ name: "Foreign" })).id;
    const foreignPool = (await theirs.pool.create({ name: "Foreign", members: [member("a.example")] })).id;
    const foreignMember = (await theirs.pool.get({ id: foreignPool })).members[0]?.id ?? "";
    const foreignCertificate = (await theirs.certificate.issueForService({ name: "Foreign", names: ["x.example"] })).id;
    await expectRefusal(api.virtualService.update({ id, version: 0, ...own, gatewayIds: [gateway] }), "not-found");
    await expectRefusal(api.virtualService.update({ id, version: 0, ...own, poolId: foreignPool }), "not-found");
    await expectRefusal(api.virtualService.update({ id, version: 0, ...own, certificateIds: [foreignCertificate] }), "not-found");
    await expectRefusal(api.pool.update({ id: own.poolId, version: 0, name: named("Pool"), members: [{ ...member("a.example"), id: foreignMember }] }), "not-found");
    await expectRefusal(api.pool.setMemberState({ poolId: own.poolId, memberId: foreignMember, state: "disabled" }), "not-found");
  });
});

async function ownService() {
  const poolId = (await api.pool.create(pool())).id;
  const settings = { name: named("Service"), port: 9443, poolId };
  return { ...(await api.virtualService.create(settings)), ...settings };
}
