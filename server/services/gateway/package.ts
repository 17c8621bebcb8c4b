/** The installation package of a gateway (S1-23, S1-24): a download link for the person who asked, and a token for people who enrol by hand. Both need no more than the console. */
import type { z } from "zod";
import type { gatewayPackageReply } from "../../../contract/objects.ts";
import { notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { createToken } from "../token/create.ts";
import { gatewayPackageName, gatewayTokenMs, warmGatewayPackage } from "./package-content.ts";

const linkMs = 15 * 60_000;
/** Makes the link (15 minutes, one use) and a token. What the link serves is packed at the download, with a token of its own. */
export async function createGatewayPackage(caller: Caller, input: { id: string }): Promise<z.infer<typeof gatewayPackageReply>> {
  const reply = await caller.db.$transaction(async (tx) => {
    const gateway = await tx.gateway.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: { id: true, name: true } });
    if (!gateway) throw notFound("gateway", input.id);
    const token = await createToken(tx, caller, { kind: "gateway", gatewayId: gateway.id, expiresAt: new Date(Date.now() + gatewayTokenMs) });
    const link = await tx.downloadLink.create({
      data: { organisationId: caller.organisationId, kind: "gateway-package", targetId: gateway.id, expiresAt: new Date(Date.now() + linkMs), createdById: caller.actor.id, createdByName: caller.actor.name },
      select: { id: true, expiresAt: true },
    });
    await recordAudit(tx, caller, { action: "gateway.package", target: { kind: "gateway", id: gateway.id, name: gateway.name } });
    return { url: `/api/download/${link.id}`, fileName: gatewayPackageName(gateway.name), expiresAt: link.expiresAt.toISOString(), token: token.text };
  });
  warmGatewayPackage();
  return reply;
}
