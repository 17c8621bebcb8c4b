/**
 * A gateway asks for a caller at its inside listener: an API key, or the client certificate that was issued to one. The gateway never decides; it gets a grant or a
 * refusal. Wrong credentials are limited per gateway and source (T35).
 */
import type { z } from "zod";
import type { reachAuthorisation, ReachAuthorisationReply } from "../../../contract/reach.ts";
import { ConsoleError } from "../../errors.ts";
import { reachCredentialLimit, takeAttempt } from "../attempts/take.ts";
import { findKey, noteUse } from "../api-key/authenticate.ts";
import type { Caller } from "../caller.ts";
import type { ReachActor } from "./decide.ts";
import { grantReach, refuse } from "./grant.ts";

type Input = z.infer<typeof reachAuthorisation>;

/** `gateway` is the caller of the control channel; its organisation is the only one that is looked at. */
export async function authoriseReach(gateway: Caller, input: Input, now: Date = new Date()): Promise<ReachAuthorisationReply> {
  const gatewayId = gateway.actor.id;
  const question = { name: input.name, port: input.port, gatewayId };
  const actor = await actorOf(gateway, input, now).catch(whenLimited);
  if (actor === "limited") return { kind: "refused", code: "reach-credential", detail: "Too many wrong credentials from this address; wait five minutes." };
  if (!actor) return short(await refuse({ ...gateway, source: input.source }, { ...question, actor: null }, { code: "reach-credential", detail: "The credential is unknown, revoked or expired here.", agent: null }));
  const caller: Caller = { ...gateway, actor: { kind: "api-key", id: actor.id, name: actor.name }, role: actor.role, source: input.source };
  return short(await grantReach(caller, { ...question, actor }, now));
}

function whenLimited(error: unknown): "limited" {
  if (error instanceof ConsoleError && error.code === "rate-limited") return "limited";
  throw error;
}

function short(answer: Awaited<ReturnType<typeof grantReach>>): ReachAuthorisationReply {
  return answer.kind === "granted" ? { kind: "granted", sessionId: answer.sessionId, agentId: answer.agent.id, grant: answer.grant } : { ...answer, detail: answer.detail.slice(0, 500) };
}

/** Null when nobody is behind the credential. Failures are counted per gateway and source; a right credential is never held up by the wrong ones of a neighbour. */
async function actorOf(gateway: Caller, input: Input, now: Date): Promise<ReachActor | null> {
  const { credential } = input;
  const key = credential.kind === "api-key" ? await findKey(gateway.db, credential.secret, gateway.organisationId) : await keyOfCertificate(gateway, credential, now);
  if (!key) {
    await takeAttempt(gateway.db, reachCredentialLimit(gateway.actor.id, input.source));
    return null;
  }
  await noteUse(gateway.db, key);
  return { kind: "api-key", id: key.id, name: key.name, role: key.role };
}

/** The certificate must be the one that was issued for this very key, and neither of the two revoked or over. */
async function keyOfCertificate(gateway: Caller, credential: { apiKeyId: string; fingerprint: string }, now: Date) {
  const { organisationId } = gateway;
  const certificate = await gateway.db.certificate.findFirst({
    where: { organisationId, apiKeyId: credential.apiKeyId, fingerprint: credential.fingerprint, purpose: "service-account", revokedAt: null, notAfter: { gt: now }, apiKey: { organisationId, revokedAt: null, expiresAt: { gt: now } } },
    select: { apiKey: { select: { id: true, name: true, role: true, organisationId: true, lastUsedAt: true } } },
  });
  return certificate?.apiKey ?? null;
}
