/** What we issue, judged by a stranger: openssl, strictly. EC and RSA authorities alike. */
import { X509Certificate } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCertificate } from "../../server/pki/certificate-facts.ts";
import { issueCertificate, lifetimeMs, type Profile, randomSerial, validity } from "../../server/pki/issue.ts";
import { generateKey, type KeyType } from "../../server/pki/keys.ts";
import { hasOpenssl, openssl } from "../support/openssl.ts";

const now = new Date("2026-11-20T12:00:00.500Z");
const identityUri = "spiffe://sallyport.internal/org/00000000-0000-4000-8000-000000000001/agent/00000000-0000-4000-8000-000000000002";
const clients: Profile[] = ["agent", "gateway-control", "bundle", "probe"];
const servers: Profile[] = ["gateway-listener", "agent-site", "control", "site-server", "service"];

type Authority = { folder: string; issuer: { certPem: string; keyPem: string }; rootPem: string };

async function authority(keyType: KeyType): Promise<Authority> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-chain-"));
  const [root, issuing] = await Promise.all([generateKey(keyType), generateKey(keyType)]);
  const rootPem = await issueCertificate({ issuer: null, selfKeyPem: root.keyPem, publicKey: root.publicKey, profile: "root-ca", subject: { commonName: "Müller & Söhne root CA", organisation: "Müller & Söhne" }, ...validity("root-ca", now) });
  const issuingPem = await issueCertificate({ issuer: { certPem: rootPem, keyPem: root.keyPem }, publicKey: issuing.publicKey, profile: "issuing-ca", subject: { commonName: "issuing", organisation: "Müller & Söhne" }, ...validity("issuing-ca", now) });
  fs.writeFileSync(path.join(folder, "root.pem"), rootPem);
  fs.writeFileSync(path.join(folder, "issuing.pem"), issuingPem);
  return { folder, issuer: { certPem: issuingPem, keyPem: issuing.keyPem }, rootPem };
}

