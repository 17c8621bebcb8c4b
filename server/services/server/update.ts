/** Changes a server and its assignments. The agent site's names, ports and kind follow the agent site's settings. */
import type { z } from "zod";
import type { serverUpdate } from "../../../contract/objects.ts";
import type { Tx } from "../../db.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { bumpGateways, bumpPolicyRevision, publishLive } from "../change/publish.ts";
import { demandReferences } from "../object/references.ts";
import { demandUnchanged, nameKey, withUniqueName, writeInOrganisation } from "../object/write.ts";
import { demandNoInternetSite, demandUnambiguousTargets } from "./rules.ts";

type Input = z.infer<typeof serverUpdate>;

export async function updateServer(caller: Caller, input: Input): Promise<{ version: number }> {
  const { id, version, siteIds, gatewayIds, ...fields } = input;
  return withUniqueName("server", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      const before = await readBefore(tx, caller, id);
      if (before.isAgentSite) demandAgentSiteKept(before, input);
      await demandReferences(tx, caller, { kind: "site", ids: siteIds, path: "siteIds" });
      await demandReferences(tx, caller, { kind: "gateway", ids: gatewayIds, path: "gatewayIds" });
      await demandNoInternetSite(tx, caller, input);
      const isElsewhere = changesBetween({ names: before.names, ports: before.ports, addresses: before.addresses }, { names: input.names, ports: input.ports, addresses: input.addresses }).length > 0;
      const stale = isElsewhere ? { isReady: false, readyCheckedAt: null, readyDetail: "", readyFingerprint: null } : {};
      demandUnchanged("server", await tx.server.updateMany({ where: { id, organisationId: caller.organisationId, version }, data: { ...fields, ...stale, nameKey: nameKey(fields.name), version: { increment: 1 } } }));
      await setAssignments(tx, id, { siteIds, gatewayIds });
      await demandUnambiguousTargets(tx, caller, gatewayIds, "names");
      const { isAgentSite: _isAgentSite, ...comparable } = before;
      await recordAudit(tx, caller, { action: "server.update", target: { kind: "server", id, name: fields.name }, changes: changesBetween(comparable, { ...fields, siteIds: [...siteIds].sort(), gatewayIds: [...gatewayIds].sort() }) });
      await bumpGateways(tx, caller.organisationId, [...new Set([...before.gatewayIds, ...gatewayIds])]);
      await bumpPolicyRevision(tx, caller.organisationId);
      await publishLive(tx, caller.organisationId, { topic: "server", id });
      return { version: version + 1 };
    }),
  );
}

async function readBefore(tx: Tx, caller: Caller, id: string) {
  const row = await tx.server.findFirst({
    where: { id, organisationId: caller.organisationId },
    select: { name: true, kind: true, isAgentSite: true, names: true, ports: true, addresses: true, installCertificate: true, note: true, sites: { select: { siteId: true } }, gateways: { select: { gatewayId: true } } },
  });
  if (!row) throw notFound("server", id);
  const { sites, gateways, ...fields } = row;
  return { ...fields, siteIds: sites.map((site) => site.siteId).sort(), gatewayIds: gateways.map((gateway) => gateway.gatewayId).sort() };
}

function demandAgentSiteKept(before: { kind: string; names: string[]; ports: number[] }, input: Input): void {
  const [change] = changesBetween({ kind: before.kind, names: before.names, ports: before.ports }, { kind: input.kind, names: input.names, ports: input.ports });
  if (!change) return;
  throw new ConsoleError("input-invalid", "This server is the agent site; its names and port are changed in the agent site's settings, where its certificate follows.", { fields: [{ path: change.path, message: "change it in the agent site's settings" }] });
}

async function setAssignments(tx: Tx, serverId: string, wanted: { siteIds: readonly string[]; gatewayIds: readonly string[] }): Promise<void> {
  const siteIds = [...wanted.siteIds];
  const gatewayIds = [...wanted.gatewayIds];
  await tx.serverSite.deleteMany({ where: { serverId, siteId: { notIn: siteIds } } });
  await tx.serverSite.createMany({ data: siteIds.map((siteId) => ({ serverId, siteId })), skipDuplicates: true });
  await tx.serverReach.deleteMany({ where: { serverId, gatewayId: { notIn: gatewayIds } } });
  await tx.gatewayServer.deleteMany({ where: { serverId, gatewayId: { notIn: gatewayIds } } });
  await tx.gatewayServer.createMany({ data: gatewayIds.map((gatewayId) => ({ serverId, gatewayId })), skipDuplicates: true });
}
