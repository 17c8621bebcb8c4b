/** Changes a relay. Its id and its confirmed certificates stay. */
import type { z } from "zod";
import type { relayUpdate } from "../../../contract/relay-objects.ts";
import type { Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { demandUnchanged, withUniqueName, writeInOrganisation } from "../object/write.ts";
import { demandRelayFits, publishRelayChange, relayData, writeRelayGateways } from "./rules.ts";

export async function updateRelay(caller: Caller, input: z.infer<typeof relayUpdate>): Promise<{ version: number }> {
  const { id, version, ...fields } = input;
  return withUniqueName("relay", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      const before = await readFields(tx, caller, id);
      await demandRelayFits(tx, caller, id, fields);
      demandUnchanged("relay", await tx.relay.updateMany({ where: { id, organisationId: caller.organisationId, version }, data: { ...relayData(fields), version: { increment: 1 } } }));
      await writeRelayGateways(tx, id, fields.gatewayIds);
      await recordAudit(tx, caller, { action: "relay.update", target: { kind: "relay", id, name: input.name }, changes: changesBetween(before, fields) });
      await publishRelayChange(tx, caller, id);
      return { version: version + 1 };
    }),
  );
}

async function readFields(tx: Tx, caller: Caller, id: string) {
  const row = await tx.relay.findFirst({
    where: { id, organisationId: caller.organisationId },
    select: { name: true, direction: true, address: true, agentAddress: true, behindRelayId: true, siteId: true, networks: true, listeningAgents: true, note: true, gateways: { select: { gatewayId: true }, orderBy: { ordinal: "asc" } } },
  });
  if (!row) throw notFound("relay", id);
  const { gateways, ...fields } = row;
  return { ...fields, gatewayIds: gateways.map((gateway) => gateway.gatewayId) };
}
