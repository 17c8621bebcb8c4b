/** Registers a relay (X4-04, X4-05, X4-08). It carries nothing until its certificate has been confirmed. */
import type { z } from "zod";
import type { relayCreate } from "../../../contract/relay-objects.ts";
import { ConsoleError } from "../../errors.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { withUniqueName, writeInOrganisation } from "../object/write.ts";
import { demandRelayFits, newRelayKey, publishRelayChange, relayData, relayKeyHash, writeRelayGateways } from "./rules.ts";

/** Throws `relay-key-taken`, `name-taken`, `not-found`, `input-invalid`. */
export async function createRelay(caller: Caller, input: z.infer<typeof relayCreate>): Promise<{ id: string }> {
  const { relayKey = newRelayKey(), ...fields } = input;
  const { organisationId } = caller;
  return withUniqueName("relay", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      await demandRelayFits(tx, caller, null, fields);
      const relayKeySha256 = relayKeyHash(relayKey);
      const taken = await tx.relay.findFirst({ where: { organisationId, relayKeySha256 }, select: { name: true } });
      if (taken) throw new ConsoleError("relay-key-taken", `Relay "${taken.name}" already has this id. Several nodes behind a balancer share one relay: give them its settings file instead of making another one.`, { fields: [{ path: "relayKey", message: "already taken" }] });
      const { relayNumber: number } = await tx.organisation.update({ where: { id: organisationId }, data: { relayNumber: { increment: 1 } }, select: { relayNumber: true } });
      const { id } = await tx.relay.create({ data: { ...relayData(fields), organisationId, number, relayKey, relayKeySha256 }, select: { id: true } });
      await writeRelayGateways(tx, id, fields.gatewayIds);
      await recordAudit(tx, caller, { action: "relay.create", target: { kind: "relay", id, name: input.name }, changes: changesBetween({}, { ...fields, number, relayKeySha256 }) });
      await publishRelayChange(tx, caller, id);
      return { id };
    }),
  );
}
