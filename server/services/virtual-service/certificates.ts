/** Which certificates a service may present: its organisation's, with a key, imported or issued for services. */
import type { Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { demandReferences } from "../object/references.ts";

/** Purposes of certificates that services may present. */
const servablePurposes = ["imported", "service"];

/** `kept`: certificates that the service has already; one of them that has expired since is no reason to refuse another change. */
export async function demandServableCertificates(tx: Tx, caller: Caller, ids: readonly string[], kept: readonly string[] = []): Promise<void> {
  await demandReferences(tx, caller, { kind: "certificate", ids, path: "certificateIds" });
  const rows = await tx.certificate.findMany({ where: { id: { in: [...ids] }, organisationId: caller.organisationId }, select: { id: true, purpose: true, name: true, subject: true, notAfter: true, revokedAt: true, sealedKey: true } });
  for (const [index, id] of ids.entries()) {
    const row = rows.find((candidate) => candidate.id === id);
    const problem = row && problemOf(row, kept.includes(id));
    if (problem) throw new ConsoleError("certificate-not-usable", `Certificate ${row.name || row.subject} cannot serve a virtual service: ${problem}.`, { fields: [{ path: `certificateIds.${index}`, message: problem }] });
  }
}

function problemOf(row: { purpose: string; notAfter: Date; revokedAt: Date | null; sealedKey: Uint8Array | null }, isKept: boolean): string | undefined {
  if (!servablePurposes.includes(row.purpose)) return "it belongs to something else; import one, or let the organisation's CA issue one for the service";
  if (row.sealedKey === null) return "its private key is not here; import it together with its key";
  if (row.revokedAt !== null) return "it is revoked";
  return !isKept && row.notAfter.getTime() <= Date.now() ? `it expired on ${row.notAfter.toISOString().slice(0, 10)}` : undefined;
}
