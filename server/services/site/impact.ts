/** What deleting a site would cut off: nothing by itself, so it is refused only while servers belong to it. */
import type { Impact } from "../../../contract/list.ts";
import type { Db, Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { impactOf, someLines } from "../object/confirm.ts";

export async function siteImpact(caller: Caller, input: { id: string }): Promise<Impact> {
  return (await siteWithImpact(caller.db, caller, input.id)).impact;
}

export async function siteWithImpact(reader: Db | Tx, caller: Caller, id: string): Promise<{ name: string; impact: Impact }> {
  const site = await reader.site.findFirst({
    where: { id, organisationId: caller.organisationId },
    select: { name: true, servers: { select: { server: { select: { name: true } } }, orderBy: { server: { nameKey: "asc" } } } },
  });
  if (!site) throw notFound("site", id);
  const blockers = someLines(site.servers.map(({ server }) => `server "${server.name}" is assigned to it; take the server out of the site first`));
  return { name: site.name, impact: impactOf({ blockers, undo: "Create the site again with the same subnets." }) };
}
