/** Changes a gateway's desired state; the gateway gets a new snapshot within a second. */
import type { z } from "zod";
import type { gatewayUpdate } from "../../../contract/objects.ts";
import type { Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { bumpGateways, bumpPolicyRevision, publishLive } from "../change/publish.ts";
import { demandReferences } from "../object/references.ts";
import { demandUnchanged, nameKey, withUniqueName, writeInOrganisation } from "../object/write.ts";
import { demandUnambiguousTargets } from "../server/rules.ts";
import { demandFreeListeners } from "../virtual-service/demand-fronts.ts";
import { demandNoDecryptionBeforeTunnel } from "../virtual-service/tunnel-members.ts";
import { type CertificateChoice, certificateChoiceOf, certificateColumns, demandUsableCertificate } from "./certificate-choice.ts";
import { demandInside, insideColumns, insideOf } from "./inside.ts";
import { demandListeners, writeListeners } from "./listeners.ts";

export async function updateGateway(caller: Caller, input: z.infer<typeof gatewayUpdate>): Promise<{ version: number }> {
  const { id, version, listeners, certificate, serverIds, inside, ...fields } = input;
  return withUniqueName("gateway", input.name, () =>
    writeInOrganisation(caller, async (tx) => {
      const before = await readGateway(tx, caller, id);
      await demandReferences(tx, caller, { kind: "server", ids: serverIds, path: "serverIds" });
      await demandUsableCertificate(tx, caller, certificate);
      await demandListeners(tx, caller, input);
      demandInside(input);
      // The gateway makes a new certificate of its own only when another kind or key is asked for: pins in policies depend on the old one.
      const generation = needsNewCertificate(before.certificate, certificate) ? { certificateGeneration: { increment: 1 } } : {};
      const data = { ...fields, ...insideColumns(inside), ...certificateColumns(certificate), ...generation, nameKey: nameKey(fields.name), version: { increment: 1 } };
      demandUnchanged("gateway", await tx.gateway.updateMany({ where: { id, organisationId: caller.organisationId, version }, data }));
      await writeListeners(tx, id, listeners);
      await setServers(tx, id, serverIds);
      await demandFreeListeners(tx, caller, id);
      await demandNoDecryptionBeforeTunnel(tx, caller, { gatewayId: id, path: "listeners" });
      await demandUnambiguousTargets(tx, caller, [id], "serverIds");
      await recordAudit(tx, caller, { action: "gateway.update", target: { kind: "gateway", id, name: fields.name }, changes: changesBetween(before, { ...fields, inside, certificate, serverIds: [...serverIds].sort(), listeners: listeners.map(comparable) }) });
      // Every gateway knows the inside listeners of the others.
      const isPeerNews = fields.name !== before.name || JSON.stringify(inside) !== JSON.stringify(before.inside);
      await bumpGateways(tx, caller.organisationId, isPeerNews ? undefined : [id]);
      await bumpPolicyRevision(tx, caller.organisationId);
      await publishLive(tx, caller.organisationId, { topic: "gateway", id });
      return { version: version + 1 };
    }),
  );
}

async function readGateway(tx: Tx, caller: Caller, id: string) {
  const row = await tx.gateway.findFirst({
    where: { id, organisationId: caller.organisationId },
    select: {
      name: true, publicNames: true, publicPort: true, isBehindLoadBalancer: true, drainTimeoutSeconds: true, forwardLogs: true, isFipsOnly: true, serviceAccount: true, note: true, insideAddress: true, insidePort: true, insideNames: true, certificateKind: true, certificateKeyType: true, importedCertificateId: true,
      listeners: { orderBy: { ordinal: "asc" } }, servers: { select: { serverId: true } },
    },
  });
  if (!row) throw notFound("gateway", id);
  const { certificateKind, certificateKeyType, importedCertificateId, listeners, servers, insideAddress, insidePort, insideNames, ...fields } = row;
  return {
    ...fields, inside: insideOf({ insideAddress, insidePort, insideNames }), certificate: certificateChoiceOf({ certificateKind, certificateKeyType, importedCertificateId }), serverIds: servers.map((server) => server.serverId).sort(),
    listeners: listeners.map((listener) => comparable({ ...listener, mode: listener.directServerId === null || listener.directPort === null ? { kind: "connect" } : { kind: "direct", serverId: listener.directServerId, port: listener.directPort } })),
  };
}

function comparable(listener: { address: string; port: number; mode: unknown; acceptProxy: unknown; limits: unknown }) {
  return { address: listener.address, port: listener.port, mode: listener.mode, acceptProxy: listener.acceptProxy, limits: listener.limits };
}

function needsNewCertificate(before: CertificateChoice, after: CertificateChoice): boolean {
  return after.kind !== "imported" && JSON.stringify(before) !== JSON.stringify(after);
}

async function setServers(tx: Tx, gatewayId: string, serverIds: readonly string[]): Promise<void> {
  const kept = { notIn: [...serverIds] };
  await tx.serverReach.deleteMany({ where: { gatewayId, serverId: kept } });
  await tx.gatewayServer.deleteMany({ where: { gatewayId, serverId: kept } });
  await tx.gatewayServer.createMany({ data: serverIds.map((serverId) => ({ gatewayId, serverId })), skipDuplicates: true });
}
