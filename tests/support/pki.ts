/** A certificate authority for tests: real chains, good ones and ones broken in one known way. EC P-256 unless told otherwise. */
import "reflect-metadata";
import { createHash, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto as unknown as Crypto);

export type KeyKind = "ec-p256" | "ec-p384" | "rsa-1024" | "rsa-2048" | "rsa-4096";
export type Hash = "SHA-1" | "SHA-256" | "SHA-384";

export type CertificateOptions = {
  commonName?: string;
  organisation?: string;
  key?: KeyKind;
  /** Hash of the issuer's signature. */
  hash?: Hash;
  /** Default: an hour ago. */
  notBefore?: Date;
  /** Default: in 30 days. */
  notAfter?: Date;
  uris?: string[];
  dns?: string[];
  ips?: string[];
  /** Extended key usage; null leaves the extension out. */
  usage?: ("client" | "server")[] | null;
  /** Basic constraints; null leaves the extension out. */
  isCa?: boolean | null;
  pathLength?: number;
  /** Adds a critical extension nobody knows. */
  hasUnknownCritical?: boolean;
  /** Adds an extension of this many bytes. */
  paddingBytes?: number;
};

export type Issued = {
  certPem: string;
  keyPem: string;
  /** The certificate and the intermediates under the root, leaf first: what a server or client should send. */
  chainPem: string;
  /** SHA-256 of the DER, lower-case hex. */
  fingerprint: string;
  certificate: x509.X509Certificate;
};

const day = 24 * 3_600_000;
const reusable = new Map<KeyKind, Promise<CryptoKeyPair>>();

type CryptoKeyPair = webcrypto.CryptoKeyPair;

function rsa(bits: number, hash: Hash): webcrypto.RsaHashedKeyGenParams {
  return { name: "RSASSA-PKCS1-v1_5", modulusLength: bits, publicExponent: new Uint8Array([1, 0, 1]), hash };
}

async function makeKeys(kind: KeyKind): Promise<CryptoKeyPair> {
  const algorithm = kind === "ec-p256" ? { name: "ECDSA", namedCurve: "P-256" } : kind === "ec-p384" ? { name: "ECDSA", namedCurve: "P-384" } : rsa(Number(kind.slice(4)), "SHA-256");
  return await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

/** RSA keys are slow to make and are shared within a test file; EC ones are always new. */
async function keysFor(kind: KeyKind): Promise<CryptoKeyPair> {
  if (kind.startsWith("ec")) return await makeKeys(kind);
  let keys = reusable.get(kind);
  if (!keys) reusable.set(kind, (keys = makeKeys(kind)));
  return await keys;
}

async function toPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  return `-----BEGIN PRIVATE KEY-----\n${der.toString("base64").replace(/(.{64})/g, "$1\n").trimEnd()}\n-----END PRIVATE KEY-----\n`;
}

/** The key in the form that signs with the wanted hash: an RSA key carries its hash. */
async function signingKey(keys: CryptoKeyPair, kind: KeyKind, hash: Hash): Promise<webcrypto.CryptoKey> {
  if (kind.startsWith("ec")) return keys.privateKey;
  return await webcrypto.subtle.importKey("pkcs8", await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), { name: "RSASSA-PKCS1-v1_5", hash }, true, ["sign"]);
}

function signingAlgorithm(kind: KeyKind, hash: Hash): webcrypto.EcdsaParams | webcrypto.RsaHashedImportParams {
  return kind.startsWith("ec") ? { name: "ECDSA", hash } : { name: "RSASSA-PKCS1-v1_5", hash };
}

function extensionsOf(options: CertificateOptions): x509.Extension[] {
  const extensions: x509.Extension[] = [];
  const { isCa = false } = options;
  if (isCa !== null) extensions.push(new x509.BasicConstraintsExtension(isCa, options.pathLength, true));
  extensions.push(new x509.KeyUsagesExtension(isCa === true ? x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign : x509.KeyUsageFlags.digitalSignature, true));
  const usage = options.usage === undefined ? (isCa === true ? null : (["client"] as const)) : options.usage;
  if (usage) extensions.push(new x509.ExtendedKeyUsageExtension(usage.map((one) => (one === "client" ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth))));
  const names: x509.JsonGeneralNames = [...(options.uris ?? []).map((value) => ({ type: "url" as const, value })), ...(options.dns ?? []).map((value) => ({ type: "dns" as const, value })), ...(options.ips ?? []).map((value) => ({ type: "ip" as const, value }))];
  if (names.length > 0) extensions.push(new x509.SubjectAlternativeNameExtension(names));
  if (options.hasUnknownCritical) extensions.push(new x509.Extension("1.3.6.1.4.1.99999.1", true, new Uint8Array([5, 0])));
  if (options.paddingBytes) extensions.push(new x509.Extension("1.3.6.1.4.1.99999.2", false, octetString(options.paddingBytes)));
  return extensions;
}

