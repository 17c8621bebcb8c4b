/** Makes a virtual service, with its pool in the same step where one is described: one object, one switch, live on save (S2-13 to S2-15). */
import type { z } from "zod";
import type { serviceCreate } from "../../../contract/service-objects.ts";
import type { Tx } from "../../db.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { demandReferences } from "../object/references.ts";
import { withUniqueName, writeInOrganisation } from "../object/write.ts";
import { insertPool } from "../pool/create.ts";
import { demandFreePoolName, demandSessionsKept } from "../pool/rules.ts";
import { demandServableCertificates } from "./certificates.ts";
import { demandFreeFronts } from "./demand-fronts.ts";
import { publishServiceChange, writeServiceParts } from "./parts.ts";
import { newPersistenceKey } from "./persistence-key.ts";
import { demandServiceRules } from "./rules.ts";
import { serviceData } from "./settings.ts";
import { demandNoDecryptionBeforeTunnel } from "./tunnel-members.ts";

type Input = z.infer<typeof serviceCreate>;

export async function createService(caller: Caller, input: Input): Promise<{ id: string }> {
  demandServiceRules(input);
  if (input.pool) demandSessionsKept(input.pool, "pool.");
  return withUniqueName("virtual service", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      await demandReferences(tx, caller, { kind: "gateway", ids: input.gatewayIds, path: "gatewayIds" });
      await demandServableCertificates(tx, caller, input.certificateIds);
      const { pool: _pool, ...fields } = input;
      const settings = { ...fields, poolId: await poolFor(tx, caller, input) };
      const { id } = await tx.virtualService.create({ data: { ...serviceData(settings), persistenceKey: newPersistenceKey(), organisationId: caller.organisationId }, select: { id: true } });
      await writeServiceParts(tx, id, settings);
      await demandFreeFronts(tx, caller, id);
      await demandNoDecryptionBeforeTunnel(tx, caller, { serviceId: id, path: input.pool ? "pool.members" : "poolId" });
      await recordAudit(tx, caller, { action: "virtual-service.create", target: { kind: "virtualService", id, name: input.name }, changes: changesBetween({}, settings) });
      await publishServiceChange(tx, caller, { id, gatewayIds: input.gatewayIds });
      return { id };
    }),
  );
}

async function poolFor(tx: Tx, caller: Caller, { pool, poolId }: Input): Promise<string> {
  if (pool) {
    await demandFreePoolName(tx, caller, pool.name);
    return insertPool(tx, caller, pool);
  }
  await demandPool(tx, caller, poolId ?? "");
  return poolId ?? "";
}

/** Throws `not-found`, on the field, for a pool that is not of this organisation. */
export async function demandPool(tx: Tx, caller: Caller, poolId: string): Promise<void> {
  const row = await tx.pool.findFirst({ where: { id: poolId, organisationId: caller.organisationId }, select: { id: true } });
  if (row) return;
  const { message } = notFound("pool", poolId);
  throw new ConsoleError("not-found", message, { fields: [{ path: "poolId", message }] });
}
