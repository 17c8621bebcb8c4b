/**
 * Makes a relay's key and self-signed certificate with nothing but node:crypto, so that the relay stays one file (X4-11). The certificate
 * says a name and no more: what counts is its fingerprint, which a person compares and confirms in the console (X4-04).
 */
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** RFC 5280 section 4.1.2.5: the date of a certificate that has no sensible end. A new certificate would need a new confirmation. */
const endOfTime = "99991231235959Z";
const ecdsaWithSha256 = sequence(oid([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));

export type SelfSigned = { certificatePem: string; keyPem: string };

/** `commonName`: at most 64 printable ASCII characters. `notBefore`: the clocks of others may be behind. */
export function makeSelfSigned(commonName: string, notBefore: Date): SelfSigned {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(set(sequence(oid([0x55, 0x04, 0x03]), der(0x0c, Buffer.from(commonName, "utf8")))));
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))), // version 3
    integer(randomBytes(16)),
    ecdsaWithSha256,
    name,
    sequence(der(0x18, Buffer.from(generalisedTime(notBefore))), der(0x18, Buffer.from(endOfTime))),
    name,
    publicKey.export({ format: "der", type: "spki" }),
    der(0xa3, sequence(
      extension([0x55, 0x1d, 0x13], true, sequence()), // basic constraints: no CA
      extension([0x55, 0x1d, 0x0f], true, der(0x03, Buffer.from([7, 0x80]))), // key usage: digitalSignature
      extension([0x55, 0x1d, 0x25], false, sequence(oid([0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01]), oid([0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02]))), // server and client authentication
    )),
  );
  const signature = sign("sha256", body, privateKey);
  const certificate = sequence(body, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
  return { certificatePem: pem("CERTIFICATE", certificate), keyPem: privateKey.export({ format: "pem", type: "pkcs8" }).toString() };
}

function extension(id: number[], isCritical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(isCritical ? [der(0x01, Buffer.from([0xff]))] : []), der(0x04, value));
}

/** X.690 section 8: tag, length, contents. */
function der(tag: number, contents: Buffer): Buffer {
  const { length } = contents;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), contents]);
}
function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}
function set(...parts: Buffer[]): Buffer {
  return der(0x31, Buffer.concat(parts));
}
function oid(bytes: number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}
/** A positive integer in the shortest form: the first bit clear, no needless zero byte in front. */
function integer(bytes: Buffer): Buffer {
  const positive = Buffer.from(bytes);
  if (positive.length > 1) positive[0] = ((positive[0] ?? 0) & 0x7f) | 0x40;
  return der(0x02, positive);
}

function generalisedTime(at: Date): string {
  return at.toISOString().replace(/\.\d+Z$/, "Z").replace(/[-:T]/g, "");
}

function pem(label: string, bytes: Buffer): string {
  return `-----BEGIN ${label}-----\n${bytes.toString("base64").replace(/(.{64})/g, "$1\n").trimEnd()}\n-----END ${label}-----\n`;
}
