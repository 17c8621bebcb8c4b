/**
 * The agent's key for commands and the token that every command must prove (S4-32, S4-33). Both are made here, once per identity, and leave this computer only
 * sealed to the console's key (S4-35).
 */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { calculateJwkThumbprint, CompactEncrypt, type CryptoKey, exportJWK, generateKeyPair, importJWK } from "jose";
import { z } from "zod";
import { agentKeys, commandAlgorithms, keysType, publicJwk, type PublicJwk } from "../contract/command.ts";
import { makePrivateDir, readTextFile, writeFileWhole } from "./files.ts";

const storedKeys = z.strictObject({
  agentId: z.uuid(),
  organisationId: z.uuid(),
  encryption: publicJwk.extend({ d: z.string().min(40).max(50) }),
  token: agentKeys.shape.token,
  createdAt: z.iso.datetime(),
  /** The console has taken them. */
  isDelivered: z.boolean(),
});
type StoredKeys = z.infer<typeof storedKeys>;
type Owner = { agentId: string; organisationId: string };

/** What opening a command needs. */
export type CommandKeys = { kid: string; privateKey: CryptoKey; token: Buffer; isDelivered: boolean };

export class CommandKeyStore {
  readonly #file: string;
  #loaded: { owner: string; keys: CommandKeys; stored: StoredKeys } | undefined;

  constructor(stateDir: string) {
    this.#file = path.join(stateDir, "keys", "command-keys.json");
  }

  /** The keys of this identity; made when there are none, when they are another identity's, or when the file is damaged. */
  async keysOf(owner: Owner): Promise<CommandKeys> {
    const name = `${owner.organisationId} ${owner.agentId}`;
    if (this.#loaded?.owner === name) return this.#loaded.keys;
    const stored = this.#read(owner) ?? (await this.#make(owner));
    const privateKey = await importJWK(stored.encryption, commandAlgorithms.keyManagement);
    if (privateKey instanceof Uint8Array) throw new TypeError("the command key is no elliptic curve key");
    const keys = { kid: stored.encryption.kid, privateKey, token: Buffer.from(stored.token, "base64url"), isDelivered: stored.isDelivered };
    this.#loaded = { owner: name, keys, stored };
    return keys;
  }

  /** The delivery, sealed to this key of the console (compact JWE). */
  async seal(owner: Owner, consoleKey: PublicJwk): Promise<string> {
    await this.keysOf(owner);
    const stored = this.#loaded?.stored;
    if (!stored) throw new Error("no command keys");
    const { d: _private, ...encryption } = stored.encryption;
    const content = agentKeys.parse({ agentId: stored.agentId, encryption, token: stored.token, createdAt: stored.createdAt });
    const header = { alg: commandAlgorithms.keyManagement, enc: commandAlgorithms.encryption, kid: consoleKey.kid, typ: keysType };
    return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(content))).setProtectedHeader(header).encrypt(await importJWK(consoleKey, header.alg));
  }

  /** The console has them: they are not delivered again unless it asks. */
  markDelivered(): void {
    if (!this.#loaded || this.#loaded.keys.isDelivered) return;
    this.#loaded.stored = { ...this.#loaded.stored, isDelivered: true };
    this.#loaded.keys = { ...this.#loaded.keys, isDelivered: true };
    this.#write(this.#loaded.stored);
  }

  #read(owner: Owner): StoredKeys | undefined {
    const text = readTextFile(this.#file);
    if (text === undefined) return undefined;
    try {
      const stored = storedKeys.parse(JSON.parse(text));
      return stored.agentId === owner.agentId && stored.organisationId === owner.organisationId ? stored : undefined;
    } catch {
      return undefined; // new ones are made and delivered; what was sealed to the old ones is refused as unreadable
    }
  }

  async #make(owner: Owner): Promise<StoredKeys> {
    const pair = await generateKeyPair(commandAlgorithms.keyManagement, { crv: "P-256", extractable: true });
    const { kty, crv, x, y, d } = await exportJWK(pair.privateKey);
    const kid = await calculateJwkThumbprint({ kty: "EC", crv: "P-256", x: x ?? "", y: y ?? "" }); // RFC 7638
    const stored = storedKeys.parse({ agentId: owner.agentId, organisationId: owner.organisationId, encryption: { kty, crv, x, y, d, kid }, token: randomBytes(32).toString("base64url"), createdAt: new Date().toISOString(), isDelivered: false });
    this.#write(stored);
    return stored;
  }

  #write(stored: StoredKeys): void {
    makePrivateDir(path.dirname(this.#file));
    writeFileWhole(this.#file, `${JSON.stringify(stored, null, 1)}\n`);
  }
}
