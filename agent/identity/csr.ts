/** A key, the request for its certificate (PKCS#10, RFC 2986), and a certificate of nobody's, made on the endpoint with node:crypto alone. The request carries the key and nothing that decides. */
import { createPublicKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** A new ECDSA P-256 key, PKCS#8 PEM. */
export function makeKey(): string {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** The request for this key, PEM. The subject is a fixed word: the console fills in the real one. */
export function makeCsr(keyPem: string): string {
  const publicKey = createPublicKey(keyPem).export({ type: "spki", format: "der" });
  return signed("CERTIFICATE REQUEST", der(0x30, der(0x02, Buffer.from([0])), agentName, publicKey, der(0xa0)), keyPem);
}

/**
 * A certificate of nobody's for this key (RFC 5280), PEM: the listener of an agent that is dialled encrypts the wire with it and proves nothing (S4-39, S4-42).
 * Valid from a day ago for ten years; whoever connects must not believe it anyway.
 */
export function makeSelfSigned(keyPem: string, now: Date): string {
  const publicKey = createPublicKey(keyPem).export({ type: "spki", format: "der" });
  const validity = der(0x30, utcTime(now.getTime() - 86_400_000), utcTime(now.getTime() + 3_650 * 86_400_000));
  const serial = randomBytes(16);
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0); // positive, and never shortened
  const content = der(0x30, der(0xa0, der(0x02, Buffer.from([2]))), der(0x02, serial), ecdsaWithSha256, agentName, validity, agentName, publicKey);
  return signed("CERTIFICATE", content, keyPem);
}

const ecdsaWithSha256 = der(0x30, der(0x06, Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])));
/** CN=sallyport-agent */
const agentName = der(0x30, der(0x31, der(0x30, der(0x06, Buffer.from([0x55, 0x04, 0x03])), der(0x0c, Buffer.from("sallyport-agent")))));

function signed(label: string, content: Buffer, keyPem: string): string {
  const signature = sign("sha256", content, { key: keyPem, dsaEncoding: "der" });
  const whole = der(0x30, content, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature));
  const lines = whole.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** UTCTime, good until 2049. */
function utcTime(ms: number): Buffer {
  return der(0x17, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]/g, "").slice(2, 14)}Z`));
}

/** Tag, definite length, content (X.690 section 8.1.3). Contents here are below 64 KiB. */
function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length < 128 ? [content.length] : content.length < 256 ? [0x81, content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}
