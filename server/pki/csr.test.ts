/** Requests as openssl and hostile hands make them. */
import { generateKeyPairSync, webcrypto } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasOpenssl, openssl } from "../../tests/support/openssl.ts";
import { CsrError, csrCharactersMax, parseCsr } from "./csr.ts";
import { generateKey, publicKeyOf, publicKeySha256 } from "./keys.ts";
import { x509 } from "./x509.ts";

let folder: string;

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-csr-"));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Makes a key with `keyArgs` of genpkey and a request for it. */
function request(keyArgs: string[], ...reqArgs: string[]): { pem: string; keyPem: string } {
  const keyPem = openssl(folder, "genpkey", ...keyArgs);
  fs.writeFileSync(path.join(folder, "key.pem"), keyPem);
  return { keyPem, pem: openssl(folder, "req", "-new", "-key", "key.pem", "-subj", "/CN=anything", ...reqArgs) };
}

const p256 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
const rsa = (bits: number, ...more: string[]) => ["-algorithm", "RSA", "-pkeyopt", `rsa_keygen_bits:${bits}`, ...more];

async function refusal(pem: string): Promise<string> {
  const error = await parseCsr(pem).then(() => undefined, (caught: unknown) => caught);
  expect(error).toBeInstanceOf(CsrError);
  return error instanceof Error ? error.message : "";
}

describe.skipIf(!hasOpenssl)("parseCsr", () => {
  it.each([["ec-p256", p256], ["ec-p384", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]], ["rsa-2048", rsa(2048)], ["rsa-4096", rsa(4096)]])("takes the key, and only the key, of a request with %s [T20]", async (keyType, keyArgs) => {
    const { pem, keyPem } = request(keyArgs, "-addext", "subjectAltName=DNS:other.example,URI:spiffe://x/y,IP:10.0.0.1");
    const csr = await parseCsr(pem);
    expect(csr.keyType).toBe(keyType);
    expect(csr.publicKeySpki).toEqual(publicKeyOf(keyPem));
    expect(csr.publicKeySha256).toBe(publicKeySha256(publicKeyOf(keyPem)));
    expect(csr.asks).toEqual({ isCa: false, names: ["other.example", "spiffe://x/y", "10.0.0.1"] });
  }, 60_000);

  it.each([["EC", p256], ["RSA", rsa(2048)]])("tells when an %s request asks to become a CA [T20]", async (_kind, keyArgs) => {
    expect((await parseCsr(request(keyArgs, "-addext", "basicConstraints=critical,CA:TRUE").pem)).asks.isCa).toBe(true);
  });

  it("refuses RSA under 2048 bits, and tells how many it has [T20]", async () => {
    expect(await refusal(request(rsa(1024)).pem)).toContain("1024 bits");
  });

  it("refuses an RSA exponent that is not 65537 or larger [T20]", async () => {
    expect(await refusal(request(rsa(2048, "-pkeyopt", "rsa_keygen_pubexp:3")).pem)).toContain("exponent");
  });

  it.each(["secp256k1", "P-521", "brainpoolP256r1"])("refuses the curve %s [T20]", async (curve) => {
    expect(await refusal(request(["-algorithm", "EC", "-pkeyopt", `ec_paramgen_curve:${curve}`]).pem)).toContain("use P-256 or P-384");
  });

  it("refuses a curve that brings parameters of its own [T16] [T20]", async () => {
    await refusal(request([...p256, "-pkeyopt", "ec_param_enc:explicit"]).pem);
  });

  it("refuses Ed25519 and DSA-like kinds of key with a sentence [T20]", async () => {
    expect(await refusal(request(["-algorithm", "ED25519"]).pem)).toContain("kind of key");
  });

  it("refuses a request signed with SHA-1 [T20]", async () => {
    expect(await refusal(request(rsa(2048), "-sha1").pem)).toContain("SHA-256");
    await refusal(request(p256, "-sha1").pem);
  });

  it.each([["EC", p256], ["RSA", rsa(2048)]])("refuses an %s request whose signature was made by another key [T20]", async (_kind, keyArgs) => {
    const first = der(request(keyArgs).pem);
    const second = der(request(keyArgs).pem);
    expect(await refusal(pemOf(grafted(first, second)))).toMatch(/signature does not fit|damaged/);
  });

  it("refuses an RSA-16384 request without doing arithmetic with it [T16]", async () => {
    const spki = spkiWithModulus(16_384);
    const started = performance.now();
    await refusal(pemOf(requestAround(spki)));
    expect(performance.now() - started).toBeLessThan(50);
  });

  it("refuses a text beyond the bound before it parses anything [T16]", async () => {
    expect(await refusal("-----BEGIN CERTIFICATE REQUEST-----\n" + "A".repeat(csrCharactersMax))).toContain("characters");
  });

  it("refuses what is no request: empty text, a certificate, two requests, a damaged one [T20]", async () => {
    const { pem } = request(p256);
    for (const text of ["", "hello", pem + pem, pem.replace(/CERTIFICATE REQUEST/g, "CERTIFICATE"), pemOf(der(pem).subarray(0, 60)), pemOf(Buffer.alloc(300, 0x30))]) await refusal(text);
  });

  it("never throws anything but its own complaint, whatever byte is changed [T20]", async () => {
    const bytes = der(request(p256).pem);
    for (let index = 0; index < bytes.length; index += 3) {
      const changed = Buffer.from(bytes);
      changed[index] = (changed[index] ?? 0) ^ 0x41;
      await refusal(pemOf(changed));
    }
  });

  it("reads a request that the platform's own WebCrypto made", async () => {
    const keys = (await webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"])) as CryptoKeyPair;
    const made = await x509.Pkcs10CertificateRequestGenerator.create({ name: "CN=agent", keys, signingAlgorithm: { name: "ECDSA", hash: "SHA-256" } });
    expect((await parseCsr(made.toString("pem"))).keyType).toBe("ec-p256");
  });
});

