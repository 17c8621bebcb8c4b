/** Makes a gateway: its desired state; it waits until somebody installs its package (S1-22, S1-27 to S1-30). */
import type { z } from "zod";
import type { gatewayCreate } from "../../../contract/objects.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { bumpGateways, publishLive } from "../change/publish.ts";
import { demandReferences } from "../object/references.ts";
import { nameKey, withUniqueName, writeInOrganisation } from "../object/write.ts";
import { demandUnambiguousTargets } from "../server/rules.ts";
import { demandNoDecryptionBeforeTunnel } from "../virtual-service/tunnel-members.ts";
import { certificateColumns, demandUsableCertificate } from "./certificate-choice.ts";
import { demandInside, insideColumns } from "./inside.ts";
import { demandListeners, writeListeners } from "./listeners.ts";

export async function createGateway(caller: Caller, input: z.infer<typeof gatewayCreate>): Promise<{ id: string }> {
  const { listeners, certificate, serverIds, inside, ...fields } = input;
  return withUniqueName("gateway", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      await demandReferences(tx, caller, { kind: "server", ids: serverIds, path: "serverIds" });
      await demandUsableCertificate(tx, caller, certificate);
      await demandListeners(tx, caller, input);
      demandInside(input);
      const { id } = await tx.gateway.create({
        data: { ...fields, ...insideColumns(inside), ...certificateColumns(certificate), nameKey: nameKey(input.name), organisationId: caller.organisationId, servers: { create: serverIds.map((serverId) => ({ serverId })) } },
        select: { id: true },
      });
      await writeListeners(tx, id, listeners);
      await demandNoDecryptionBeforeTunnel(tx, caller, { gatewayId: id, path: "listeners" });
      await demandUnambiguousTargets(tx, caller, [id], "serverIds");
      await recordAudit(tx, caller, { action: "gateway.create", target: { kind: "gateway", id, name: input.name }, changes: changesBetween({}, input) });
      if (inside) await bumpGateways(tx, caller.organisationId);
      await publishLive(tx, caller.organisationId, { topic: "gateway", id });
      return { id };
    }),
  );
}
