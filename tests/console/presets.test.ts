import "../support/with-database.ts";
import tls from "node:tls";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { z } from "zod";
import { presetId, presetInput, serviceCreate } from "../../contract/service-objects.ts";
import { fillPreset } from "../../server/services/preset/fill.ts";
import { planService } from "../../server/services/plan/plan.ts";
import { type Issued, TestCa } from "../support/pki.ts";
import { makeGateway, makeOrganisation, type Organisation } from "./support/console.ts";
import { formOf, importCertificate } from "./support/services.ts";

let org: Organisation;
let ca: TestCa;
let issuing: TestCa;
let certificateId: string;
let gatewayId: string;
const servers: tls.Server[] = [];

beforeAll(async () => {
  org = await makeOrganisation();
  ca = await TestCa.root({ commonName: "Preset root" });
  issuing = await ca.intermediate({ commonName: "Preset issuing" });
  certificateId = await importCertificate(org, "wildcard", await issuing.issue({ commonName: "*.example.com", dns: ["*.example.com"], usage: ["server"] }));
  gatewayId = (await org.as("administrator").gateway.create({ name: "gw-front", publicNames: ["front.example.com"], listeners: [{ address: "::", port: 8443 }] })).id;
});

afterAll(() => {
  for (const server of servers) server.close();
});

const members = [{ name: "one", host: "one.example.com", port: 443 }, { name: "two", host: "two.example.com", port: 443 }];
type Input = Partial<z.input<typeof presetInput>> & { preset: z.infer<typeof presetId> };
const fill = (input: Input) => fillPreset(org.callerAs("auditor"), presetInput.parse({ name: "Service", stampName: "keys.example.com", members, gatewayIds: [gatewayId], ...input }));