describe("generateKey", () => {
  it("makes EC and RSA keys whose halves belong together", async () => {
    for (const keyType of ["ec-p256", "ec-p384", "rsa-2048"] as const) {
      const pair = await generateKey(keyType);
      expect(publicKeyOf(pair.keyPem)).toEqual(pair.publicKey);
    }
  });
});

function der(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
}

function pemOf(bytes: Buffer): string {
  return `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
}

/** What the first applicant asked for under the signature of the second. */
function grafted(first: Buffer, second: Buffer): Buffer {
  const [info] = children(first);
  const [, algorithm, signature] = children(second);
  return sequence(Buffer.concat([info ?? Buffer.alloc(0), algorithm ?? Buffer.alloc(0), signature ?? Buffer.alloc(0)]));
}

/** The TLVs inside an outer SEQUENCE. */
function children(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  const outer = head(bytes, 0);
  for (let at = outer.start; at < bytes.length; ) {
    const { start, length } = head(bytes, at);
    found.push(bytes.subarray(at, start + length));
    at = start + length;
  }
  return found;
}

function head(bytes: Buffer, at: number): { start: number; length: number } {
  const first = bytes[at + 1] ?? 0;
  if (first < 0x80) return { start: at + 2, length: first };
  const size = first & 0x7f;
  return { start: at + 2 + size, length: bytes.readUIntBE(at + 2, size) };
}

function tlv(tag: number, content: Buffer): Buffer {
  const size = content.length;
  const length = size < 0x80 ? Buffer.from([size]) : size < 0x100 ? Buffer.from([0x81, size]) : Buffer.from([0x82, size >> 8, size & 0xff]);
  return Buffer.concat([Buffer.from([tag]), length, content]);
}

function sequence(content: Buffer): Buffer {
  return tlv(0x30, content);
}

/** SubjectPublicKeyInfo with an RSA modulus of so many bits that nobody generated. */
function spkiWithModulus(bits: number): Buffer {
  const modulus = Buffer.concat([Buffer.from([0]), Buffer.alloc(bits / 8, 0xff)]);
  const key = sequence(Buffer.concat([tlv(0x02, modulus), tlv(0x02, Buffer.from([1, 0, 1]))]));
  const algorithm = (generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ type: "spki", format: "der" })) as Buffer;
  return sequence(Buffer.concat([children(algorithm)[0] ?? Buffer.alloc(0), tlv(0x03, Buffer.concat([Buffer.from([0]), key]))]));
}

function requestAround(spki: Buffer): Buffer {
  const sha256WithRsa = Buffer.from("300d06092a864886f70d01010b0500", "hex");
  const info = sequence(Buffer.concat([tlv(0x02, Buffer.from([0])), sequence(Buffer.alloc(0)), spki, tlv(0xa0, Buffer.alloc(0))]));
  return sequence(Buffer.concat([info, sha256WithRsa, tlv(0x03, Buffer.alloc(2049))]));
}
