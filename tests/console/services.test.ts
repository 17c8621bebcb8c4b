/** Virtual services and pools through the console's procedures: from a pool to what a gateway is told. */
import "../support/with-database.ts";
import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { db } from "../../server/db.ts";
import { buildSnapshots } from "../../server/services/snapshot/build.ts";
import { type Api, expectRefusal, makeGateway, makeOrganisation, type Organisation } from "./support/console.ts";

let org: Organisation;
let api: Api;
let gateway: string;
let count = 0;

beforeAll(async () => {
  org = await makeOrganisation();
  api = org.as("administrator");
  gateway = await makeGateway(org);
});

const named = (what: string) => `${what} ${(count += 1)}`;
const members = (...weights: number[]) => weights.map((weight, index) => ({ name: `mail${index + 1}`, host: `mail${index + 1}.corp.example`, port: 443, weight }));

async function snapshotOf(id: string) {
  const built = (await buildSnapshots(db(), org.id, [id])).get(id);
  if (!built || built instanceof Error) throw new Error("no snapshot", { cause: built });
  return built;
}

const revisionOf = async (id: string) => (await db().gateway.findUniqueOrThrow({ where: { id }, select: { revision: true } })).revision;

describe("a virtual service", () => {
  it("is one object made in one step with its pool, and on the gateway's next snapshot at once [S2-10] [S2-13] [S2-14] [S2-15]", async () => {
    const before = await revisionOf(gateway);
    const { id } = await api.virtualService.create({ name: named("Mail"), address: "::", port: 8443, serverNames: ["Mail.Example.COM."], stampName: "mail.example.com", gatewayIds: [gateway], pool: { name: named("Mail pool"), isSessionBound: true, members: members(1, 1) } });
    expect(await revisionOf(gateway)).toBe(before + 1);
    const detail = await api.virtualService.get({ id });
    expect(detail).toMatchObject({ port: 8443, serverNames: ["mail.example.com"], mode: "tls-passthrough", protocol: "tcp", memberCount: 2, state: "unknown", gatewayIds: [gateway], limits: {}, version: 0 });
    expect(detail.poolDetail.members.map((member) => member.share)).toEqual([1, 0]);
    const built = await snapshotOf(gateway);
    expect(built.virtualServices).toEqual([expect.objectContaining({ id, port: 8443, poolId: detail.pool.id, certificates: [], algorithms: "standard" })]);
    expect(Buffer.from(built.virtualServices[0]?.persistenceKey ?? "", "base64").length).toBe(32);
    expect(built.pools).toEqual([expect.objectContaining({ id: detail.pool.id, scheduling: "failover", isSessionBound: true })]);
    expect(built.pools[0]?.members.map((member) => ({ id: member.id, host: member.host }))).toEqual(detail.poolDetail.members.map((member) => ({ id: member.id, host: member.host })));
    expect((await api.virtualService.list({ search: "mail.example" })).rows.map((row) => row.id)).toEqual([id]);
    await expectRefusal(api.virtualService.remove({ id }), "confirmation-missing");
    await api.virtualService.remove({ id, confirmName: detail.name });
    expect((await snapshotOf(gateway)).virtualServices).toEqual([]);
    await api.pool.remove({ id: detail.pool.id });
    await expectRefusal(api.pool.get({ id: detail.pool.id }), "not-found");
    await expectRefusal(api.pool.get({ id: randomUUID() }), "not-found");
  });

  it("reaches the gateway with every setting as it was made, certificates in their order, and again after a change [S2-06] [S2-19] [S3-43]", async () => {
    const own = (await api.gateway.create({ name: named("Edge"), publicNames: ["edge.example.com"], listeners: [{ port: 443, acceptProxy: { kind: "required", sources: ["10.0.0.0/8"] } }] })).id;
    const certificates = await Promise.all(["first", "second"].map(async (name) => (await api.certificate.issueForService({ name: named(name), names: [`${name}.example.com`] })).id));
    const settings = {
      name: named("Everything"), isEnabled: true, address: "10.0.0.5", port: 8443, serverNames: ["first.example.com", "*.second.example.com"], takesNoName: true, takesUnknownNames: true, mode: "tls-reencrypt", protocol: "http", stampName: "first.example.com",
      persistence: { kind: "cookie-insert", cookieName: "node", lifetimeSeconds: 600, sameSite: "strict", endsWithCookie: "JSESSIONID", exceptions: [{ name: "enrolment", match: { pathPrefix: "/enrol", userAgentContains: "PGP Desktop/", versionBelow: "10.5.1" }, use: "cookie-prefix", cookieName: "JSESSIONID" }] },
      clientCertificate: { demand: "optional", anchorsPem: ["anchor"], forwards: true }, memberTls: { verify: { kind: "pinned", fingerprints: ["c".repeat(64)] }, serverName: { kind: "fixed", name: "inside.example.com" } },
      memberHost: { kind: "member" }, memberHttp: "2", forwardedHeaders: "both", acceptProxy: { kind: "required", sources: ["10.1.0.0/16"] }, sendProxy: "v2",
    } as const;
    const pool = {
      name: named("Everything pool"), scheduling: "weighted-round-robin", failsBack: false, isSessionBound: true, passiveCheck: null,
      healthCheck: { kind: "http", intervalMs: 7_000, timeoutMs: 2_000, rise: 1, fall: 2, jitterPercent: 5, port: 8080, verify: "off", anchorsPem: [], serverName: "inside.example.com", daysLeftMin: 5, isTls: true, method: "HEAD", path: "/up", hostHeader: "inside.example.com", statusFrom: 200, statusTo: 204, bodyContains: null },
      members: [{ name: "a", host: "a.corp.example", port: 8443, weight: 10, maxConnections: 50, state: "enabled" }, { name: "b", host: "2001:db8:0:0:0:0:0:5", port: 443, weight: 0, maxConnections: null, state: "drain" }],
    } as const;
    const { serverNames, persistence, ...rest } = settings;
    const made = { ...rest, serverNames: [...serverNames], persistence: { ...persistence, exceptions: [...persistence.exceptions] } };
    const input = { ...made, clientCertificate: { ...made.clientCertificate, anchorsPem: ["anchor"] }, memberTls: { ...made.memberTls, verify: { kind: "pinned" as const, fingerprints: ["c".repeat(64)] } }, acceptProxy: { kind: "required" as const, sources: ["10.1.0.0/16"] } };
    const { id } = await api.virtualService.create({ ...input, gatewayIds: [own], certificateIds: certificates, limits: { idleTimeoutMs: 60_000 }, pool: { ...pool, healthCheck: { ...pool.healthCheck, anchorsPem: [] }, members: [...pool.members] } });
    const built = await snapshotOf(own);
    expect(built.format).toBe(3);
    expect(built.listeners[0]?.acceptProxy).toEqual({ kind: "required", sources: ["10.0.0.0/8"] });
    expect(built.virtualServices[0]).toMatchObject(settings);
    expect(built.virtualServices[0]?.limits).toMatchObject({ idleTimeoutMs: 60_000, handshakeTimeoutMs: 8_000 });
    expect(built.pools[0]).toMatchObject(pool);
    const detail = await api.virtualService.get({ id });
    expect(detail).toMatchObject(settings);
    expect(built.virtualServices[0]?.certificates.map((certificate) => certificate.fingerprint)).toEqual(detail.certificates.map((certificate) => certificate.fingerprint));
    await api.virtualService.update({ ...input, id, version: 0, poolId: detail.pool.id, gatewayIds: [own], certificateIds: certificates.toReversed() });
    expect((await snapshotOf(own)).virtualServices[0]?.certificates.map((certificate) => certificate.fingerprint)).toEqual(detail.certificates.map((certificate) => certificate.fingerprint).toReversed());
  });
});
