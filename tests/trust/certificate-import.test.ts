/** Import of a third party's certificate: every defect has its name, every limit stands before the work. */
import "../support/with-database.ts";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { certificateImport, certificateList } from "../../contract/objects.ts";
import { readImportFile } from "../../server/pki/import-file.ts";
import type { ImportResult } from "../../server/pki/import-result.ts";
import { readImport } from "../../server/pki/read-import.ts";
import { ConsoleError } from "../../server/errors.ts";
import type { Caller } from "../../server/services/caller.ts";
import { getCertificate } from "../../server/services/certificate/get.ts";
import { certificateImpact } from "../../server/services/certificate/impact.ts";
import { importCertificate } from "../../server/services/certificate/import.ts";
import { listCertificates } from "../../server/services/certificate/list.ts";
import { removeCertificate } from "../../server/services/certificate/remove.ts";
import { sealPurpose } from "../../server/services/certificate/store.ts";
import { openKey } from "../../server/services/seal.ts";
import { hasOpenssl, openssl, opensslBytes } from "../support/openssl.ts";
import { type CertificateOptions, type Issued, TestCa } from "../support/pki.ts";
import { installation } from "./support/installation.ts";

let caller: Caller;
let root: TestCa;
let issuing: TestCa;
let folder: string;

beforeAll(async () => {
  caller = await installation();
  root = await TestCa.root();
  issuing = await root.intermediate();
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-import-"));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const server: CertificateOptions = { usage: ["server"], dns: ["gw.example.com"] };
let counter = 0;

/** `imported` or the code and sentence of the refusal. */
async function attempt(input: Record<string, unknown>): Promise<{ id: string } | { code: string; sentence: string; field: string | undefined }> {
  const parsed = certificateImport.parse({ name: `certificate ${++counter}`, ...input });
  try {
    return await importCertificate(caller, parsed);
  } catch (error) {
    if (!(error instanceof ConsoleError)) throw error;
    return { code: error.code, sentence: error.message, field: error.fields[0]?.path };
  }
}

/** The same without worker and database: the code and sentence of the refusal, or the parts. */
function read(input: { pem?: string; keyPem?: string; pkcs12Base64?: string; password?: string }): ImportResult {
  const { pkcs12Base64, ...rest } = input;
  return readImportFile({ ...rest, ...(pkcs12Base64 === undefined ? {} : { pkcs12: new Uint8Array(Buffer.from(pkcs12Base64, "base64")) }) }, new Date());
}

/** Certificate, chain and root in one text: what a private CA hands out. */
function whole(leaf: Issued, ...above: TestCa[]): string {
  return leaf.certPem + above.map((ca) => ca.certPem).join("");
}

describe("importing PEM", () => {
  it.each<[string, CertificateOptions]>([["EC P-256", { key: "ec-p256" }], ["EC P-384", { key: "ec-p384" }], ["RSA 2048", { key: "rsa-2048" }]])("takes certificate, key and chain of %s, in any order and in one text or two [S1-30]", async (_name, key) => {
    const leaf = await issuing.issue({ ...server, ...key });
    const result = await attempt({ pem: root.certPem + issuing.certPem + leaf.keyPem + leaf.certPem });
    expect(result).toHaveProperty("id");
    const detail = await getCertificate(caller, { id: "id" in result ? result.id : "" });
    expect(detail).toMatchObject({ purpose: "imported", fingerprint: leaf.fingerprint, hasKey: true, names: ["gw.example.com"], owner: null, usedBy: [] });
    expect(detail.chainPem).toBe(leaf.certPem.trim() + "\n" + issuing.certPem.trim() + "\n");
    const row = await caller.db.certificate.findUniqueOrThrow({ where: { id: detail.id } });
    expect(openKey(row.sealedKey ?? new Uint8Array(), sealPurpose("imported"))).toContain("BEGIN PRIVATE KEY");
    expect(await attempt({ pem: whole(await issuing.issue({ ...server, ...key }), issuing, root), keyPem: leaf.keyPem })).toHaveProperty(key.key?.startsWith("rsa") ? "id" : "code");
  });

  it.each<[string, string, () => Promise<{ pem: string; keyPem?: string }>, RegExp]>([
    ["a key of another certificate", "certificate-key-mismatch", async () => ({ pem: whole(await issuing.issue(server), issuing, root), keyPem: (await issuing.issue(server)).keyPem }), /does not belong/],
    ["a missing intermediate", "certificate-intermediate-missing", async () => { const leaf = await issuing.issue(server); return { pem: leaf.certPem, keyPem: leaf.keyPem }; }, /Test Issuing CA/],
    ["a missing private root", "certificate-intermediate-missing", async () => { const leaf = await issuing.issue(server); return { pem: whole(leaf, issuing), keyPem: leaf.keyPem }; }, /Test Root/],
    ["an expired certificate", "certificate-not-usable", async () => { const leaf = await issuing.issue({ ...server, notBefore: new Date("2020-01-01"), notAfter: new Date("2021-01-01") }); return { pem: whole(leaf, issuing, root), keyPem: leaf.keyPem }; }, /expired on 2021-01-01/],
    ["a certificate that is not valid yet", "certificate-not-usable", async () => { const leaf = await issuing.issue({ ...server, notBefore: new Date(Date.now() + 9e8), notAfter: new Date(Date.now() + 9e9) }); return { pem: whole(leaf, issuing, root), keyPem: leaf.keyPem }; }, /valid only from/],
    ["a client certificate", "certificate-not-usable", async () => { const leaf = await issuing.issue({ usage: ["client"] }); return { pem: whole(leaf, issuing, root), keyPem: leaf.keyPem }; }, /serverAuth/],
    ["a CA certificate as leaf", "certificate-not-usable", async () => ({ pem: issuing.certPem + root.certPem, keyPem: issuing.issued.keyPem }), /CA certificate/],
    ["a weak RSA key", "certificate-not-usable", async () => { const leaf = await issuing.issue({ ...server, key: "rsa-1024" }); return { pem: whole(leaf, issuing, root), keyPem: leaf.keyPem }; }, /1024 bits/],
    ["a SHA-1 signature", "certificate-not-usable", async () => { const leaf = await issuing.issue({ ...server, hash: "SHA-1" }); return { pem: whole(leaf, issuing, root), keyPem: leaf.keyPem }; }, /signed with/],
    ["no key", "certificate-not-usable", async () => ({ pem: whole(await issuing.issue(server), issuing, root) }), /no private key/],
    ["several keys", "certificate-not-usable", async () => { const leaf = await issuing.issue(server); return { pem: whole(leaf, issuing, root), keyPem: leaf.keyPem + (await issuing.issue(server)).keyPem }; }, /2 private keys/],
    ["no certificate", "certificate-unreadable", async () => ({ pem: "hello" }), /no certificate/],
    ["a damaged certificate", "certificate-unreadable", async () => { const leaf = await issuing.issue(server); return { pem: leaf.certPem.replace(/\n[A-Za-z0-9]{8}/, "\nAAAAAAAA"), keyPem: leaf.keyPem }; }, /damaged/],
    ["a damaged key", "certificate-unreadable", async () => { const leaf = await issuing.issue(server); return { pem: leaf.certPem, keyPem: leaf.keyPem.replace(/\n[A-Za-z0-9]{8}/, "\nAAAAAAAA") }; }, /key is damaged/],
    ["a cut-off key", "certificate-unreadable", async () => { const leaf = await issuing.issue(server); return { pem: leaf.certPem, keyPem: leaf.keyPem.slice(0, 80) }; }, /damaged/],
    ["too many certificates", "too-large", async () => ({ pem: root.certPem.repeat(21), keyPem: root.issued.keyPem }), /21 certificates/],
  ])("names %s [S1-30]", async (_name, code, input, sentence) => {
    expect(read(await input())).toMatchObject({ kind: "refused", code, sentence: expect.stringMatching(sentence) as unknown });
  });

  it.skipIf(!hasOpenssl)("opens an encrypted key with its password, and names a wrong or missing one [S1-30]", async () => {
    const leaf = await issuing.issue(server);
    fs.writeFileSync(path.join(folder, "plain.pem"), leaf.keyPem);
    for (const args of [["pkcs8", "-topk8", "-v2", "aes-256-cbc"], ["pkcs8", "-topk8", "-scrypt"], ["ec", "-aes128"]]) {
      const keyPem = openssl(folder, ...args, "-in", "plain.pem", "-passout", "pass:correct horse");
      const fresh = { pem: whole(leaf, issuing, root), keyPem };
      expect(read({ ...fresh, password: "wrong" })).toMatchObject({ code: "certificate-password", field: "password" });
      expect(read(fresh)).toMatchObject({ code: "certificate-password", sentence: expect.stringContaining("needs") as unknown });
    }
    const keyPem = openssl(folder, "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", "plain.pem", "-passout", "pass:correct horse");
    expect(await attempt({ pem: whole(leaf, issuing, root), keyPem, password: "correct horse" })).toHaveProperty("id");
  });

  it("refuses the same certificate and the same name a second time [S1-30]", async () => {
    const leaf = await issuing.issue(server);
    expect(await attempt({ name: "Twice", pem: whole(leaf, issuing, root), keyPem: leaf.keyPem })).toHaveProperty("id");
    expect(await attempt({ name: "another", pem: whole(leaf, issuing, root), keyPem: leaf.keyPem })).toMatchObject({ code: "name-taken" });
    const next = await issuing.issue(server);
    expect(await attempt({ name: "TWICE", pem: whole(next, issuing, root), keyPem: next.keyPem })).toMatchObject({ code: "name-taken", field: "name" });
  });
});

describe.skipIf(!hasOpenssl)("importing PKCS#12", () => {
  function p12(leaf: Issued, password: string, ...options: string[]): string {
    fs.writeFileSync(path.join(folder, "leaf.pem"), leaf.certPem);
    fs.writeFileSync(path.join(folder, "key.pem"), leaf.keyPem);
    fs.writeFileSync(path.join(folder, "above.pem"), issuing.certPem + root.certPem);
    return opensslBytes(folder, "pkcs12", "-export", "-in", "leaf.pem", "-inkey", "key.pem", "-certfile", "above.pem", "-passout", `pass:${password}`, ...options).toString("base64");
  }

  it.each<[string, CertificateOptions, string[]]>([
    ["AES-256 and SHA-256, EC", { key: "ec-p256" }, []],
    ["AES-256 and SHA-256, RSA", { key: "rsa-2048" }, []],
    ["3DES and SHA-1 as Windows wrote it", { key: "rsa-2048" }, ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"]],
    ["100,000 rounds", { key: "ec-p256" }, ["-iter", "100000"]],
  ])("reads a file with %s [S1-30]", async (_name, key, options) => {
    const leaf = await issuing.issue({ ...server, ...key });
    const result = await attempt({ pkcs12Base64: p12(leaf, "pässword", ...options), password: "pässword" });
    expect(result).toHaveProperty("id");
    expect(await getCertificate(caller, { id: "id" in result ? result.id : "" })).toMatchObject({ fingerprint: leaf.fingerprint, hasKey: true });
  });

  it("names a wrong and a missing password, and reads a file without one [S1-30] [T25]", async () => {
    const leaf = await issuing.issue(server);
    const file = p12(leaf, "right");
    expect(read({ pkcs12Base64: file, password: "wrong" })).toMatchObject({ code: "certificate-password", sentence: expect.stringContaining("does not open") as unknown });
    expect(read({ pkcs12Base64: file })).toMatchObject({ code: "certificate-password", sentence: expect.stringContaining("needs a password") as unknown });
    expect(read({ pkcs12Base64: p12(leaf, "") })).toMatchObject({ kind: "read" });
  });

  it("names a file with no key, with a chain that is not whole, and what is no PKCS#12 [S1-30] [T25]", async () => {
    const leaf = await issuing.issue(server);
    fs.writeFileSync(path.join(folder, "leaf.pem"), leaf.certPem);
    fs.writeFileSync(path.join(folder, "key.pem"), leaf.keyPem);
    const noKey = opensslBytes(folder, "pkcs12", "-export", "-nokeys", "-in", "leaf.pem", "-passout", "pass:x").toString("base64");
    expect(read({ pkcs12Base64: noKey, password: "x" })).toMatchObject({ code: "certificate-not-usable", sentence: expect.stringContaining("no private key") as unknown });
    const noChain = opensslBytes(folder, "pkcs12", "-export", "-in", "leaf.pem", "-inkey", "key.pem", "-passout", "pass:x").toString("base64");
    expect(read({ pkcs12Base64: noChain, password: "x" })).toMatchObject({ code: "certificate-intermediate-missing" });
    for (const bytes of [Buffer.from("hello"), Buffer.alloc(2_000, 0x30), Buffer.alloc(0), Buffer.from(leaf.certPem)]) {
      expect(read({ pkcs12Base64: bytes.toString("base64"), password: "x" })).toMatchObject({ code: "certificate-unreadable" });
    }
  });

  it("refuses a file that asks for a billion rounds before it does one, and the event loop never waits a second [T25]", async () => {
    const leaf = await issuing.issue(server);
    const honest = Buffer.from(p12(leaf, "x", "-iter", "123457"), "base64"); // 0x01e241
    const greedy = Buffer.from(honest);
    for (let at = greedy.indexOf("020301e241", 0, "hex"); at !== -1; at = greedy.indexOf("020301e241", at + 1, "hex")) greedy.writeUIntBE(0x7fffff, at + 2, 3);
    expect(greedy.equals(honest)).toBe(false);
    const watch = watchLoop();
    const started = performance.now();
    expect(await attempt({ pkcs12Base64: greedy.toString("base64"), password: "x" })).toMatchObject({ code: "certificate-not-usable", sentence: expect.stringContaining("rounds") as unknown });
    expect(performance.now() - started).toBeLessThan(5_000);
    // The most work that is allowed goes on elsewhere, too.
    expect(await attempt({ pkcs12Base64: honest.toString("base64"), password: "x" })).toHaveProperty("id");
    expect(watch()).toBeLessThan(1_000);
  });

  it("refuses a count that hides behind another type, in the certificates' and in the key's encryption [T25]", async () => {
    const honest = Buffer.from(p12(await issuing.issue(server), "x", "-iter", "123457", "-nomaciter"), "base64");
    const hidden = Buffer.from(honest);
    let found = 0;
    for (let at = hidden.indexOf("020301e241", 0, "hex"); at !== -1; at = hidden.indexOf("020301e241", at + 1, "hex")) {
      hidden[at] = 0x04; // OCTET STRING instead of INTEGER
      hidden.writeUIntBE(0x7fffff, at + 2, 3);
      found += 1;
    }
    expect(found).toBeGreaterThan(0);
    const started = performance.now();
    expect(read({ pkcs12Base64: hidden.toString("base64"), password: "x" })).toMatchObject({ kind: "refused" });
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it("stops work at its deadline, and takes the next file afterwards [T25]", async () => {
    const leaf = await issuing.issue(server);
    const file = { pkcs12: new Uint8Array(Buffer.from(p12(leaf, "x", "-iter", "400000", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"), "base64")), password: "x" };
    expect(await readImport(file, new Date(), 1_000)).toEqual({ kind: "late" });
    const three = await Promise.all(["y", "y", "y"].map((password) => readImport({ pkcs12: new Uint8Array(Buffer.from(p12(leaf, "x"), "base64")), password }, new Date())));
    expect(three.map((outcome) => outcome.kind)).toEqual(["refused", "refused", "busy"]);
    expect(await readImport({ pem: whole(leaf, issuing, root), keyPem: leaf.keyPem }, new Date())).toMatchObject({ kind: "read" });
  });

  it("refuses what is larger than the limit before it reads it [T25]", async () => {
    expect(await attempt({ pkcs12Base64: Buffer.alloc(1024 * 1024 + 1, 0x30).toString("base64") })).toMatchObject({ code: "too-large" });
    expect(certificateImport.safeParse({ name: "x", pkcs12Base64: "A".repeat(1_400_001) }).success).toBe(false);
    expect(certificateImport.safeParse({ name: "x", pem: "A".repeat(1_000_001) }).success).toBe(false);
  });
});

describe("the list of certificates", () => {
  it("finds by name, subject, fingerprint and state, in pages counted by the database [S1-13]", async () => {
    const soon = await issuing.issue({ ...server, commonName: "soon.example", notAfter: new Date(Date.now() + 5 * 86_400_000) });
    const { id } = (await attempt({ name: "100%_Ends soon", pem: whole(soon, issuing, root), keyPem: soon.keyPem })) as { id: string };
    const list = (more: Record<string, unknown>) => listCertificates(caller, certificateList.parse(more));
    expect((await list({ search: "100%_ends" })).rows.map((row) => row.id)).toEqual([id]);
    expect((await list({ search: "soon.example" })).rows.map((row) => row.id)).toEqual([id]);
    expect((await list({ search: soon.fingerprint.slice(0, 12).toUpperCase().replace(/(..)(?=.)/g, "$1:") })).rows).toMatchObject([{ id, state: "expiring" }]);
    expect((await list({ search: "100%x" })).total).toBe(0);
    expect((await list({ state: "expiring" })).rows.map((row) => row.id)).toContain(id);
    expect((await list({ purpose: "root-ca" })).rows).toMatchObject([{ purpose: "root-ca", owner: { kind: "organisation" }, hasKey: true, state: "valid" }]);
    const [first, second, all] = await Promise.all([list({ pageSize: 1, sort: "subject" }), list({ pageSize: 1, page: 2, sort: "subject" }), list({ pageSize: 200 })]);
    expect(first.total).toBe(all.rows.length);
    expect(first.rows[0]?.id).not.toBe(second.rows[0]?.id);
  });

  it("never answers with a private key, sealed or not [T40]", async () => {
    const { rows } = await listCertificates(caller, certificateList.parse({ pageSize: 200 }));
    for (const row of rows) {
      const text = JSON.stringify(await getCertificate(caller, { id: row.id }));
      expect(text).not.toMatch(/PRIVATE KEY|sealedKey/);
    }
  });

  it("answers about a certificate of another organisation as about none [T33]", async () => {
    const other = await caller.db.organisation.create({ data: { name: "Foreign", nameKey: "foreign", trustDomain: "sallyport.internal" } });
    const stranger: Caller = { ...caller, organisationId: other.id };
    const { rows } = await listCertificates(caller, certificateList.parse({}));
    const id = rows[0]?.id ?? "";
    for (const work of [getCertificate, certificateImpact, removeCertificate]) await expect(work(stranger, { id })).rejects.toMatchObject({ code: "not-found" });
    expect((await listCertificates(stranger, certificateList.parse({}))).total).toBe(0);
  });

  it("deletes an unused imported one with its key, and refuses one that is presented or was issued here [S1-30]", async () => {
    const leaf = await issuing.issue(server);
    const { id } = (await attempt({ name: "Spare", pem: whole(leaf, issuing, root), keyPem: leaf.keyPem })) as { id: string };
    const gateway = await caller.db.gateway.create({ data: { organisationId: caller.organisationId, name: "Edge", nameKey: "edge", certificateKind: "imported", importedCertificateId: id } });
    await expect(removeCertificate(caller, { id })).rejects.toMatchObject({ code: "in-use", message: expect.stringContaining('gateway "Edge"') as unknown });
    await caller.db.gateway.delete({ where: { id: gateway.id } });
    await removeCertificate(caller, { id });
    expect(await caller.db.certificate.count({ where: { id } })).toBe(0);
    expect(await caller.db.auditEvent.count({ where: { action: "certificate.remove", targetId: id } })).toBe(1);
    const [own] = (await listCertificates(caller, certificateList.parse({ purpose: "issuing-ca" }))).rows;
    await expect(removeCertificate(caller, { id: own?.id ?? "" })).rejects.toMatchObject({ code: "in-use" });
  });
});

/** Watches how late timers are; the returned function tells the worst delay in ms. */
function watchLoop(): () => number {
  let worst = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    worst = Math.max(worst, now - last - 10);
    last = now;
  }, 10);
  return () => {
    clearInterval(timer);
    return worst;
  };
}
