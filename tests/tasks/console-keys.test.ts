import "../support/with-database.ts";
import { CompactEncrypt, compactVerify, importJWK } from "jose";
import { beforeAll, expect, it } from "vitest";
import type { ConsoleKeys } from "../../contract/command.ts";
import { makeOrganisation } from "../console/support/console.ts";
import { db } from "../../server/db.ts";
import { consoleKeysOf } from "../../server/services/console-key/keys.ts";
import { openSealed } from "../../server/services/console-key/open.ts";
import { signForOrganisation } from "../../server/services/console-key/sign.ts";

let organisationId: string;
let other: string;
let keys: ConsoleKeys;

beforeAll(async () => {
  organisationId = (await makeOrganisation("Own")).id;
  other = (await makeOrganisation("Other")).id;
  const made = await Promise.all(Array.from({ length: 8 }, () => consoleKeysOf(db(), organisationId)));
  keys = made[0] ?? { signing: [], encryption: [] };
  expect(new Set(made.map((one) => JSON.stringify(one))).size).toBe(1);
});

async function sealed(text: string, header: Record<string, string> = {}): Promise<string> {
  const [key] = keys.encryption;
  if (!key) throw new Error("no encryption key");
  return new CompactEncrypt(new TextEncoder().encode(text)).setProtectedHeader({ alg: "ECDH-ES+A256KW", enc: "A256GCM", kid: key.kid, ...header }).encrypt(await importJWK(key, "ECDH-ES+A256KW"));
}

it("gives each organisation one signing key and one sealing key of its own, however many ask at once [S4-35]", async () => {
  const others = await consoleKeysOf(db(), other);
  expect([keys.signing.length, keys.encryption.length]).toEqual([1, 1]);
  expect(new Set([...keys.signing, ...keys.encryption, ...others.signing, ...others.encryption].map((key) => key.kid)).size).toBe(4);
});

it("keeps the private halves sealed at rest [T40]", async () => {
  const rows = await db().consoleKey.findMany({ where: { organisationId } });
  for (const row of rows) {
    expect(Buffer.from(row.sealedKey).toString("latin1")).not.toContain('"d"');
    expect(Object.keys(row.publicJwk as object)).not.toContain("d");
  }
});

it("signs with ES256 so that the public key the agents pin proves it", async () => {
  const jws = await signForOrganisation(db(), organisationId, { type: "sallyport-command+jwt", claims: { jti: "one" } });
  const [key] = keys.signing;
  const { protectedHeader } = await compactVerify(jws, await importJWK({ ...key }, "ES256"), { algorithms: ["ES256"] });
  expect(protectedHeader).toEqual({ alg: "ES256", typ: "sallyport-command+jwt", kid: key?.kid });
});

it("opens what was sealed to it, and nothing that was altered, compressed, for another organisation or of another kind [S4-35] [S4-43]", async () => {
  const jwe = await sealed("keys");
  expect(Buffer.from(await openSealed(db(), organisationId, jwe)).toString()).toBe("keys");
  const parts = jwe.split(".");
  const refused = { code: "command-invalid" };
  await expect(openSealed(db(), other, jwe)).rejects.toMatchObject(refused);
  for (let part = 0; part < 5; part += 1) {
    const text = parts[part] ?? "";
    const altered = parts.with(part, `${text.startsWith("A") ? "B" : "A"}${text.slice(1)}`).join(".");
    await expect(openSealed(db(), organisationId, altered)).rejects.toMatchObject(refused);
  }
  await expect(openSealed(db(), organisationId, "not.a.jwe")).rejects.toMatchObject(refused);
  await expect(openSealed(db(), organisationId, "x".repeat(400_001))).rejects.toMatchObject(refused);
  await expect(openSealed(db(), organisationId, await sealed("keys", { enc: "A128GCM" }))).rejects.toMatchObject(refused);
});
