/** Ends an API key and its client certificates at once: its next call is refused, a stream it holds closes within five seconds. The row stays for the audit; its name is free again. */
import { notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { reviewSessions } from "../reach-session/review.ts";
import { withdrawScripts } from "../task/withdraw.ts";

/** Throws `not-found` for a key of another organisation or one already revoked. */
export async function revokeApiKey(caller: Caller, input: { id: string }): Promise<void> {
  await caller.db.$transaction(async (tx) => {
    const key = await tx.apiKey.findFirst({ where: { id: input.id, organisationId: caller.organisationId, revokedAt: null }, select: { id: true, name: true } });
    const { count } = key ? await tx.apiKey.updateMany({ where: { id: key.id, organisationId: caller.organisationId, revokedAt: null }, data: { revokedAt: new Date(), nameKey: `revoked ${key.id}` } }) : { count: 0 };
    if (!key || count === 0) throw notFound("API key", input.id);
    await tx.certificate.updateMany({ where: { organisationId: caller.organisationId, apiKeyId: key.id, revokedAt: null }, data: { revokedAt: new Date(), isCurrent: false } });
    await recordAudit(tx, caller, { action: "api-key.revoke", target: { kind: "api-key", id: key.id, name: key.name } });
    // Behind the audit event, whose lock keeps new sessions out until this is committed.
    await reviewSessions(tx, caller, { actor: { kind: "api-key", id: key.id } }, "its API key was revoked");
    await withdrawScripts(tx, caller, { kind: "api-key", ...key }, "its API key was revoked");
    await publishLive(tx, caller.organisationId, { topic: "apiKey", id: key.id });
  });
}