async function listen(options: tls.TlsOptions): Promise<number> {
  const server = tls.createServer(options, (socket) => void socket.on("error", () => socket.destroy()).end());
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

describe("presets", () => {
  it("fill forms that are saved as they are and hold no error, with a reason for what differs from the default [S3-04]", async () => {
    for (const preset of presetId.options) {
      for (const certificateIds of [[], [certificateId]]) {
        const { service, reasons } = await fill({ preset, certificateIds: preset === "mail-proxy" || preset === "management-server" ? [] : certificateIds, name: `${preset} ${certificateIds.length}`, nextHop: "mta1.example.com", ...(preset === "mail-proxy" ? { members: [{ name: "mail1", host: "mail1.example.com", port: 587 }, { name: "mail2", host: "mail2.example.com", port: 587 }] } : {}) });
        expect(reasons.length, preset).toBeGreaterThan(2);
        const plan = await planService(org.callerAs("auditor"), formOf(service));
        expect({ preset, errors: plan.findings.filter((finding) => finding.severity === "error") }).toEqual({ preset, errors: [] });
        const { id } = await org.as("administrator").virtualService.create(serviceCreate.parse({ ...service, isEnabled: false, port: service.port }));
        expect(id).toBeTruthy();
      }
    }
  });

  it("gives PGP Encryption Server fail-over, bound sessions and the persistence that its version can bear [S3-01] [S3-33] [S3-36] [S3-37] [S3-38] [S3-39] [S3-40] [S3-41] [S3-43] [S3-64]", async () => {
    const of = async (serverVersion: string | null, decrypts: boolean) => (await fill({ preset: "pgp-encryption-server", serverVersion, certificateIds: decrypts ? [certificateId] : [] })).service;
    const plain = await of("10.5.1", false);
    expect(plain).toMatchObject({ mode: "tls-passthrough", stampName: "keys.example.com", serverNames: ["keys.example.com"], persistence: { kind: "source-address" }, pool: { scheduling: "failover", isSessionBound: true } });
    expect((await of("10.5.1", true)).persistence).toMatchObject({ kind: "cookie-follow", cookieName: "ovidCookie" });
    expect((await of("11.0", true)).persistence).toMatchObject({ kind: "cookie-follow" });
    expect((await of("10.5.0", true)).persistence).toMatchObject({ kind: "cookie-insert", exceptions: [{ use: "source-address", match: { userAgentContains: "PGP" } }] });
    expect((await of("10.4.2", true)).persistence).toMatchObject({ kind: "source-address" });
    expect((await of(null, true)).persistence).toMatchObject({ kind: "source-address" });
    const exempt = await planService(org.callerAs("auditor"), formOf(await of("10.5.0", true)));
    expect(exempt.findings.map((finding) => finding.code)).not.toContain("second-set-cookie");
  });

  it("gives Exchange one re-encrypting service, kept sessions for 2010 and none later [S2-03] [S2-10] [S2-13] [S2-14]", async () => {
    const of = async (serverVersion: string | null) => (await fill({ preset: "exchange-client-access", serverVersion, certificateIds: [certificateId] })).service;
    expect(await of("2019")).toMatchObject({ port: 443, mode: "tls-reencrypt", protocol: "http", persistence: { kind: "none" }, pool: { scheduling: "least-connections", healthCheck: { path: "/owa/healthcheck.htm" } } });
    expect(await of("15.2.1118")).toMatchObject({ persistence: { kind: "none" } });
    expect(await of("2010")).toMatchObject({ persistence: { kind: "cookie-insert" }, pool: { scheduling: "failover", isSessionBound: true } });
    expect(await of("14.3")).toMatchObject({ persistence: { kind: "cookie-insert" } });
  });

  it("gives a mail proxy the check that looks behind the banner [S3-16] [S3-17] [S3-18]", async () => {
    const { service } = await fill({ preset: "mail-proxy", nextHop: "mta1.example.com", members: [{ name: "mail1", host: "mail1.example.com", port: 25 }] });
    expect(service).toMatchObject({ mode: "tcp", port: 25, stampName: null, pool: { healthCheck: { kind: "smtp", nextHop: { host: "mta1.example.com", port: 25, takesMemberOut: false } } } });
    const without = await fill({ preset: "mail-proxy" });
    expect((await planService(org.callerAs("auditor"), formOf(without.service))).findings.map((finding) => finding.code)).toContain("smtp-check-stops-at-banner");
  });

  it("puts the organisation's other tunnel gateways behind the gateway, passing TLS through, with PROXY protocol when all of them take it [S0-01] [S0-03] [S0-12]", async () => {
    const other = await makeOrganisation();
    const api = other.as("administrator");
    const front = await makeGateway(other, "gw-front");
    const acceptProxy = { kind: "required" as const, sources: ["10.0.0.0/8"] };
    await api.gateway.create({ name: "gw-a", publicNames: ["a.example.com"], listeners: [{ address: "::", port: 8443, acceptProxy }] });
    const b = await api.gateway.create({ name: "gw-b", publicNames: ["b.example.com"], listeners: [{ address: "::", port: 8443, acceptProxy }] });
    const filled = () => fillPreset(other.callerAs("auditor"), presetInput.parse({ preset: "management-server", name: "Front", stampName: "gw.example.com", gatewayIds: [front] }));
    expect((await filled()).service).toMatchObject({ mode: "tls-passthrough", sendProxy: "v2", serverNames: ["gw.example.com"], pool: { members: [{ name: "gw-a", host: "a.example.com", port: 8443 }, { name: "gw-b", host: "b.example.com", port: 8443 }], healthCheck: { kind: "tcp" } } });
    const detail = await api.gateway.get(b);
    await api.gateway.update({ ...b, version: detail.rowVersion, name: "gw-b", publicNames: ["b.example.com"], listeners: [{ address: "::", port: 8443 }] });
    expect((await filled()).service.sendProxy).toBe("off");
  });

  it("chooses off-load for plain members, re-encrypt for TLS members, pass-through without a certificate [S2-03] [S2-04] [S3-48]", async () => {
    const of = async (port: number, certificateIds: string[]) => (await fill({ preset: "generic-https", certificateIds, members: [{ name: "app", host: "app.example.com", port }] })).service.mode;
    expect([await of(8080, [certificateId]), await of(8443, [certificateId]), await of(443, [])]).toEqual(["tls-offload", "tls-reencrypt", "tls-passthrough"]);
  });

  it("refuses a stamp that is no full name, and another organisation's gateway or certificate [S3-05] [T33]", async () => {
    await expect(fill({ preset: "generic-https", stampName: "pgp01" })).rejects.toMatchObject({ code: "input-invalid", fields: [{ path: "stampName" }] });
    const other = await makeOrganisation();
    await expect(fill({ preset: "generic-https", gatewayIds: [await makeGateway(other)] })).rejects.toMatchObject({ code: "not-found" });
    await expect(fill({ preset: "generic-https", certificateIds: [await importCertificate(other, "x", await ca.issue({ usage: ["server"] }))] })).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("looking at members' certificates", () => {
  let leaf: Issued;
  beforeAll(async () => {
    leaf = await issuing.issue({ commonName: "pgp01", dns: ["pgp01.example.com"], usage: ["server"] });
  });

  it("tells names, issuer, end, fingerprint, what is sent, and what is wrong with it [S3-56] [S3-57]", async () => {
    const whole = await listen({ cert: leaf.chainPem, key: leaf.keyPem });
    const alone = await listen({ cert: leaf.certPem, key: leaf.keyPem });
    const seen = await org.as("operator").virtualService.memberCertificates({ members: [{ name: "whole", host: "127.0.0.1", port: whole }, { name: "alone", host: "127.0.0.1", port: alone }, { name: "gone", host: "127.0.0.1", port: 1 }, { name: "nowhere", host: "nowhere.invalid", port: 443 }] });
    expect(seen).toMatchObject([
      { name: "whole", names: ["pgp01.example.com"], issuer: "CN=Preset issuing", fingerprint: leaf.fingerprint, chain: 2, problem: expect.stringContaining("not trusted") },
      { name: "alone", chain: 1, problem: expect.stringContaining("no intermediate") },
      { name: "gone", fingerprint: "", chain: 0, problem: expect.stringContaining("connection refused") },
      { name: "nowhere", problem: expect.stringContaining("does not resolve") },
    ]);
  });

  it("is asked with the server name that clients would send", async () => {
    const named = await issuing.issue({ commonName: "keys", dns: ["keys.example.com"], usage: ["server"] });
    const port = await listen({ cert: leaf.chainPem, key: leaf.keyPem, SNICallback: (name, done) => done(null, name === "keys.example.com" ? tls.createSecureContext({ cert: named.chainPem, key: named.keyPem }) : undefined) });
    const look = async (serverName: string | null) => (await org.as("operator").virtualService.memberCertificates({ members: [{ name: "m", host: "127.0.0.1", port }], serverName }))[0]?.fingerprint;
    expect([await look("keys.example.com"), await look(null)]).toEqual([named.fingerprint, leaf.fingerprint]);
  });

  it("judges each name by the certificate that the member presents to it [N5]", async () => {
    const [keys, mail] = await Promise.all(["keys", "mail"].map((name) => issuing.issue({ commonName: name, dns: [`${name}.example.com`], usage: ["server"] })));
    if (!keys || !mail) throw new Error("no certificates");
    const port = await listen({ cert: keys.chainPem, key: keys.keyPem, SNICallback: (name, done) => done(null, name === "mail.example.com" ? tls.createSecureContext({ cert: mail.chainPem, key: mail.keyPem }) : undefined) });
    const { verdicts } = await planService(org.callerAs("operator"), formOf({ name: "Both", stampName: "keys.example.com", serverNames: ["keys.example.com", "mail.example.com", "other.example.com"], pool: { name: "p", members: [{ name: "m", host: "127.0.0.1", port }] } }));
    expect(verdicts.map(({ name, isCovered }) => [name, isCovered])).toEqual([["keys.example.com", true], ["mail.example.com", true], ["other.example.com", false]]);
  });

  it("is not for auditors, who may make the console dial nothing [T33]", async () => {
    await expect(org.as("auditor").virtualService.memberCertificates({ members: [{ name: "m", host: "127.0.0.1", port: 9 }] })).rejects.toThrow();
  });

  it("predicts in the plan that a re-encrypting gateway would refuse a member, until its CA is uploaded with its intermediate or it is pinned [S3-56] [S3-57]", async () => {
    const port = await listen({ cert: leaf.certPem, key: leaf.keyPem });
    const unverifiable = async (verify: object) => {
      const { findings } = await planService(org.callerAs("operator"), formOf({ name: "Keys", mode: "tls-reencrypt", certificateIds: [certificateId], gatewayIds: [gatewayId], stampName: "keys.example.com", memberTls: { verify: verify as { kind: "off" } }, pool: { name: "p", members: [{ name: "pgp01", host: "127.0.0.1", port }] } }));
      return findings.filter((finding) => finding.code === "member-certificate-unverifiable").map((finding) => finding.sentence);
    };
    expect((await unverifiable({ kind: "anchors" }))[0]).toContain("no intermediate");
    expect((await unverifiable({ kind: "anchors", anchorsPem: [ca.certPem], name: "pgp01.example.com" }))[0]).toContain("no intermediate");
    expect((await unverifiable({ kind: "anchors", anchorsPem: [ca.certPem, issuing.certPem] }))[0]).toContain("does not cover keys.example.com");
    expect(await unverifiable({ kind: "anchors", anchorsPem: [ca.certPem, issuing.certPem], name: "pgp01.example.com" })).toEqual([]);
    expect(await unverifiable({ kind: "pinned", fingerprints: [leaf.fingerprint] })).toEqual([]);
    expect((await unverifiable({ kind: "pinned", fingerprints: ["b".repeat(64)] }))[0]).toContain("none of the pinned");
  });
});
