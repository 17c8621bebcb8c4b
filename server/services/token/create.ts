/** Makes an enrolment token: 32 random bytes whose hash is stored, wrapped in a text that says where to enrol and which CA to expect there. */
import { createHash, randomBytes } from "node:crypto";
import { formatToken, type TokenKind } from "../../../contract/enrolment.ts";
import type { Tx } from "../../db.ts";
import { env } from "../../env.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { trustAnchors } from "../certificate/authority.ts";

export type NewToken = {
  kind: TokenKind;
  expiresAt: Date;
  /** How often it can be spent, each time with another key. */
  usesMax?: number;
  /** The gateway that will have this identity; required for kind gateway. */
  gatewayId?: string | null;
  /** Re-enrolment of this agent; null makes a new one. */
  agentId?: string | null;
  bundleId?: string | null;
  groupIds?: readonly string[];
  /** Where to enrol, when it is not the installation's control channel or the organisation's agent site. */
  host?: string;
  port?: number;
};

/** SHA-256 of a token's secret, hex: all that the database knows of it. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Stores a token and returns its text, which is shown once and kept nowhere. */
export async function createToken(tx: Tx, caller: Caller, token: NewToken): Promise<{ id: string; text: string; expiresAt: Date }> {
  const secret = randomBytes(32).toString("base64url");
  const { caFingerprint } = await trustAnchors(tx, caller.organisationId);
  const place = await enrolAt(tx, caller, token);
  const row = await tx.enrolmentToken.create({
    data: {
      organisationId: caller.organisationId,
      kind: token.kind,
      secretHash: hashSecret(secret),
      usesMax: token.usesMax ?? 1,
      expiresAt: token.expiresAt,
      gatewayId: token.gatewayId ?? null,
      agentId: token.agentId ?? null,
      bundleId: token.bundleId ?? null,
      groupIds: [...(token.groupIds ?? [])],
      createdById: caller.actor.id,
    },
    select: { id: true, expiresAt: true },
  });
  await recordAudit(tx, caller, { action: "token.create", target: { kind: "token", id: row.id, name: `${token.kind} enrolment` }, changes: [{ path: "usesMax", before: null, after: token.usesMax ?? 1 }, { path: "expiresAt", before: null, after: row.expiresAt }] });
  return { id: row.id, text: formatToken(token.kind, { ...place, organisationId: caller.organisationId, caFingerprint, secret }), expiresAt: row.expiresAt };
}

async function enrolAt(tx: Tx, caller: Caller, token: NewToken): Promise<{ host: string; port: number }> {
  if (token.kind === "gateway") return { host: token.host ?? env().SALLYPORT_CONTROL_NAME, port: token.port ?? env().SALLYPORT_CONTROL_PORT };
  const site = await tx.organisation.findUniqueOrThrow({ where: { id: caller.organisationId }, select: { agentSiteNames: true, agentSitePort: true } });
  return { host: token.host ?? site.agentSiteNames[0] ?? "localhost", port: token.port ?? site.agentSitePort };
}