function octetString(length: number): Uint8Array<ArrayBuffer> {
  const header = Buffer.from([0x04, 0x83, (length >> 16) & 255, (length >> 8) & 255, length & 255]);
  return new Uint8Array(Buffer.concat([header, Buffer.alloc(length, 0x61)]));
}

function nameOf(options: CertificateOptions, fallback: string): string {
  return `${options.organisation === undefined ? "" : `O=${options.organisation}, `}CN=${options.commonName ?? fallback}`;
}

let serial = 1_000;

/** A CA of a chain: a root, or an intermediate made with `intermediate`. */
export class TestCa {
  readonly issued: Issued;
  readonly #keys: CryptoKeyPair;
  readonly #kind: KeyKind;
  readonly #above: string;

  private constructor(issued: Issued, keys: CryptoKeyPair, kind: KeyKind, above: string) {
    this.issued = issued;
    this.#keys = keys;
    this.#kind = kind;
    this.#above = above;
  }

  static async root(options: CertificateOptions = {}): Promise<TestCa> {
    const kind = options.key ?? "ec-p256";
    const keys = await keysFor(kind);
    const name = nameOf(options, "Test Root");
    const certificate = await create({ subject: name, issuer: name, keys, kind, signer: keys, signerKind: kind, options: { isCa: true, ...options } });
    return new TestCa(await pack(certificate, keys, ""), keys, kind, "");
  }

  get certPem(): string {
    return this.issued.certPem;
  }

  async intermediate(options: CertificateOptions = {}): Promise<TestCa> {
    const kind = options.key ?? "ec-p256";
    const keys = await keysFor(kind);
    const certificate = await create({ subject: nameOf(options, "Test Issuing CA"), issuer: this.issued.certificate.subject, keys, kind, signer: this.#keys, signerKind: this.#kind, options: { isCa: true, ...options } });
    return new TestCa(await pack(certificate, keys, this.#above), keys, kind, `${certificate.toString("pem")}\n${this.#above}`);
  }

  async issue(options: CertificateOptions = {}): Promise<Issued> {
    const kind = options.key ?? "ec-p256";
    const keys = await keysFor(kind);
    const certificate = await create({ subject: nameOf(options, "leaf"), issuer: this.issued.certificate.subject, keys, kind, signer: this.#keys, signerKind: this.#kind, options });
    return await pack(certificate, keys, this.#above);
  }
}

type CreateInput = { subject: string; issuer: string; keys: CryptoKeyPair; kind: KeyKind; signer: CryptoKeyPair; signerKind: KeyKind; options: CertificateOptions };

async function create(input: CreateInput): Promise<x509.X509Certificate> {
  const { options } = input;
  const hash = options.hash ?? "SHA-256";
  serial += 1;
  return await x509.X509CertificateGenerator.create({
    serialNumber: serial.toString(16).padStart(8, "0"),
    subject: input.subject,
    issuer: input.issuer,
    notBefore: options.notBefore ?? new Date(Date.now() - 3_600_000),
    notAfter: options.notAfter ?? new Date(Date.now() + 30 * day),
    publicKey: input.keys.publicKey as unknown as x509.PublicKeyType,
    signingKey: (await signingKey(input.signer, input.signerKind, hash)) as unknown as CryptoKey,
    signingAlgorithm: signingAlgorithm(input.signerKind, hash),
    extensions: extensionsOf(options),
  });
}

async function pack(certificate: x509.X509Certificate, keys: CryptoKeyPair, above: string): Promise<Issued> {
  const certPem = `${certificate.toString("pem")}\n`;
  return { certPem, keyPem: await toPem(keys.privateKey), chainPem: `${certPem}${above}`, fingerprint: createHash("sha256").update(Buffer.from(certificate.rawData)).digest("hex"), certificate };
}
