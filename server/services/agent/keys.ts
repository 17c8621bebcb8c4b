/**
 * Takes in the key and the token that an agent made for its commands (S4-32, S4-35). They arrive sealed to the organisation's key, so that no relay in between has
 * seen them; the agent's certificate says whose they are.
 */
import { decodeProtectedHeader } from "jose";
import { agentKeys, keysType, publicJwk } from "../../../contract/command.ts";
import type { z } from "zod";
import { ConsoleError, notFound } from "../../errors.ts";
import { agentAuditLimit, takeAttempt } from "../attempts/take.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { openSealed } from "../console-key/open.ts";
import { writeInOrganisation } from "../object/write.ts";
import { openKey, sealKey } from "../seal.ts";

const tokenPurpose = "agent-token";
type Keys = z.infer<typeof agentKeys>;

/** Stores what the agent delivered; delivering the same again changes nothing. Throws `command-invalid` for anything but keys of exactly this agent, `rate-limited` for one that changes them without end. */
export async function storeAgentKeys(caller: Caller, agentId: string, sealed: string, now: Date = new Date()): Promise<void> {
  const keys = await readKeys(caller, sealed);
  if (keys.agentId !== agentId) throw new ConsoleError("command-invalid", "The keys are another agent's; an agent delivers its own.");
  const agent = await caller.db.agent.findFirst({ where: { id: agentId, organisationId: caller.organisationId }, select: { hostname: true, encryptionKey: true, sealedToken: true } });
  if (!agent) throw notFound("agent", agentId);
  const before = publicJwk.safeParse(agent.encryptionKey).data ?? null;
  if (before?.kid === keys.encryption.kid && agent.sealedToken !== null && isSameToken(agent.sealedToken, keys.token)) return;
  await takeAttempt(caller.db, agentAuditLimit(agentId));
  await writeInOrganisation(caller, async (tx) => {
    await tx.agent.updateMany({ where: { id: agentId, organisationId: caller.organisationId }, data: { encryptionKey: keys.encryption, sealedToken: sealKey(keys.token, tokenPurpose), keysAt: now } });
    await recordAudit(tx, caller, { action: "agent.keys", target: { kind: "agent", id: agentId, name: agent.hostname }, changes: [{ path: "encryptionKeyId", before: before?.kid ?? null, after: keys.encryption.kid }] });
    await publishLive(tx, caller.organisationId, { topic: "agent", id: agentId });
  });
}

/** The agent's token in the clear. Never leaves the process: commands carry an HMAC with it. */
export function openToken(sealedToken: Uint8Array): string {
  return openKey(sealedToken, tokenPurpose);
}

async function readKeys(caller: Caller, sealed: string): Promise<Keys> {
  const text = new TextDecoder().decode(await openSealed(caller.db, caller.organisationId, sealed));
  if (decodeProtectedHeader(sealed).typ !== keysType) throw new ConsoleError("command-invalid", "What the agent sent sealed are no keys.");
  const parsed = agentKeys.safeParse(parseText(text));
  if (parsed.success) return parsed.data;
  throw new ConsoleError("command-invalid", `The keys in the delivery cannot be used: ${parsed.error.issues.map((issue) => issue.path.join(".")).join(", ")}.`);
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema says what is missing; the text itself is repeated nowhere
  }
}

/** A token that cannot be opened (the database came from another installation) is replaced. */
function isSameToken(sealedToken: Uint8Array, token: string): boolean {
  try {
    return openToken(sealedToken) === token;
  } catch {
    return false;
  }
}