describe.each<[string, KeyType, KeyType]>([["EC P-256", "ec-p256", "ec-p256"], ["EC P-384 with RSA leaves", "ec-p384", "rsa-2048"], ["RSA with EC leaves", "rsa-2048", "ec-p256"]])("a chain of %s", (_name, caKey, leafKey) => {
  let ca: Authority;
  beforeAll(async () => {
    ca = await authority(caKey);
  });
  afterAll(() => fs.rmSync(ca.folder, { recursive: true, force: true }));

  async function issue(profile: Profile, more: { dnsNames?: string[]; identityUri?: string } = {}): Promise<string> {
    const pair = await generateKey(leafKey);
    const pem = await issueCertificate({ issuer: ca.issuer, publicKey: pair.publicKey, profile, subject: { commonName: profile, organisation: "Müller & Söhne" }, ...validity(profile, now), ...more });
    fs.writeFileSync(path.join(ca.folder, `${profile}.pem`), pem);
    return pem;
  }

  const verify = (profile: string, ...more: string[]) => openssl(ca.folder, "verify", "-x509_strict", "-attime", String(Math.floor(now.getTime() / 1000)), "-CAfile", "root.pem", "-untrusted", "issuing.pem", ...more, `${profile}.pem`);

  it.skipIf(!hasOpenssl)("is accepted by openssl under -x509_strict for its purpose and refused for the other [T15]", async () => {
    for (const profile of clients) {
      await issue(profile, { identityUri });
      expect(verify(profile, "-purpose", "sslclient")).toContain("OK");
      expect(() => verify(profile, "-purpose", "sslserver")).toThrow(/purpose/);
    }
    for (const profile of servers) {
      await issue(profile, { dnsNames: ["gw.example.com", "10.1.2.3", "2001:db8::10"] });
      expect(verify(profile, "-purpose", "sslserver", "-verify_hostname", "gw.example.com")).toContain("OK");
      expect(verify(profile, "-purpose", "sslserver", "-verify_ip", "2001:db8::10")).toContain("OK");
      expect(() => verify(profile, "-purpose", "sslclient")).toThrow(/purpose/);
    }
    await issue("signer");
    expect(verify("signer")).toContain("OK");
  });

  it.skipIf(!hasOpenssl)("ends at the issuing CA: it may sign no further CA [T15]", async () => {
    const sub = await generateKey("ec-p256");
    const subPem = await issueCertificate({ issuer: ca.issuer, publicKey: sub.publicKey, profile: "issuing-ca", subject: { commonName: "rogue", organisation: "x" }, ...validity("issuing-ca", now) });
    const leaf = await generateKey("ec-p256");
    const leafPem = await issueCertificate({ issuer: { certPem: subPem, keyPem: sub.keyPem }, publicKey: leaf.publicKey, profile: "agent", subject: { commonName: "leaf", organisation: "x" }, identityUri, ...validity("agent", now) });
    fs.writeFileSync(path.join(ca.folder, "sub.pem"), subPem);
    fs.writeFileSync(path.join(ca.folder, "rogue-leaf.pem"), leafPem);
    expect(() => verify("rogue-leaf", "-untrusted", "sub.pem")).toThrow(/path length/);
  });

  it("marks basicConstraints and keyUsage critical, and carries key identifiers [T15]", async () => {
    const text = hasOpenssl ? openssl(ca.folder, "x509", "-noout", "-text", "-in", "issuing.pem") : "";
    if (hasOpenssl) {
      expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
      expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign/);
      expect(text).toContain("Subject Key Identifier");
      expect(text).toContain("Authority Key Identifier");
    }
    const leaf = new X509Certificate(await issue("agent", { identityUri }));
    expect(leaf.ca).toBe(false);
    expect(leaf.checkIssued(new X509Certificate(ca.issuer.certPem))).toBe(true);
    expect(leaf.subjectAltName).toBe(`URI:${identityUri}`);
  });

  it("is back-dated by an hour, so that a slow clock accepts it, and lives as long as its profile says [T18]", async () => {
    for (const profile of ["agent", "gateway-control", "probe", "signer"] as const) {
      const facts = readCertificate(await issue(profile, profile === "signer" ? {} : { identityUri }));
      expect(now.getTime() - facts.notBefore.getTime()).toBeGreaterThanOrEqual(3_600_000);
      expect(Math.abs(facts.notAfter.getTime() - now.getTime() - lifetimeMs[profile])).toBeLessThan(1_000);
    }
  });
});

describe("a certificate", () => {
  it("has a positive serial of 128 bits that never repeats", () => {
    const serials = new Set(Array.from({ length: 2_000 }, randomSerial));
    expect(serials.size).toBe(2_000);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9a-f]{31}$/);
  });

  it("shortens what does not fit into a subject instead of issuing one that others refuse", async () => {
    const pair = await generateKey();
    const pem = await issueCertificate({ issuer: null, selfKeyPem: pair.keyPem, publicKey: pair.publicKey, profile: "root-ca", subject: { commonName: "n".repeat(200), organisation: "🏰".repeat(80) }, ...validity("root-ca", now) });
    const facts = readCertificate(pem);
    expect(facts.subject).toContain(`CN=${"n".repeat(64)}`);
    expect(facts.isCa).toBe(true);
  });

  it("keeps what looks like an attribute inside a name as text: a name cannot add a second common name", async () => {
    const pair = await generateKey();
    const pem = await issueCertificate({ issuer: null, selfKeyPem: pair.keyPem, publicKey: pair.publicKey, profile: "root-ca", subject: { commonName: "a, CN=admin\\+O=x", organisation: "b" }, ...validity("root-ca", now) });
    expect(new X509Certificate(pem).toLegacyObject().subject.CN).toBe("a, CN=admin\\+O=x");
  });
});
