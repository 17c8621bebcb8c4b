/**
 * Changes the agent site: its names and port go to the management server, to gateways and to agents in the same transaction, and its certificate follows the names
 * (S1-16 to S1-21). A chosen imported certificate must cover every name.
 */
import { X509Certificate } from "node:crypto";
import { isIpv4, parseIpv6 } from "../../../contract/names.ts";
import type { Tx } from "../../db.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import { generateKey } from "../../pki/keys.ts";
import { changesBetween, recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { ensureServingCertificate } from "../certificate/serving.ts";
import { bumpGateways, bumpPolicyRevision, publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";
import { demandUnambiguousTargets } from "../server/rules.ts";
import { type AgentSiteSettings, readAgentSite } from "./agent-site-settings.ts";

export async function updateAgentSite(caller: Caller, input: AgentSiteSettings): Promise<void> {
  const { organisationId } = caller;
  const keyPair = await generateKey();
  await writeInOrganisation(caller, async (tx) => {
    const before = await readAgentSite(tx, organisationId);
    if (input.certificateId !== null) await demandCovering(tx, caller, input.certificateId, input.names);
    // Null lets the next step choose: our own newest certificate when it fits, or a new one.
    await tx.organisation.update({ where: { id: organisationId }, data: { agentSiteName: input.name, agentSiteNames: input.names, agentSitePort: input.port, agentSiteCertificateId: input.certificateId } });
    await ensureServingCertificate(tx, caller, "agent-site", keyPair);
    await moveManagementServer(tx, caller, input);
    await recordAudit(tx, caller, { action: "agent-site.update", target: { kind: "organisation", id: organisationId, name: input.name }, changes: changesBetween(before, input) });
    await bumpPolicyRevision(tx, organisationId);
    await publishLive(tx, organisationId, { topic: "organisation", id: organisationId });
  });
}

/** The management server that is our agent site has its names and port; gateways that forward to it learn them. */
async function moveManagementServer(tx: Tx, caller: Caller, input: AgentSiteSettings): Promise<void> {
  const { organisationId } = caller;
  const servers = await tx.server.findMany({ where: { organisationId, isAgentSite: true }, select: { id: true, names: true, ports: true, gateways: { select: { gatewayId: true } } } });
  for (const server of servers) {
    if (changesBetween({ names: server.names, ports: server.ports }, { names: input.names, ports: [input.port] }).length === 0) continue;
    const gatewayIds = server.gateways.map(({ gatewayId }) => gatewayId);
    await tx.server.updateMany({ where: { id: server.id, organisationId }, data: { names: input.names, ports: [input.port], isReady: false, readyCheckedAt: null, readyDetail: "", readyFingerprint: null, version: { increment: 1 } } });
    await demandUnambiguousTargets(tx, caller, gatewayIds, "names");
    await bumpGateways(tx, organisationId, gatewayIds);
    await publishLive(tx, organisationId, { topic: "server", id: server.id });
  }
}

async function demandCovering(tx: Tx, caller: Caller, certificateId: string, names: readonly string[]): Promise<void> {
  const row = await tx.certificate.findFirst({ where: { id: certificateId, organisationId: caller.organisationId, purpose: "imported", revokedAt: null }, select: { pem: true, notAfter: true, sealedKey: true } });
  if (!row?.sealedKey) throw notFound("imported certificate", certificateId);
  const certificate = new X509Certificate(row.pem);
  const missing = names.find((name) => (isAddress(name) ? certificate.checkIP(name) : certificate.checkHost(name, { subject: "never" })) === undefined);
  if (missing !== undefined) throw refused(`The certificate does not cover the name ${missing}; remove the name, or choose a certificate that has it.`);
  if (row.notAfter <= new Date()) throw refused(`The certificate has expired on ${row.notAfter.toISOString().slice(0, 10)}; choose another one.`);
}

function isAddress(name: string): boolean {
  return isIpv4(name) || parseIpv6(name) !== undefined;
}

function refused(sentence: string): ConsoleError {
  return new ConsoleError("certificate-not-usable", sentence, { fields: [{ path: "certificateId", message: sentence }] });
}
