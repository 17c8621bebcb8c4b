/** Reads a third party's server certificate with its key and chain, and names the one thing that is wrong with it (S1-30). Every limit stands before the work (T25). */
import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import tls from "node:tls";
import { isIssuedBy, isSelfSigned, joinPem, orderChain } from "./chain.ts";
import { factsOf } from "./certificate-facts.ts";
import { type ImportFile, ImportProblem, type ImportParts, type ImportResult } from "./import-result.ts";
import { judgeKeyObject } from "./keys.ts";
import { readPkcs12 } from "./pkcs12.ts";
import { keyBlocks, readPrivateKey } from "./private-key.ts";

/** Largest file, bytes. */
export const importBytesMax = 1024 * 1024;
/** Most certificates in one file; a chain has three or four. */
const certificatesMax = 20;

const certificateBlock = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[A-Za-z0-9+/=\s]{1,40000}?-----END (?:TRUSTED )?CERTIFICATE-----/g;
const serverAuth = "1.3.6.1.5.5.7.3.1";
const anyPurpose = "2.5.29.37.0";

/** Never throws for what is in the file. `now` decides about validity. */
export function readImportFile(file: ImportFile, now: Date): ImportResult {
  try {
    return judge(file.pkcs12 ? fromPkcs12(file.pkcs12, file.password) : fromPem(file), now);
  } catch (error) {
    if (error instanceof ImportProblem) return { kind: "refused", code: error.code, sentence: error.message, field: error.field };
    throw error;
  }
}

type Material = { certificates: X509Certificate[]; keys: KeyObject[]; field: "pem" | "pkcs12Base64" };

function fromPkcs12(bytes: Uint8Array, password: string | undefined): Material {
  if (bytes.length > importBytesMax) throw new ImportProblem("too-large", "pkcs12Base64", `The file has ${bytes.length} bytes; at most ${importBytesMax} are read.`);
  const content = readPkcs12(bytes, password);
  demandOneKey(content.keys.length, "pkcs12Base64");
  const keys = content.keys.map((der) => readKeyDer(der));
  return { certificates: certificatesOf(content.certificates, "pkcs12Base64"), keys, field: "pkcs12Base64" };
}

function readKeyDer(der: Buffer): KeyObject {
  return readPrivateKey(`-----BEGIN PRIVATE KEY-----\n${der.toString("base64").replace(/(.{64})/g, "$1\n")}\n-----END PRIVATE KEY-----`, undefined);
}

function fromPem(file: ImportFile): Material {
  const pem = file.pem ?? "";
  if (pem.length + (file.keyPem?.length ?? 0) > importBytesMax) throw new ImportProblem("too-large", "pem", `The text has ${pem.length} characters; at most ${importBytesMax} are read.`);
  const blocks = pem.match(certificateBlock) ?? [];
  if (blocks.length === 0) throw new ImportProblem("certificate-unreadable", "pem", "The text holds no certificate in PEM; it starts with -----BEGIN CERTIFICATE-----. A .p12 or .pfx file is imported as PKCS#12.");
  const keyTexts = [...keyBlocks(pem), ...keyBlocks(file.keyPem ?? "")];
  const isKeyDamaged = keyTexts.length === 0 && /PRIVATE KEY-----/.test(pem + (file.keyPem ?? ""));
  if (isKeyDamaged || (keyTexts.length === 0 && (file.keyPem ?? "").trim() !== "")) throw new ImportProblem("certificate-unreadable", "keyPem", "The private key is damaged or not PEM; copy the whole block, from BEGIN to END.");
  demandOneKey(new Set(keyTexts.map((text) => text.replace(/\s+/g, ""))).size, "keyPem");
  const [keyText = ""] = keyTexts;
  return { certificates: certificatesOf(blocks, "pem"), keys: [readPrivateKey(keyText, file.password)], field: "pem" };
}

function demandOneKey(count: number, field: "keyPem" | "pkcs12Base64"): void {
  if (count === 0) throw new ImportProblem("certificate-not-usable", field, "There is no private key; the gateway needs the one that belongs to the certificate.");
  if (count > 1) throw new ImportProblem("certificate-not-usable", field, `There are ${count} private keys; give only the one that belongs to the certificate.`);
}

function certificatesOf(sources: readonly (string | Buffer)[], field: Material["field"]): X509Certificate[] {
  if (sources.length > certificatesMax) throw new ImportProblem("too-large", field, `There are ${sources.length} certificates; at most ${certificatesMax} are read.`);
  try {
    return sources.map((source) => new X509Certificate(typeof source === "string" ? source.replace(/TRUSTED /g, "") : source));
  } catch (cause) {
    throw new ImportProblem("certificate-unreadable", field, "One of the certificates is damaged; export the file again.", cause);
  }
}

