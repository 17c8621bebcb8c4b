/** Checks the manifest of a bundle, or of a program to upgrade to, against its files, its signature, its signer's chain and its dates (T24, N10). */
import { verify, type X509Certificate } from "node:crypto";
import type { z } from "zod";
import { type BundleManifest, bundleManifest } from "../../contract/bundle.ts";
import { parseToken } from "../../contract/enrolment.ts";
import { identityFromSubjectAltName } from "../../contract/names.ts";
import { type ProgramManifest, programManifest } from "../../contract/program.ts";
import { AgentError } from "../errors.ts";
import { certificatesOf, fingerprintOf } from "../identity/pem.ts";
import { type Members, refuse, shown } from "./members.ts";

/** These three prove the rest and are therefore not listed. */
const unlisted = new Set(["manifest.json", "manifest.sig", "signer.pem"]);

/** Throws `bundle-refused` for a shape, `bundle-signature` for a broken proof, `bundle-expired` for its date. */
export function checkManifest(members: Members, now: Date): BundleManifest {
  const manifestBytes = contentOf(members, "manifest.json");
  const manifest = parseManifest(manifestBytes, bundleManifest);
  checkSignature(members, { bytes: manifestBytes, manifest, ca: readCertificates(members, "ca.pem"), now });
  checkFiles(members, manifest.files);
  checkToken(members, manifest);
  if (new Date(manifest.expiresAt) <= now) throw new AgentError("bundle-expired", `It was valid until ${manifest.expiresAt}.`);
  return manifest;
}

/** The same for a program, whose signer must stand under the CA that the agent already has. Throws the same codes. */
export function checkProgram(members: Members, expected: { organisationId: string; caPem: string; now: Date }): ProgramManifest {
  const manifestBytes = contentOf(members, "manifest.json");
  const manifest = parseManifest(manifestBytes, programManifest);
  if (manifest.organisationId !== expected.organisationId) throw refuse("It is another organisation's");
  checkSignature(members, { bytes: manifestBytes, manifest, ca: certificatesOf(expected.caPem), now: expected.now });
  checkFiles(members, manifest.files);
  return manifest;
}

function parseManifest<S extends z.ZodType>(bytes: Buffer, schema: S): z.infer<S> {
  try {
    return schema.parse(JSON.parse(bytes.toString("utf8")));
  } catch (cause) {
    throw refuse("Its manifest.json cannot be read", cause);
  }
}

type Signed = { bytes: Buffer; manifest: Pick<BundleManifest, "organisationId" | "caFingerprint">; ca: readonly X509Certificate[]; now: Date };

/** ES256 over the manifest's bytes by the organisation's signer, whose chain ends in this CA, whose fingerprint the manifest states. */
function checkSignature(members: Members, { bytes, manifest, ca, now }: Signed): void {
  const wrong = (detail: string, cause?: unknown) => new AgentError("bundle-signature", `${detail}.`, cause);
  const chain = readCertificates(members, "signer.pem");
  const root = ca.find((certificate) => fingerprintOf(certificate) === manifest.caFingerprint);
  const [signer] = chain;
  if (!signer || !root) throw wrong("The signer's chain or the CA that the manifest names is missing");
  const signature = Buffer.from(contentOf(members, "manifest.sig").toString("utf8").trim(), "base64");
  if (!isSignedBy(signer, [...chain, ...ca], root, now)) throw wrong("The signer's certificate does not chain to the organisation's CA");
  const identity = identityFromSubjectAltName(signer.subjectAltName);
  if (signer.ca || identity?.kind !== "console" || identity.organisationId !== manifest.organisationId) throw wrong("The signer is not the organisation's signer of bundles");
  if (!verify("sha256", bytes, { key: signer.publicKey, dsaEncoding: "ieee-p1363" }, signature)) throw wrong("The manifest was changed after it was signed");
}

/** Who issued whom, up to `root`, within three steps and within their dates. The root's own signature over itself proves nothing and is not needed. */
function isSignedBy(leaf: X509Certificate, others: readonly X509Certificate[], root: X509Certificate, now: Date): boolean {
  let current = leaf;
  for (let depth = 0; depth < 3; depth += 1) {
    if (now < new Date(current.validFrom) || now > new Date(current.validTo)) return false;
    const issuer = others.find((candidate) => candidate.ca && current.checkIssued(candidate) && current.verify(candidate.publicKey));
    if (!issuer) return false;
    if (fingerprintOf(issuer) === fingerprintOf(root)) return now <= new Date(root.validTo);
    current = issuer;
  }
  return false;
}

/** Exactly the listed files, each with its size and hash: nothing added, nothing missing, nothing changed. */
function checkFiles(members: Members, files: BundleManifest["files"]): void {
  const listed = new Map(files.map((file) => [file.path, file]));
  if (listed.size !== files.length) throw refuse("Its manifest lists a file twice");
  for (const [name, member] of members) {
    if (unlisted.has(name)) continue;
    const file = listed.get(name);
    if (!file) throw new AgentError("bundle-signature", `The file ${shown(name)} is not in the signed list.`);
    if (file.bytes !== member.bytes || file.sha256 !== member.sha256) throw new AgentError("bundle-signature", `The file ${shown(name)} was changed after the bundle was signed.`);
  }
  const missing = [...listed.keys()].find((name) => !members.has(name));
  if (missing !== undefined) throw new AgentError("bundle-signature", `The file ${shown(missing)} is in the signed list but not in the bundle.`);
}

function checkToken(members: Members, manifest: BundleManifest): void {
  const token = parseToken(contentOf(members, "token").toString("utf8"));
  if ("error" in token || token.kind !== "agent") throw refuse("Its token cannot be read");
  if (token.content.organisationId !== manifest.organisationId || token.content.caFingerprint !== manifest.caFingerprint) throw refuse("Its token is another organisation's");
}

function readCertificates(members: Members, name: string): X509Certificate[] {
  try {
    return certificatesOf(contentOf(members, name).toString("utf8"));
  } catch (cause) {
    throw refuse(`Its ${name} cannot be read`, cause);
  }
}

function contentOf(members: Members, name: string): Buffer {
  const content = members.get(name)?.content;
  if (!content) throw refuse(`It has no ${name}`);
  return content;
}
