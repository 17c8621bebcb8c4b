/** Opens a download: the link is spent in the statement that finds it, and only for the person or API key that asked for it (T34, T40). */
import type { Readable } from "node:stream";
import { notFound } from "../../errors.ts";
import { buildBundle } from "../bundle/build.ts";
import { type Caller, demandRole } from "../caller.ts";
import { openGatewayPackage } from "../gateway/package-content.ts";

export type OpenDownload = { fileName: string; contentType: string; stream: Readable };

/** Throws `not-found` alike for an unknown, foreign, used or expired link; `not-allowed` when the person's role was lowered since the link was made. */
export async function openDownload(caller: Caller, linkId: string): Promise<OpenDownload> {
  const now = new Date();
  const mine = { id: linkId, organisationId: caller.organisationId, createdById: caller.actor.id };
  const { count } = await caller.db.downloadLink.updateMany({ where: { ...mine, usedAt: null, expiresAt: { gt: now } }, data: { usedAt: now } });
  const link = count === 1 ? await caller.db.downloadLink.findFirst({ where: mine, select: { kind: true, targetId: true } }) : null;
  if (!link) throw notFound("download", linkId);
  switch (link.kind) {
    case "bundle":
      demandRole(caller, "operate");
      return buildBundle(caller, link.targetId);
    case "gateway-package":
      demandRole(caller, "administer");
      return openGatewayPackage(caller, link.targetId);
    default:
      throw notFound("download", linkId);
  }
}
