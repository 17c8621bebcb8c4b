/** Chains as hostile files bring them: endless, cyclic, oversized. */
import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { certificateBytesMax, readCertificate } from "./certificate-facts.ts";
import { chainCertificatesMax, isIssuedBy, joinPem, leadsTo, orderChain, splitPem } from "./chain.ts";
import { issueCertificate, validity } from "./issue.ts";
import { generateKey, type KeyPair } from "./keys.ts";

const now = new Date();
const subject = (commonName: string) => ({ commonName, organisation: "test" });
const root = (name: string, keys: KeyPair) => issueCertificate({ issuer: null, selfKeyPem: keys.keyPem, publicKey: keys.publicKey, profile: "root-ca", subject: subject(name), ...validity("root-ca", now) });
const under = (issuer: { certPem: string; keyPem: string }, name: string, keys: KeyPair, profile: "issuing-ca" | "agent" = "issuing-ca") => issueCertificate({ issuer, publicKey: keys.publicKey, profile, subject: subject(name), ...validity(profile, now) });

describe("a chain", () => {
  it("is put in order from leaf to root, whatever lies around in the file", async () => {
    const [rootKeys, middleKeys, leafKeys, strayKeys] = await Promise.all([generateKey(), generateKey(), generateKey(), generateKey()]);
    const rootPem = await root("root", rootKeys);
    const middlePem = await under({ certPem: rootPem, keyPem: rootKeys.keyPem }, "middle", middleKeys);
    const leafPem = await under({ certPem: middlePem, keyPem: middleKeys.keyPem }, "leaf", leafKeys, "agent");
    const [leaf, ...others] = splitPem(leafPem + rootPem + (await root("stray", strayKeys)) + middlePem);
    if (!leaf) throw new Error("no leaf");
    const { chain, isComplete } = orderChain(leaf, others);
    expect(isComplete).toBe(true);
    expect(joinPem(chain)).toBe(leafPem + middlePem + rootPem);
    expect(leadsTo(chain, new X509Certificate(rootPem), now)).toBe(true);
    expect(leadsTo(chain, new X509Certificate(rootPem), new Date(now.getTime() + 400 * 86_400_000))).toBe(false);
    expect(isIssuedBy(leaf, new X509Certificate(rootPem))).toBe(false);
  });

  it("of two issuers that signed each other ends, and is not complete [T16]", async () => {
    const [a, b, leafKeys] = await Promise.all([generateKey(), generateKey(), generateKey()]);
    const signerA = { certPem: await root("A", a), keyPem: a.keyPem };
    const signerB = { certPem: await root("B", b), keyPem: b.keyPem };
    const [aByB, bByA] = await Promise.all([under(signerB, "A", a), under(signerA, "B", b)]);
    const leaf = new X509Certificate(await under(signerA, "leaf", leafKeys, "agent"));
    const { chain, isComplete } = orderChain(leaf, splitPem(aByB + bByA));
    expect(isComplete).toBe(false);
    expect(chain).toHaveLength(3);
  });

  it("of 100 certificates, or a certificate beyond the bound, is refused before it is looked at [T16]", async () => {
    const pem = await root("root", await generateKey());
    expect(() => splitPem(pem.repeat(100))).toThrow(`at most ${chainCertificatesMax}`);
    const started = performance.now();
    expect(() => readCertificate(`-----BEGIN CERTIFICATE-----\n${"A".repeat(64 * 1024)}\n-----END CERTIFICATE-----\n`)).toThrow(`${certificateBytesMax} bytes`);
    expect(performance.now() - started).toBeLessThan(50);
  });
});
