/** Makes an API key: `spk_` and 32 random bytes, shown once; only its SHA-256 is stored. */
import type { z } from "zod";
import type { apiKeyCreate, apiKeyReply } from "../../../contract/objects.ts";
import { isUniqueViolation, type Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { hashSecret, newSecret } from "../user/secret.ts";

export const apiKeyPrefix = "spk_";
/** How much of the key is kept readable, so that people can tell keys apart. */
const prefixLength = apiKeyPrefix.length + 6;

type Input = z.output<typeof apiKeyCreate>;

/** Throws `name-taken` when another key that is not revoked has the name. */
export async function createApiKey(caller: Caller, input: Input): Promise<z.output<typeof apiKeyReply>> {
  try {
    return await caller.db.$transaction((tx) => createKey(tx, caller, input));
  } catch (error) {
    if (isUniqueViolation(error)) throw new ConsoleError("name-taken", `An API key called "${input.name}" exists already; choose another name, or revoke that key first.`, { fields: [{ path: "name", message: "already taken" }] });
    throw error;
  }
}

/** The same within a transaction of the caller's. */
export async function createKey(tx: Tx, caller: Caller, input: Input): Promise<z.output<typeof apiKeyReply>> {
  const key = `${apiKeyPrefix}${newSecret()}`;
  const expiresAt = new Date(Date.now() + input.daysValid * 24 * 3_600_000);
  const { id } = await tx.apiKey.create({
    data: { organisationId: caller.organisationId, name: input.name, nameKey: input.name.toLowerCase(), role: input.role, prefix: key.slice(0, prefixLength), secretHash: hashSecret(key), createdById: caller.actor.id, createdByName: caller.actor.name, expiresAt },
    select: { id: true },
  });
  await recordAudit(tx, caller, { action: "api-key.create", target: { kind: "api-key", id, name: input.name }, changes: [{ path: "role", before: null, after: input.role }, { path: "expiresAt", before: null, after: expiresAt.toISOString() }] });
  await publishLive(tx, caller.organisationId, { topic: "apiKey", id });
  return { id, key, expiresAt: expiresAt.toISOString() };
}
