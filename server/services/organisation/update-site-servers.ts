/** Changes the defaults of new site servers: port and whether the certificate is installed (S1-36, S1-37). Existing ones keep theirs. */
import type { z } from "zod";
import type { siteServerSettings } from "../../../contract/objects.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";

export async function updateSiteServers(caller: Caller, input: z.infer<typeof siteServerSettings>): Promise<void> {
  const { organisationId } = caller;
  await writeInOrganisation(caller, async (tx) => {
    const row = await tx.organisation.findUniqueOrThrow({ where: { id: organisationId }, select: { name: true, siteServerPort: true, siteServerInstall: true } });
    await tx.organisation.update({ where: { id: organisationId }, data: { siteServerPort: input.port, siteServerInstall: input.installCertificate } });
    await recordAudit(tx, caller, { action: "site-servers.update", target: { kind: "organisation", id: organisationId, name: row.name }, changes: changesBetween({ port: row.siteServerPort, installCertificate: row.siteServerInstall }, input) });
    await publishLive(tx, organisationId, { topic: "organisation", id: organisationId });
  });
}
