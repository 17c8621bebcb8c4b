/**
 * The persistence cookie's value: member and expiry, sealed with the service's key, so that it tells nothing about the members and cannot be made by anyone else (T28).
 * Every gateway of the organisation has the key and opens what another sealed.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

/** `expiresAt`: milliseconds since 1970 after which the cookie is ignored; null: never. */
export type SealedMember = { serviceId: string; memberId: string; expiresAt: number | null };

const nonceBytes = 12;
const tagBytes = 16;
/** Version, member id, expiry: always the same length, so that the length tells nothing either. */
const plainBytes = 1 + 16 + 8;
/** Characters of a sealed member, all of `A-Za-z0-9_-`. */
export const sealedMemberLength = Math.ceil(((nonceBytes + plainBytes + tagBytes) * 4) / 3);
const sealedText = new RegExp(`^[A-Za-z0-9_-]{${sealedMemberLength}}$`);
const version = 1;

/** Seals a member into text that a cookie can carry (base64url). `keyBase64`: the service's persistenceKey, 32 bytes. */
export function sealMember(keyBase64: string, { serviceId, memberId, expiresAt }: SealedMember): string {
  const plain = Buffer.alloc(plainBytes);
  plain.writeUInt8(version, 0);
  Buffer.from(memberId.replaceAll("-", ""), "hex").copy(plain, 1);
  plain.writeDoubleBE(expiresAt ?? Infinity, 17);
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", cookieKey(keyBase64), nonce).setAAD(Buffer.from(serviceId, "latin1"));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString("base64url");
}

/** The member id that this service's key sealed and that is not over; undefined for anything else: forged, foreign, expired, malformed, too long. Never throws on a text. */
export function openMember(keyBase64: string, text: string, serviceId: string, nowMs: number): string | undefined {
  if (text.length !== sealedMemberLength || !sealedText.test(text)) return undefined;
  const sealed = Buffer.from(text, "base64url");
  // The last character has bits to spare: only the one spelling that was written counts.
  if (sealed.toString("base64url") !== text) return undefined;
  const plain = decrypt(cookieKey(keyBase64), sealed, serviceId);
  if (plain === undefined || plain.readUInt8(0) !== version || !(plain.readDoubleBE(17) > nowMs)) return undefined;
  return plain.toString("hex", 1, 17).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** GCM compares its tag in constant time; the work is the same for every text of the right length. */
function decrypt(key: Buffer, sealed: Buffer, serviceId: string): Buffer | undefined {
  const tagAt = nonceBytes + plainBytes;
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes }).setAAD(Buffer.from(serviceId, "latin1"));
  decipher.setAuthTag(sealed.subarray(tagAt, tagAt + tagBytes));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, tagAt)), decipher.final()]);
  } catch {
    // A wrong tag is an ordinary forged cookie, and the error says no more.
    return undefined;
  }
}

/** Keys by the service's secret; derived once each. There are as many as services, and old ones are few. */
const keys = new Map<string, Buffer>();
const keysMax = 2_000;

function cookieKey(keyBase64: string): Buffer {
  const known = keys.get(keyBase64);
  if (known) return known;
  const key = Buffer.from(hkdfSync("sha256", Buffer.from(keyBase64, "base64"), "", "sallyport persistence cookie 1", 32));
  if (keys.size >= keysMax) keys.clear();
  keys.set(keyBase64, key);
  return key;
}
