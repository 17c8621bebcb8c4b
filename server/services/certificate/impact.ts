/** What deleting a certificate would cut off. Only imported ones and those for virtual services are deleted; what the console issued otherwise lives and ends with its owner. */
import type { Impact } from "../../../contract/list.ts";
import type { Db, Tx } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { impactOf, someLines } from "../object/confirm.ts";
import { usesOf } from "./used-by.ts";

/** Purposes of certificates that belong to nobody else and go when somebody deletes them. */
export const removablePurposes = ["imported", "service"];

export async function certificateImpact(caller: Caller, input: { id: string }): Promise<Impact> {
  return (await certificateWithImpact(caller.db, caller, input.id)).impact;
}

export async function certificateWithImpact(reader: Db | Tx, caller: Caller, id: string): Promise<{ name: string; impact: Impact }> {
  const row = await reader.certificate.findFirst({ where: { id, organisationId: caller.organisationId }, select: { id: true, name: true, subject: true, purpose: true, fingerprint: true } });
  if (!row) throw notFound("certificate", id);
  const uses = await usesOf(reader, caller, row);
  const blockers = [
    ...(removablePurposes.includes(row.purpose) ? [] : ["this console issued it: it goes with the agent, gateway, server or bundle it belongs to"]),
    ...uses.presenting.map((use) => `${use}; choose another certificate there first`),
  ];
  const name = row.name || row.subject;
  return { name, impact: impactOf({ lines: someLines(uses.pinning), blockers: someLines(blockers), undo: row.purpose === "service" ? "Let the organisation's CA issue another; this one's private key is deleted here." : "Import the file again; its private key is deleted here." }) };
}
