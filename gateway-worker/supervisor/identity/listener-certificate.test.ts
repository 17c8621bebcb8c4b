import { webcrypto, X509Certificate } from "node:crypto";
import { mkdtempSync, statSync, readdirSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { Snapshot } from "../../../contract/snapshot.ts";
import { ListenerCertificates, type RegisterListenerCertificate } from "./listener-certificate.ts";
import { x509 } from "./x509.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const authority = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as unknown as CryptoKeyPair;

/** The console: signs whatever is asked, for so many days, of which so many are gone. */
function consoleThatSigns(days: number, gone: number): { register: RegisterListenerCertificate; keys: string[] } {
  const keys: string[] = [];
  return {
    keys,
    register: async (request) => {
      if (request.kind !== "ca-issued") throw new Error("not asked for");
      const { publicKey } = new x509.Pkcs10CertificateRequest(request.csrPem);
      keys.push(publicKey.toString("base64"));
      const from = Date.now() - gone * 86_400_000;
      const certificate = await x509.X509CertificateGenerator.create({ serialNumber: `4${keys.length}`, subject: "CN=inside", issuer: "CN=ca", notBefore: new Date(from), notAfter: new Date(from + days * 86_400_000), publicKey, signingKey: authority.privateKey, signingAlgorithm: algorithm }, webcrypto as Crypto);
      return { chainPem: certificate.toString("pem") };
    },
  };
}

function snapshot(names: string[]): Snapshot {
  return { gatewayName: "gw", listeners: [], inside: { id: "00000000-0000-4000-8000-000000000001", address: "::", port: 4740, connectionsMax: 10, certificate: { kind: "ca-issued", generation: 1, names, keyType: "ec-p256" } } } as unknown as Snapshot;
}

describe("the certificate of the inside listener", () => {
  it("is asked for once per set of names, kept so that only this user can read its key, and used without the console [S1-29]", async () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), "sallyport-inside-"));
    const certificates = new ListenerCertificates(dir);
    await expect(certificates.resolveInside(snapshot(["a.example"]))).rejects.toThrow(/not on this machine yet/);
    const { register, keys } = consoleThatSigns(365, 0);
    const first = await certificates.resolveInside(snapshot(["a.example"]), register);
    expect(await certificates.resolveInside(snapshot(["a.example"]), register)).toEqual(first);
    expect(await new ListenerCertificates(dir).resolveInside(snapshot(["a.example"]))).toEqual(first);
    expect(await certificates.resolveInside(snapshot(["b.example"]), register)).not.toEqual(first);
    expect(keys).toHaveLength(2);
    for (const name of readdirSync(path.join(dir, "listener"))) expect(statSync(path.join(dir, "listener", name)).mode & 0o777).toBe(0o600);
    expect(await certificates.endsInsideSoon(snapshot(["a.example"]))).toBe(false);
  });

  it("is issued anew for the same key when less than a third of its time is left, and served as it is while the console is away", async () => {
    const certificates = new ListenerCertificates(mkdtempSync(path.join(os.tmpdir(), "sallyport-inside-")));
    const old = consoleThatSigns(365, 300);
    const first = await certificates.resolveInside(snapshot(["a.example"]), old.register);
    expect(await certificates.endsInsideSoon(snapshot(["a.example"]))).toBe(true);
    expect(await certificates.resolveInside(snapshot(["a.example"]))).toEqual(first);
    const fresh = consoleThatSigns(365, 0);
    const second = await certificates.resolveInside(snapshot(["a.example"]), fresh.register);
    expect(fresh.keys).toEqual(old.keys);
    expect(new X509Certificate(second?.chainPem ?? "").validToDate > new X509Certificate(first?.chainPem ?? "").validToDate).toBe(true);
    expect(await certificates.endsInsideSoon(snapshot(["a.example"]))).toBe(false);
  });
});
