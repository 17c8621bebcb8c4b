/** Makes a server and assigns it to sites and gateways (S1-33, S1-41, S1-44, S1-45). */
import type { z } from "zod";
import type { serverCreate } from "../../../contract/objects.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { bumpGateways, bumpPolicyRevision, publishLive } from "../change/publish.ts";
import { demandReferences } from "../object/references.ts";
import { nameKey, withUniqueName, writeInOrganisation } from "../object/write.ts";
import { demandNoInternetSite, demandUnambiguousTargets } from "./rules.ts";

export async function createServer(caller: Caller, input: z.infer<typeof serverCreate>): Promise<{ id: string }> {
  const { siteIds, gatewayIds, ...fields } = input;
  return withUniqueName("server", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      await demandReferences(tx, caller, { kind: "site", ids: siteIds, path: "siteIds" });
      await demandReferences(tx, caller, { kind: "gateway", ids: gatewayIds, path: "gatewayIds" });
      await demandNoInternetSite(tx, caller, input);
      const { id } = await tx.server.create({
        data: {
          ...fields, nameKey: nameKey(input.name), organisationId: caller.organisationId,
          sites: { create: siteIds.map((siteId) => ({ siteId })) },
          gateways: { create: gatewayIds.map((gatewayId) => ({ gatewayId })) },
        },
        select: { id: true },
      });
      await demandUnambiguousTargets(tx, caller, gatewayIds, "names");
      await recordAudit(tx, caller, { action: "server.create", target: { kind: "server", id, name: input.name }, changes: changesBetween({}, input) });
      await bumpGateways(tx, caller.organisationId, gatewayIds);
      await bumpPolicyRevision(tx, caller.organisationId);
      await publishLive(tx, caller.organisationId, { topic: "server", id });
      return { id };
    }),
  );
}
