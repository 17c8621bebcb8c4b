/** Changes a virtual service: established connections go on as they are, the next ones find the new settings. */
import type { z } from "zod";
import type { serviceUpdate } from "../../../contract/service-objects.ts";
import type { Tx } from "../../db.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { demandReferences } from "../object/references.ts";
import { demandUnchanged, withUniqueName, writeInOrganisation } from "../object/write.ts";
import { demandServableCertificates } from "./certificates.ts";
import { demandPool } from "./create.ts";
import { demandFreeFronts } from "./demand-fronts.ts";
import { compareAddresses } from "./fronts.ts";
import { demandServiceConfirmed, serviceWithImpact } from "./impact.ts";
import { publishServiceChange, writeServiceParts } from "./parts.ts";
import { readService } from "./read.ts";
import { demandServiceRules } from "./rules.ts";
import { serviceData } from "./settings.ts";
import { agentsOfNames, demandStampConfirmed } from "./stamp.ts";
import { demandNoDecryptionBeforeTunnel } from "./tunnel-members.ts";

type Input = z.infer<typeof serviceUpdate>;
type Before = Awaited<ReturnType<typeof readService>>;

export async function updateService(caller: Caller, input: Input): Promise<{ version: number }> {
  const { id, version, confirmName: _confirmName, ...fields } = input;
  demandServiceRules(fields);
  return withUniqueName("virtual service", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      const before = await readService(tx, caller, id);
      await demandReferences(tx, caller, { kind: "gateway", ids: fields.gatewayIds, path: "gatewayIds" });
      await demandPool(tx, caller, fields.poolId);
      await demandServableCertificates(tx, caller, fields.certificateIds, before.certificateIds);
      await demandLossConfirmed(tx, caller, { before, input });
      demandUnchanged("virtual service", await tx.virtualService.updateMany({ where: { id, organisationId: caller.organisationId, version }, data: { ...serviceData(fields), version: { increment: 1 } } }));
      await writeServiceParts(tx, id, fields);
      await demandFreeFronts(tx, caller, id);
      await demandNoDecryptionBeforeTunnel(tx, caller, { serviceId: id, path: "mode" });
      const after = await readService(tx, caller, id);
      await recordAudit(tx, caller, { action: "virtual-service.update", target: { kind: "virtualService", id, name: fields.name }, changes: changesBetween(before, after) });
      await publishServiceChange(tx, caller, { id, gatewayIds: [...before.gatewayIds, ...after.gatewayIds] });
      for (const poolId of new Set([before.poolId, after.poolId])) await publishLive(tx, caller.organisationId, { topic: "pool", id: poolId });
      return { version: version + 1 };
    }),
  );
}

/** Switching off asks as the switch itself does; taking away an address or a gateway asks while clients are connected; another stamp name asks while clients know the old one (S3-22). */
async function demandLossConfirmed(tx: Tx, caller: Caller, change: { before: Before; input: Input }): Promise<void> {
  const { before, input } = change;
  const { name, connections, impact } = await serviceWithImpact(tx, caller, input.id);
  const { confirmName } = input;
  const asked = { name, connections, agents: impact.agentsAffected, confirmName };
  if (before.isEnabled && !input.isEnabled && impact.needsConfirmation) demandServiceConfirmed({ ...asked, what: "Switching off" });
  const moves = compareAddresses(before, input) !== "same" || before.gatewayIds.some((id) => !input.gatewayIds.includes(id));
  if (moves && impact.needsConfirmation && connections > 0) demandServiceConfirmed({ ...asked, what: "Moving" });
  const agents = before.stampName === null || before.stampName === input.stampName ? 0 : await agentsOfNames(tx, caller.organisationId, [before.stampName]);
  demandStampConfirmed({ name, before: before.stampName, after: input.stampName, agents, connections, confirmName });
}