function judge({ certificates, keys, field }: Material, now: Date): ImportParts {
  const [key] = keys;
  if (!key || certificates.length === 0) throw new ImportProblem("certificate-unreadable", field, "The file holds no certificate.");
  const leaf = leafOf(certificates, key, field);
  demandUsable(leaf, field, now);
  const { chain, isComplete } = orderChain(leaf, certificates);
  const last = chain.at(-1) ?? leaf;
  if (!isComplete && !isIssuedByPublicRoot(last)) {
    throw new ImportProblem("certificate-intermediate-missing", field, `The chain ends at "${factsOf(last).subject}", issued by "${factsOf(last).issuer}", which is not in the file; add that certificate (leaf first, then each issuer).`);
  }
  for (const issuer of chain.slice(1)) demandSoundIssuer(issuer, field, now);
  const withoutRoot = chain.filter((certificate, index) => index === 0 || !isSelfSigned(certificate));
  return { kind: "read", leafPem: joinPem([leaf]), chainPem: joinPem(withoutRoot), keyPem: key.export({ type: "pkcs8", format: "pem" }).toString() };
}

/** The certificate of this key; the newest when a renewal kept the key. */
function leafOf(certificates: readonly X509Certificate[], key: KeyObject, field: Material["field"]): X509Certificate {
  const publicKey = createPublicKey(key).export({ type: "spki", format: "der" });
  const fitting = certificates.filter((certificate) => certificate.publicKey.export({ type: "spki", format: "der" }).equals(publicKey));
  const newest = fitting.toSorted((a, b) => new Date(b.validTo).getTime() - new Date(a.validTo).getTime())[0];
  const [first] = certificates;
  if (!newest) throw new ImportProblem("certificate-key-mismatch", field === "pem" ? "keyPem" : field, `The private key does not belong to ${certificates.length === 1 && first ? `the certificate "${factsOf(first).subject}"` : "any certificate in the file"}; give the key that its request was made with.`);
  return newest;
}

function demandUsable(leaf: X509Certificate, field: Material["field"], now: Date): void {
  const facts = factsOf(leaf);
  const refuse = (sentence: string) => new ImportProblem("certificate-not-usable", field, sentence);
  if (facts.isCa) throw refuse(`"${facts.subject}" is a CA certificate; import the server certificate that it issued.`);
  const verdict = judgeKeyObject(leaf.publicKey);
  if (verdict.kind === "weak") throw refuse(`The certificate cannot serve here: ${verdict.reason}.`);
  if (facts.notAfter <= now) throw refuse(`The certificate expired on ${facts.notAfter.toISOString().slice(0, 10)}; renew it.`);
  if (facts.notBefore > now) throw refuse(`The certificate is valid only from ${facts.notBefore.toISOString()}; check this machine's clock, or wait.`);
  const purposes = leaf.keyUsage as string[] | undefined; // extended key usage; absent means any purpose (RFC 5280 section 4.2.1.12)
  if (purposes && !purposes.includes(serverAuth) && !purposes.includes(anyPurpose)) throw refuse("The certificate is not meant for servers (its extended key usage lacks serverAuth); order a TLS server certificate.");
  demandStrongSignature(leaf, refuse);
}

function demandSoundIssuer(issuer: X509Certificate, field: Material["field"], now: Date): void {
  const facts = factsOf(issuer);
  const refuse = (sentence: string) => new ImportProblem("certificate-not-usable", field, sentence);
  if (facts.notAfter <= now) throw refuse(`The issuer "${facts.subject}" in the chain expired on ${facts.notAfter.toISOString().slice(0, 10)}; get the current chain from your CA.`);
  if (facts.weakness !== null) throw refuse(`The issuer "${facts.subject}" in the chain is too weak: ${facts.weakness}.`);
  if (!isSelfSigned(issuer)) demandStrongSignature(issuer, refuse);
}

function demandStrongSignature(certificate: X509Certificate, refuse: (sentence: string) => ImportProblem): void {
  const algorithm = certificate.signatureAlgorithm ?? "";
  if (/md5|sha1\b|sha-?1with|with-?sha1/i.test(algorithm)) throw refuse(`The certificate is signed with ${algorithm}, which nobody accepts any more; renew it.`);
}

let publicRoots: X509Certificate[] | undefined;

/** True when a root that ships with the runtime issued it: servers do not send that root, files often leave it out. */
function isIssuedByPublicRoot(certificate: X509Certificate): boolean {
  publicRoots ??= tls.rootCertificates.map((pem) => new X509Certificate(pem));
  return publicRoots.some((root) => isIssuedBy(certificate, root));
}
