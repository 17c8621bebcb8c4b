/** Changes a pool; the gateways of its services get it within a second, and established connections stay. */
import type { z } from "zod";
import type { poolUpdate } from "../../../contract/service-objects.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { demandUnchanged, withUniqueName, writeInOrganisation } from "../object/write.ts";
import { demandNoDecryptionBeforeTunnel } from "../virtual-service/tunnel-members.ts";
import { memberStatuses } from "./member-status.ts";
import { writeMembers } from "./members.ts";
import { readPool } from "./read.ts";
import { demandSessionsKept, poolData, publishPoolChange } from "./rules.ts";
import { demandLastMemberConfirmed, servicesInUse, workingMembers } from "./working.ts";

export async function updatePool(caller: Caller, input: z.infer<typeof poolUpdate>): Promise<{ version: number }> {
  const { id, version, confirmName, ...fields } = input;
  demandSessionsKept(fields);
  return withUniqueName("pool", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      const before = await readPool(tx, caller, id);
      const services = await servicesInUse(tx, caller, id);
      const statuses = services.length === 0 ? new Map() : await memberStatuses(tx, caller.organisationId, id);
      const workedBefore = workingMembers(before, statuses).length > 0;
      demandUnchanged("pool", await tx.pool.updateMany({ where: { id, organisationId: caller.organisationId, version }, data: { ...poolData(fields), version: { increment: 1 } } }));
      await writeMembers(tx, id, fields.members);
      const after = await readPool(tx, caller, id);
      if (services.length > 0 && workedBefore && workingMembers(after, statuses).length === 0) {
        demandLastMemberConfirmed({ name: before.name, services, connections: [...statuses.values()].reduce((sum, status) => sum + status.connections, 0), confirmName });
      }
      await demandNoDecryptionBeforeTunnel(tx, caller, { poolId: id, path: "members" });
      await recordAudit(tx, caller, { action: "pool.update", target: { kind: "pool", id, name: fields.name }, changes: changesBetween(before, after) });
      await publishPoolChange(tx, caller, id);
      return { version: version + 1 };
    }),
  );
}
