/** Makes a pool (S2-17, S3-60 to S3-70). */
import type { Tx } from "../../db.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { withUniqueName, writeInOrganisation } from "../object/write.ts";
import { writeMembers } from "./members.ts";
import { demandSessionsKept, poolData, type PoolFields } from "./rules.ts";

export async function createPool(caller: Caller, input: PoolFields): Promise<{ id: string }> {
  demandSessionsKept(input);
  return withUniqueName("pool", input.name, () => writeInOrganisation(caller, async (tx) => ({ id: await insertPool(tx, caller, input) })));
}

/** In the caller's transaction, which holds the organisation's lock; also used where a service is made together with its pool. */
export async function insertPool(tx: Tx, caller: Caller, input: PoolFields): Promise<string> {
  const { id } = await tx.pool.create({ data: { ...poolData(input), organisationId: caller.organisationId }, select: { id: true } });
  await writeMembers(tx, id, input.members.map(({ id: _id, ...member }) => member)); // ids belong to members of another pool
  await recordAudit(tx, caller, { action: "pool.create", target: { kind: "pool", id, name: input.name }, changes: changesBetween({}, input) });
  await publishLive(tx, caller.organisationId, { topic: "pool", id });
  return id;
}
