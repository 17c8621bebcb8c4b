/** One pool with its members, what gateways say of them, and the share of new sessions that each gets now. */
import type { z } from "zod";
import { expectedShares } from "../../../contract/shares.ts";
import type { poolDetail } from "../../../contract/service-objects.ts";
import { serviceMode } from "../../../contract/virtual-service.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { iso } from "../object/list.ts";
import { poolColumns, toPoolRow } from "./list.ts";
import { memberStatuses, nobodyLooked } from "./member-status.ts";
import { poolSettingsColumns, poolSettingsOf } from "./read.ts";
import { tallyPools } from "./tally.ts";
import { isMemberUp } from "./working.ts";

export async function getPool(caller: Caller, input: { id: string }): Promise<z.infer<typeof poolDetail>> {
  const row = await caller.db.pool.findFirst({
    where: { id: input.id, organisationId: caller.organisationId },
    select: { ...poolColumns, ...poolSettingsColumns, version: true, updatedAt: true, services: { select: { id: true, name: true, mode: true }, orderBy: [{ nameKey: "asc" }, { id: "asc" }] } },
  });
  if (!row) throw notFound("pool", input.id);
  const [tallies, statuses] = await Promise.all([tallyPools(caller.db, caller.organisationId, [row.id]), memberStatuses(caller.db, caller.organisationId, row.id)]);
  const settings = poolSettingsOf(row);
  const shares = expectedShares(settings.scheduling, settings.members.map((member) => ({ ...member, isUp: isMemberUp(settings.healthCheck, statuses.get(member.id)) })));
  return {
    ...toPoolRow(row, tallies.get(row.id) ?? []), ...settings, version: row.version, updatedAt: iso(row.updatedAt),
    services: row.services.map((service) => ({ ...service, mode: serviceMode.parse(service.mode) })),
    members: settings.members.map((member, index) => ({ ...member, share: shares[index] ?? 0, status: statuses.get(member.id) ?? nobodyLooked })),
  };
}
