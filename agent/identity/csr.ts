/** A key and the request for its certificate, made on the endpoint with node:crypto alone (PKCS#10, RFC 2986). The request carries the key and nothing that decides. */
import { createPublicKey, generateKeyPairSync, sign } from "node:crypto";

/** A new ECDSA P-256 key, PKCS#8 PEM. */
export function makeKey(): string {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** The request for this key, PEM. The subject is a fixed word: the console fills in the real one. */
export function makeCsr(keyPem: string): string {
  const publicKey = createPublicKey(keyPem).export({ type: "spki", format: "der" });
  const commonName = der(0x30, der(0x06, Buffer.from([0x55, 0x04, 0x03])), der(0x0c, Buffer.from("sallyport-agent")));
  const info = der(0x30, der(0x02, Buffer.from([0])), der(0x30, der(0x31, commonName)), publicKey, der(0xa0));
  const ecdsaWithSha256 = der(0x30, der(0x06, Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])));
  const signature = sign("sha256", info, { key: keyPem, dsaEncoding: "der" });
  const request = der(0x30, info, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature));
  const lines = request.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join("\n")}\n-----END CERTIFICATE REQUEST-----\n`;
}

/** Tag, definite length, content (X.690 section 8.1.3). Contents here are below 64 KiB. */
function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length < 128 ? [content.length] : content.length < 256 ? [0x81, content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}
