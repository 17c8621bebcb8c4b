/** Asks a gateway for a new listener certificate of its own; its pin in policies changes with it, so the old pin stays until somebody replaces it. */
import { ConsoleError, notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { bumpGateways, publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";

export async function renewGatewayCertificate(caller: Caller, input: { id: string }): Promise<{ version: number }> {
  return writeInOrganisation(caller, async (tx) => {
    const gateway = await tx.gateway.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: { name: true, certificateKind: true, certificateGeneration: true, version: true } });
    if (!gateway) throw notFound("gateway", input.id);
    if (gateway.certificateKind === "imported") throw new ConsoleError("certificate-not-usable", `Gateway "${gateway.name}" presents an imported certificate; import its successor and choose that one.`, { fields: [{ path: "id", message: "the certificate was imported" }] });
    await tx.gateway.updateMany({ where: { id: input.id, organisationId: caller.organisationId }, data: { certificateGeneration: { increment: 1 }, version: { increment: 1 } } });
    await recordAudit(tx, caller, { action: "gateway.renew-certificate", target: { kind: "gateway", id: input.id, name: gateway.name }, changes: [{ path: "certificateGeneration", before: gateway.certificateGeneration, after: gateway.certificateGeneration + 1 }] });
    await bumpGateways(tx, caller.organisationId, [input.id]);
    await publishLive(tx, caller.organisationId, { topic: "gateway", id: input.id });
    return { version: gateway.version + 1 };
  });
}
