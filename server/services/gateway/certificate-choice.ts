/** Which certificate a gateway's listeners present: the columns and the contract's union, both ways. */
import type { z } from "zod";
import type { gatewayCertificateChoice } from "../../../contract/objects.ts";
import type { Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { demandReferences } from "../object/references.ts";

export type CertificateChoice = z.infer<typeof gatewayCertificateChoice>;
type Columns = { certificateKind: string; certificateKeyType: string; importedCertificateId: string | null };

export function certificateChoiceOf(row: Columns): CertificateChoice {
  if (row.certificateKind === "imported" && row.importedCertificateId !== null) return { kind: "imported", certificateId: row.importedCertificateId };
  const keyType = row.certificateKeyType === "rsa-2048" ? "rsa-2048" : "ec-p256";
  return { kind: row.certificateKind === "ca-issued" ? "ca-issued" : "self-signed", keyType };
}

export function certificateColumns(choice: CertificateChoice): Columns {
  return choice.kind === "imported"
    ? { certificateKind: "imported", certificateKeyType: "ec-p256", importedCertificateId: choice.certificateId }
    : { certificateKind: choice.kind, certificateKeyType: choice.keyType, importedCertificateId: null };
}

/** An imported certificate must be of this organisation, imported, valid, and have its key. */
export async function demandUsableCertificate(tx: Tx, caller: Caller, choice: CertificateChoice): Promise<void> {
  if (choice.kind !== "imported") return;
  await demandReferences(tx, caller, { kind: "certificate", ids: [choice.certificateId], path: "certificate.certificateId" });
  const row = await tx.certificate.findFirst({ where: { id: choice.certificateId, organisationId: caller.organisationId }, select: { purpose: true, subject: true, notAfter: true, revokedAt: true, sealedKey: true } });
  const problem = row && problemOf(row);
  if (problem) throw new ConsoleError("certificate-not-usable", `Certificate ${row.subject} cannot serve a gateway: ${problem}.`, { fields: [{ path: "certificate.certificateId", message: problem }] });
}

function problemOf(row: { purpose: string; notAfter: Date; revokedAt: Date | null; sealedKey: Uint8Array | null }): string | undefined {
  if (row.purpose !== "imported") return "it was not imported; choose self-signed or issued by the organisation's CA instead";
  if (row.sealedKey === null) return "it was imported without its private key";
  if (row.revokedAt !== null) return "it is revoked";
  return row.notAfter.getTime() <= Date.now() ? `it expired on ${row.notAfter.toISOString().slice(0, 10)}` : undefined;
}
