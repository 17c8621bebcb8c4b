/** Takes a PKCS#12 file apart with node-forge: certificates and keys as DER. What they are worth is decided by others (H8). Blocks while it derives keys; run it in a worker. */
import forge from "node-forge";
import "./pbes2.ts";
import { derivationRounds, derivationRoundsMax } from "./derivation-bounds.ts";
import { ImportProblem } from "./import-result.ts";

export type Pkcs12Content = { certificates: Buffer[]; /** PrivateKeyInfo, DER. */ keys: Buffer[] };

/** Throws ImportProblem for a wrong password, for too much work, and for what is no PKCS#12. */
export function readPkcs12(bytes: Uint8Array, password: string | undefined): Pkcs12Content {
  const root = parse(bytes);
  const rounds = derivationRounds(root);
  if (rounds > derivationRoundsMax) throw new ImportProblem("certificate-not-usable", "pkcs12Base64", `The file asks for ${Number.isFinite(rounds) ? rounds : "an absurd number of"} rounds of key derivation; at most ${derivationRoundsMax} are done. Export it again with the default settings.`);
  const bags = open(root, password).safeContents.flatMap((content) => content.safeBags);
  return {
    certificates: bags.filter((bag) => bag.type === forge.pki.oids["certBag"]).map(certificateOf),
    keys: bags.filter((bag) => bag.type === forge.pki.oids["keyBag"] || bag.type === forge.pki.oids["pkcs8ShroudedKeyBag"]).map(keyOf),
  };
}

function parse(bytes: Uint8Array): forge.asn1.Asn1 {
  try {
    return forge.asn1.fromDer(forge.util.createBuffer(Buffer.from(bytes).toString("binary")), false);
  } catch (cause) {
    throw unreadable(cause);
  }
}

function open(root: forge.asn1.Asn1, password: string | undefined): forge.pkcs12.Pkcs12Pfx {
  try {
    return forge.pkcs12.pkcs12FromAsn1(root, false, password ?? "");
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : "";
    if (!/MAC could not be verified|wrong password|decrypt|Invalid padding/i.test(text)) throw unreadable(cause);
    throw new ImportProblem("certificate-password", "password", password ? "The password does not open this PKCS#12 file." : "This PKCS#12 file needs a password.", cause);
  }
}

function unreadable(cause: unknown): ImportProblem {
  return new ImportProblem("certificate-unreadable", "pkcs12Base64", "This is not a PKCS#12 file that can be read (.p12, .pfx); export it again, or import PEM files.", cause);
}

function certificateOf(bag: forge.pkcs12.Bag): Buffer {
  return derOf(bag.cert ? forge.pki.certificateToAsn1(bag.cert) : bag.asn1);
}

function keyOf(bag: forge.pkcs12.Bag): Buffer {
  return derOf(bag.key ? forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(bag.key)) : bag.asn1);
}

function derOf(asn: forge.asn1.Asn1): Buffer {
  return Buffer.from(forge.asn1.toDer(asn).getBytes(), "binary");
}
