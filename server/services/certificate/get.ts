/** One certificate with its chain and what relies on it. The private key is never part of an answer. */
import type { z } from "zod";
import type { certificateDetail } from "../../../contract/objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { certificateColumns, idsWithKey, toCertificateRow } from "./list.ts";
import { usesOf } from "./used-by.ts";

export async function getCertificate(caller: Caller, input: { id: string }, now: Date = new Date()): Promise<z.infer<typeof certificateDetail>> {
  const row = await caller.db.certificate.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: { ...certificateColumns, pem: true, chainPem: true } });
  if (!row) throw notFound("certificate", input.id);
  const [withKey, uses] = await Promise.all([idsWithKey(caller, [row]), usesOf(caller.db, caller, row)]);
  return { ...toCertificateRow(row, withKey.has(row.id), now), pem: row.pem, chainPem: row.chainPem, usedBy: [...uses.presenting, ...uses.pinning] };
}
