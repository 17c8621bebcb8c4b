/** Readiness of a server, checked for real from the console: its binding answers TLS with a certificate that fits its name (S1-39, S1-40, S1-43). */
import type { z } from "zod";
import type { serverReadiness } from "../../../contract/objects.ts";
import { notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { trustAnchors } from "../certificate/authority.ts";
import { publishLive } from "../change/publish.ts";
import { addressesOf } from "../probe/addresses.ts";
import { coversName, type Presented, readPresented } from "../probe/tls.ts";
import { readinessOf } from "./list.ts";

const columns = { id: true, name: true, kind: true, isAgentSite: true, names: true, ports: true, addresses: true, installCertificate: true, organisation: { select: { agentSiteCertificateId: true } } } as const;

export type ServerToCheck = { name: string; kind: "management" | "site"; isAgentSite: boolean; names: string[]; ports: number[]; addresses: string[]; /** Only a certificate of the organisation's CA counts. */ demandsOwnCa: boolean };
export type Verdict = { isReady: boolean; detail: string; fingerprint: string | null };

export async function checkServerReadiness(caller: Caller, input: { id: string }): Promise<z.infer<typeof serverReadiness>> {
  const { organisationId } = caller;
  const row = await caller.db.server.findFirst({ where: { id: input.id, organisationId }, select: columns });
  if (!row) throw notFound("server", input.id);
  const isImportedSite = row.isAgentSite && row.organisation.agentSiteCertificateId !== null;
  const verdict = await judgeServer(caller, { ...row, demandsOwnCa: row.installCertificate || (row.isAgentSite && !isImportedSite) });
  const data = { isReady: verdict.isReady, readyCheckedAt: new Date(), readyDetail: verdict.detail, readyFingerprint: verdict.fingerprint };
  await caller.db.$transaction(async (tx) => {
    await tx.server.updateMany({ where: { id: row.id, organisationId }, data });
    await recordAudit(tx, caller, { action: "server.check", target: { kind: "server", id: row.id, name: row.name }, changes: [{ path: "isReady", before: null, after: verdict.isReady }] });
    await publishLive(tx, organisationId, { topic: "server", id: row.id });
  });
  return readinessOf(data);
}

/** Checks every port under the first name, which is the one that policies hand out; the first that is not right decides. */
export async function judgeServer(caller: Caller, server: ServerToCheck): Promise<Verdict> {
  const [host] = server.names;
  if (host === undefined) return { isReady: false, detail: "the server has no name", fingerprint: null };
  const resolved = await addressesOf(host, server.addresses);
  if (resolved.kind === "failed") return { isReady: false, detail: `${resolved.detail}.`, fingerprint: null };
  const anchors = await trustAnchors(caller.db, caller.organisationId);
  let last: Verdict = { isReady: false, detail: "the server has no port", fingerprint: null };
  for (const port of server.ports) {
    const presented = await readPresented({ host, port, addresses: resolved.addresses, ca: [anchors.rootPem, anchors.issuingPem] });
    last = presented.kind === "failed" ? { isReady: false, detail: `${presented.detail}.`, fingerprint: null } : judgeCertificate(server, { host, port, presented });
    if (!last.isReady) return last;
  }
  return last;
}

function judgeCertificate(server: ServerToCheck, seen: { host: string; port: number; presented: Presented }, now: Date = new Date()): Verdict {
  const { host, port, presented } = seen;
  const { certificate, fingerprint, isTrusted } = presented;
  const subject = certificate.subject.replaceAll("\n", ", ").slice(0, 120) || "an empty subject";
  const no = (detail: string): Verdict => ({ isReady: false, detail, fingerprint });
  if (!coversName(certificate, host)) return no(`${host}:${port} presents the certificate of ${subject}, which does not cover the name ${host}; install one that does.`);
  if (now > new Date(certificate.validTo)) return no(`${host}:${port} presents a certificate that expired on ${certificate.validTo}; renew it.`);
  if (now < new Date(certificate.validFrom)) return no(`${host}:${port} presents a certificate that is valid only from ${certificate.validFrom}; compare the clocks.`);
  if (server.demandsOwnCa && !isTrusted) return no(`${host}:${port} presents the certificate of ${subject}, which this organisation's CA did not issue; issue one here and install it, or clear "Install certificate" for a third party's.`);
  return { isReady: true, detail: `${host}:${port} answers ${presented.protocol} with a certificate for ${host}, ${isTrusted ? "issued by this organisation's CA" : `issued by ${issuerOf(certificate.issuer)}`}.`, fingerprint };
}

function issuerOf(issuer: string): string {
  return /CN=([^\n]*)/.exec(issuer)?.[1]?.slice(0, 120) ?? "an unnamed CA";
}
