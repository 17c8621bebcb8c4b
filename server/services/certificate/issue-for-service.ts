/** Issues a certificate of the organisation's CA for virtual services, with a key that is made here and kept sealed, so that a service can start before anything is bought or imported. */
import type { z } from "zod";
import type { certificateIssueForService } from "../../../contract/objects.ts";
import { ConsoleError } from "../../errors.ts";
import { generateKey } from "../../pki/keys.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { likeLiteral } from "../object/list.ts";
import { writeInOrganisation } from "../object/write.ts";
import { removablePurposes } from "./impact.ts";
import { issueWithKey } from "./issue.ts";

/** Clients trust it where they trust the organisation's CA. Throws `name-taken`. */
export async function issueForService(caller: Caller, input: z.infer<typeof certificateIssueForService>): Promise<{ id: string }> {
  const { name, names } = input;
  const keyPair = await generateKey(input.keyType); // RSA takes a second: before the transaction
  return writeInOrganisation(caller, async (tx) => {
    const taken = await tx.certificate.findFirst({ where: { organisationId: caller.organisationId, purpose: { in: removablePurposes }, name: { equals: likeLiteral(name), mode: "insensitive" } }, select: { id: true } });
    if (taken) throw new ConsoleError("name-taken", `Another certificate is already called "${name}"; choose another name.`, { fields: [{ path: "name", message: `"${name}" is taken` }] });
    const issued = await issueWithKey(tx, caller, { purpose: "service", identity: null, names, commonName: names[0] ?? name, keyPair });
    await tx.certificate.updateMany({ where: { id: issued.certificateId, organisationId: caller.organisationId }, data: { name } });
    await recordAudit(tx, caller, { action: "certificate.issue", target: { kind: "certificate", id: issued.certificateId, name }, changes: [{ path: "names", before: null, after: names }, { path: "fingerprint", before: null, after: issued.fingerprint }] });
    return { id: issued.certificateId };
  });
}
