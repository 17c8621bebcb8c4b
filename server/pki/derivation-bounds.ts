/** Reads how much work a password-protected file asks for, before any of it is done (T25): a file may name 10^9 rounds of key derivation. */
import forge from "node-forge";

/** Most rounds of PBKDF2 or of the PKCS#12 derivation that we do. OpenSSL writes 2,048; careful tools up to 600,000. */
export const derivationRoundsMax = 1_000_000;

type Asn1 = forge.asn1.Asn1;

/** Algorithms whose parameters hold a round count: PBES1 and PBES2 (RFC 8018), PKCS#12 PBE (RFC 7292 appendix C), PBKDF2, scrypt, PBMAC1. */
const derivations = /^1\.2\.840\.113549\.1\.(5\.(1|3|4|6|10|11|12|13|14)|12\.1\.[1-6])$|^1\.3\.6\.1\.4\.1\.11591\.4\.11$/;

/** The largest number in any key derivation's parameters found anywhere inside, also inside octet strings; and the round count of a PKCS#12 MAC. */
export function derivationRounds(root: Asn1): number {
  return Math.max(macRounds(root), ...walk(root, 0));
}

function* walk(node: Asn1, depth: number): Generator<number> {
  if (depth > 24) return;
  yield 0;
  if (isDerivation(node)) yield* integersIn(node, 0);
  for (const inner of insideOf(node)) yield* walk(inner, depth + 1);
}

function isDerivation(node: Asn1): boolean {
  const [first] = Array.isArray(node.value) ? node.value : [];
  return node.type === forge.asn1.Type.SEQUENCE && first?.type === forge.asn1.Type.OID && typeof first.value === "string" && derivations.test(forge.asn1.derToOid(first.value));
}

function* integersIn(node: Asn1, depth: number): Generator<number> {
  if (node.type === forge.asn1.Type.INTEGER && typeof node.value === "string") yield integerOf(node.value);
  if (Array.isArray(node.value) && depth < 12) for (const inner of node.value) yield* integersIn(inner, depth + 1);
}

/** Bytes of an INTEGER as a number; huge ones become Infinity instead of being computed. */
function integerOf(bytes: string): number {
  if (bytes.length > 6) return Number.POSITIVE_INFINITY;
  return [...bytes].reduce((sum, character) => sum * 256 + character.charCodeAt(0), 0);
}

/** Children, and what an octet string holds when that is DER itself (PKCS#12 nests three deep). */
function insideOf(node: Asn1): Asn1[] {
  if (Array.isArray(node.value) && node.type !== forge.asn1.Type.OCTETSTRING) return node.value;
  if (node.tagClass !== forge.asn1.Class.UNIVERSAL || node.type !== forge.asn1.Type.OCTETSTRING) return Array.isArray(node.value) ? node.value : [];
  const bytes = Array.isArray(node.value) ? node.value.map((part) => (typeof part.value === "string" ? part.value : "")).join("") : node.value;
  if (bytes.charCodeAt(0) !== 0x30) return [];
  try {
    return [forge.asn1.fromDer(bytes, false)];
  } catch {
    return []; // encrypted bytes that happen to begin like a sequence
  }
}

/** PFX ::= SEQUENCE { version, authSafe, macData SEQUENCE { mac, salt, iterations DEFAULT 1 } } (RFC 7292 section 4). */
function macRounds(root: Asn1): number {
  const mac = Array.isArray(root.value) ? root.value[2] : undefined;
  const rounds = Array.isArray(mac?.value) ? mac.value[2] : undefined;
  return rounds?.type === forge.asn1.Type.INTEGER && typeof rounds.value === "string" ? integerOf(rounds.value) : 0;
}
