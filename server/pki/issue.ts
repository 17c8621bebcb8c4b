/**
 * Issues certificates. Everything in one is set by its profile and the caller; of the applicant only the public key is used (T20). The stages, in order:
 * names, profile extensions, key identifiers, signature.
 */
import { createPrivateKey, randomBytes, webcrypto } from "node:crypto";
import { isIpv4, parseIpv6 } from "../../contract/names.ts";
import { x509 } from "./x509.ts";

export type Profile = "root-ca" | "issuing-ca" | "agent" | "gateway-control" | "gateway-listener" | "agent-site" | "control" | "site-server" | "service" | "bundle" | "signer" | "probe" | "gateway-inside" | "service-account";

export type Issue = {
  /** Null: self-signed with `selfKeyPem` (a root). */
  issuer: { certPem: string; keyPem: string } | null;
  selfKeyPem?: string;
  /** SubjectPublicKeyInfo, DER. */
  publicKey: Uint8Array;
  profile: Profile;
  /** Common name and organisation; shown to people, never an identity. Cut to 64 characters (RFC 5280 upper bounds). */
  subject: { commonName: string; organisation: string };
  /** SPIFFE URI for the subject alternative name; the identity of clients. */
  identityUri?: string | null;
  /** Host names and IP literals for the subject alternative name. */
  dnsNames?: readonly string[];
  notBefore: Date;
  notAfter: Date;
  /** Hex; random when left out. */
  serial?: string;
};

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Longest life per profile, ms. A bundle's certificate ends with the bundle (at most a year). */
export const lifetimeMs = {
  "root-ca": 20 * 365 * dayMs,
  "issuing-ca": 10 * 365 * dayMs,
  agent: 365 * dayMs,
  "gateway-control": 365 * dayMs,
  "gateway-listener": 365 * dayMs,
  "agent-site": 365 * dayMs,
  control: 365 * dayMs,
  "site-server": 365 * dayMs,
  service: 365 * dayMs,
  bundle: 366 * dayMs,
  signer: 2 * 365 * dayMs,
  probe: 10 * 60_000,
  "gateway-inside": 365 * dayMs,
  "service-account": 365 * dayMs,
} as const satisfies Record<Profile, number>;

/** notBefore lies this long in the past, so that a clock that is an hour slow accepts a fresh certificate (T18). */
export const backdatedMs = hourMs;

/** Validity of a fresh certificate of this profile at `now`; `until` ends it earlier. */
export function validity(profile: Profile, now: Date, until?: Date): { notBefore: Date; notAfter: Date } {
  const end = now.getTime() + lifetimeMs[profile];
  return { notBefore: new Date(now.getTime() - backdatedMs), notAfter: new Date(until ? Math.min(until.getTime(), end) : end) };
}

/** A random positive serial of 128 bits, hex (RFC 5280 section 4.1.2.2 allows 20 octets). The top bits are fixed so that it is positive and never shorter. */
export function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

/** Issues one certificate; resolves to its PEM. */
export async function issueCertificate(issue: Issue): Promise<string> {
  const signer = issue.issuer ? { name: new x509.X509Certificate(issue.issuer.certPem).subjectName, keyPem: issue.issuer.keyPem } : { name: subjectName(issue.subject), keyPem: issue.selfKeyPem ?? "" };
  const { key, algorithm } = await signingKey(signer.keyPem);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: issue.serial ?? randomSerial(),
    subject: subjectName(issue.subject),
    issuer: signer.name,
    notBefore: wholeSeconds(issue.notBefore),
    notAfter: wholeSeconds(issue.notAfter),
    publicKey: new x509.PublicKey(copy(issue.publicKey)),
    signingKey: key,
    signingAlgorithm: algorithm,
    extensions: await extensionsOf(issue),
  });
  return `${certificate.toString("pem")}\n`;
}

function subjectName(subject: Issue["subject"]): x509.Name {
  return new x509.Name([{ CN: [{ utf8String: cut(subject.commonName) }] }, { O: [{ utf8String: cut(subject.organisation) }] }]);
}

function cut(text: string): string {
  return [...text].slice(0, 64).join("") || "unnamed";
}

async function extensionsOf(issue: Issue): Promise<x509.Extension[]> {
  const names = alternativeNames(issue);
  const key = new x509.PublicKey(copy(issue.publicKey));
  const authority = issue.issuer ? [await authorityKeyIdentifier(issue.issuer.certPem)] : [];
  return [...usage(issue.profile), ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []), await x509.SubjectKeyIdentifierExtension.create(key), ...authority];
}

/** The issuer's own subject key identifier, repeated (RFC 5280 section 4.2.1.1); an imported issuer may have computed it in another way. */
async function authorityKeyIdentifier(issuerPem: string): Promise<x509.Extension> {
  const issuer = new x509.X509Certificate(issuerPem);
  const own = issuer.getExtension(x509.SubjectKeyIdentifierExtension);
  return own ? new x509.AuthorityKeyIdentifierExtension(own.keyId) : x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey);
}

function usage(profile: Profile): x509.Extension[] {
  const { KeyUsageFlags, ExtendedKeyUsage } = x509;
  const leaf = (...purposes: string[]) => [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    ...(purposes.length > 0 ? [new x509.ExtendedKeyUsageExtension(purposes)] : []),
  ];
  const authority = (pathLength: number) => [new x509.BasicConstraintsExtension(true, pathLength, true), new x509.KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true)];
  switch (profile) {
    case "root-ca":
      return authority(1);
    case "issuing-ca":
      return authority(0);
    case "agent":
    case "gateway-control":
    case "bundle":
    case "probe":
    case "service-account":
      return leaf(ExtendedKeyUsage.clientAuth);
    case "gateway-listener":
    case "gateway-inside":
    case "agent-site":
    case "control":
    case "site-server":
    case "service":
      return leaf(ExtendedKeyUsage.serverAuth);
    case "signer":
      return leaf();
  }
}

function alternativeNames(issue: Issue): x509.JsonGeneralNames {
  const uris = issue.identityUri ? [{ type: "url" as const, value: issue.identityUri }] : [];
  return [...uris, ...(issue.dnsNames ?? []).map((name) => ({ type: isAddress(name) ? ("ip" as const) : ("dns" as const), value: name }))];
}

function isAddress(name: string): boolean {
  return isIpv4(name) || parseIpv6(name) !== undefined;
}

type SigningKey = { key: CryptoKey; algorithm: Algorithm | EcdsaParams };

async function signingKey(keyPem: string): Promise<SigningKey> {
  const key = createPrivateKey(keyPem);
  const der = key.export({ type: "pkcs8", format: "der" });
  if (key.asymmetricKeyType === "rsa") {
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    return { key: (await webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"])) as CryptoKey, algorithm };
  }
  const isP384 = key.asymmetricKeyDetails?.namedCurve === "secp384r1";
  const imported = await webcrypto.subtle.importKey("pkcs8", der, { name: "ECDSA", namedCurve: isP384 ? "P-384" : "P-256" }, false, ["sign"]);
  return { key: imported as CryptoKey, algorithm: { name: "ECDSA", hash: isP384 ? "SHA-384" : "SHA-256" } };
}

function wholeSeconds(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}

function copy(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}
