/**
 * What the tunnel listeners present. Self-signed and CA-issued keys are made here, kept 0600 and reused for as long as the snapshot names the same
 * kind, key type and generation: a fingerprint that agents pin must not change by itself. Imported ones come with the snapshot and are not stored apart.
 */
import { createHash, createPrivateKey, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import path from "node:path";
import { z } from "zod";
import type { ListenerCertificate, Snapshot } from "../../../contract/snapshot.ts";
import type { ListenerCertificatePem } from "../../engine-messages.ts";
import { GatewayError } from "../../errors.ts";
import { makePrivateFolder, readIfPresent, writeDurably } from "../durable-file.ts";
import { generalNames, importKeyPair, makeKey, makeRequest, signing } from "./keypair.ts";
import { x509 } from "./x509.ts";

/** Asks the console to store what the listener presents, or to sign the request; answers with the chain. */
export type RegisterListenerCertificate = (
  request: { kind: "self-signed"; listenerId: string; generation: number; certificatePem: string } | { kind: "ca-issued"; listenerId: string; generation: number; csrPem: string },
) => Promise<{ chainPem: string }>;

type OwnCertificate = Exclude<ListenerCertificate, { kind: "imported" }>;

const storedCertificate = z.strictObject({ keyPem: z.string(), chainPem: z.string().nullable(), registered: z.boolean() });
type StoredCertificate = z.infer<typeof storedCertificate>;

/** Self-signed certificates are pinned, not chained; two years keeps them below what strict clients accept (825 days). */
const selfSignedDays = 730;
/** Back-dating, so that a client whose clock is a little slow accepts a fresh certificate. */
const backDateMs = 3_600_000;

export class ListenerCertificates {
  readonly #folder: string;

  constructor(stateDir: string) {
    this.#folder = path.join(stateDir, "listener");
  }

  /** Key and chain for every listener of `snapshot`. What does not exist yet is made and registered with the console; without `register` only what is on disk can be used. */
  async resolve(snapshot: Snapshot, register?: RegisterListenerCertificate): Promise<ListenerCertificatePem[]> {
    const resolved: ListenerCertificatePem[] = [];
    for (const listener of snapshot.listeners) {
      const choice = listener.certificate;
      if (choice.kind === "imported") resolved.push({ listenerId: listener.id, chainPem: choice.chainPem, keyPem: choice.keyPem });
      else resolved.push({ listenerId: listener.id, ...(await this.#own(choice, listener.id, snapshot.gatewayName, register)) });
    }
    return resolved;
  }

  /** The same for the inside listener; undefined when there is none. Its names make it another certificate, and it is asked for anew before it ends. */
  async resolveInside(snapshot: Snapshot, register?: RegisterListenerCertificate): Promise<{ chainPem: string; keyPem: string } | undefined> {
    const { inside } = snapshot;
    if (!inside) return undefined;
    const choice = inside.certificate;
    if (choice.kind === "imported") return { chainPem: choice.chainPem, keyPem: choice.keyPem };
    return await this.#own(choice, inside.id, snapshot.gatewayName, register, insideName(choice));
  }

  /** The inside listener's certificate is one of ours and has less than a third of its time left. */
  async endsInsideSoon({ inside }: Snapshot): Promise<boolean> {
    if (!inside || inside.certificate.kind === "imported") return false;
    const stored = await this.#load(path.join(this.#folder, `${insideName(inside.certificate)}.json`));
    return stored?.chainPem !== null && stored?.chainPem !== undefined && !endsLater(stored.chainPem);
  }

  async #own(choice: OwnCertificate, listenerId: string, gatewayName: string, register: RegisterListenerCertificate | undefined, name = `${choice.kind}-${choice.keyType}-${choice.generation}`): Promise<{ chainPem: string; keyPem: string }> {
    const file = path.join(this.#folder, `${name}.json`);
    const stored = (await this.#load(file)) ?? { keyPem: makeKey(choice.keyType), chainPem: null, registered: false };
    const isLasting = stored.chainPem !== null && (!name.startsWith("inside-") || !register || endsLater(stored.chainPem));
    if (stored.chainPem !== null && stored.registered && isLasting) return { chainPem: stored.chainPem, keyPem: stored.keyPem };
    if (!register) throw new GatewayError("certificate", `The listener's ${choice.kind} certificate of generation ${choice.generation} is not on this machine yet; it is made when the console can be reached.`);
    // The key goes to disk before anything is asked, so that a lost reply cannot leave the console with a certificate whose key is gone.
    await this.#save(file, stored);
    const made = choice.kind === "self-signed" ? (stored.chainPem ?? (await selfSign(choice, gatewayName, stored.keyPem))) : null;
    if (made !== null) await this.#save(file, { ...stored, chainPem: made });
    const { chainPem } = await register(
      made !== null
        ? { kind: "self-signed", listenerId, generation: choice.generation, certificatePem: made }
        : { kind: "ca-issued", listenerId, generation: choice.generation, csrPem: await makeRequest({ keyPem: stored.keyPem, keyType: choice.keyType, commonName: choice.names[0] ?? gatewayName, names: choice.names }) },
    );
    const final = made ?? chainPem;
    assertBelongs(final, stored.keyPem);
    await this.#save(file, { keyPem: stored.keyPem, chainPem: final, registered: true });
    return { chainPem: final, keyPem: stored.keyPem };
  }

  async #load(file: string): Promise<StoredCertificate | undefined> {
    const text = await readIfPresent(file);
    if (text === undefined) return undefined;
    try {
      return storedCertificate.parse(JSON.parse(text));
    } catch (cause) {
      throw new GatewayError("state-damaged", `The listener key in ${file} cannot be read; restore it from a backup, or remove the file and renew the gateway's certificate in the console.`, cause);
    }
  }

  async #save(file: string, stored: StoredCertificate): Promise<void> {
    await makePrivateFolder(this.#folder);
    await writeDurably(file, `${JSON.stringify(stored)}\n`);
  }
}

/** SHA-256 of the leaf's DER, lower-case hex. */
export function leafFingerprint(chainPem: string): string {
  return createHash("sha256").update(new X509Certificate(chainPem).raw).digest("hex");
}

function insideName(choice: OwnCertificate): string {
  return `inside-${choice.kind}-${choice.keyType}-${choice.generation}-${createHash("sha256").update(JSON.stringify(choice.names)).digest("hex").slice(0, 12)}`;
}

/** More than a third of its time is left. */
function endsLater(chainPem: string): boolean {
  const { validFrom, validTo } = new X509Certificate(chainPem);
  return Date.parse(validTo) - Date.now() > (Date.parse(validTo) - Date.parse(validFrom)) / 3;
}

function assertBelongs(chainPem: string, keyPem: string): void {
  if (!new X509Certificate(chainPem).checkPrivateKey(createPrivateKey(keyPem))) throw new GatewayError("certificate", "The console answered with a certificate for another key; nothing was changed. Renew the gateway's certificate in the console.");
}

async function selfSign(choice: OwnCertificate, gatewayName: string, keyPem: string): Promise<string> {
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: `4${randomBytes(16).toString("hex").slice(1)}`,
    name: [{ CN: [(choice.names[0] ?? gatewayName).slice(0, 64)] }],
    notBefore: new Date(now - backDateMs),
    notAfter: new Date(now + selfSignedDays * 86_400_000),
    keys: await importKeyPair(keyPem, choice.keyType),
    signingAlgorithm: signing[choice.keyType].sign,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(choice.keyType === "ec-p256" ? x509.KeyUsageFlags.digitalSignature : x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      ...(choice.names.length > 0 ? [new x509.SubjectAlternativeNameExtension(generalNames(choice.names))] : []),
    ],
  }, webcrypto as Crypto);
  return certificate.toString("pem");
}
