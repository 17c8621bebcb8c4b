/** Changes a site; an internet site never holds a management server (S1-42). */
import type { z } from "zod";
import type { siteUpdate } from "../../../contract/objects.ts";
import type { Tx } from "../../db.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { demandUnchanged, nameKey, withUniqueName, writeInOrganisation } from "../object/write.ts";

export async function updateSite(caller: Caller, input: z.infer<typeof siteUpdate>): Promise<{ version: number }> {
  const { id, version, ...fields } = input;
  if (fields.kind === "internet" && fields.subnets.length > 0) {
    throw new ConsoleError("input-invalid", "An internet site has no subnets; remove them or make it an intranet site.", { fields: [{ path: "subnets", message: "an internet site has no subnets" }] });
  }
  return withUniqueName("site", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      const before = await tx.site.findFirst({ where: { id, organisationId: caller.organisationId }, select: { name: true, kind: true, subnets: true, note: true } });
      if (!before) throw notFound("site", id);
      if (fields.kind === "internet") await demandNoManagementServer(tx, id, fields.name);
      demandUnchanged("site", await tx.site.updateMany({ where: { id, organisationId: caller.organisationId, version }, data: { ...fields, nameKey: nameKey(fields.name), version: { increment: 1 } } }));
      await recordAudit(tx, caller, { action: "site.update", target: { kind: "site", id, name: fields.name }, changes: changesBetween(before, fields) });
      await publishLive(tx, caller.organisationId, { topic: "site", id });
      return { version: version + 1 };
    }),
  );
}

async function demandNoManagementServer(tx: Tx, siteId: string, siteName: string): Promise<void> {
  const found = await tx.serverSite.findFirst({ where: { siteId, server: { kind: "management" } }, select: { server: { select: { name: true } } } });
  if (found) throw new ConsoleError("management-server-in-internet-site", `Management server "${found.server.name}" belongs to site "${siteName}"; take it out before making this an internet site.`, { fields: [{ path: "kind", message: "a management server belongs to this site" }] });
}
