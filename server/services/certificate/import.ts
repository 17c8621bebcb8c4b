/** Imports a third party's server certificate with its key, for a gateway's listener, a virtual service or the agent site (S1-30). */
import type { z } from "zod";
import type { certificateImport } from "../../../contract/objects.ts";
import { isUniqueViolation } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import type { ImportFile, ImportParts } from "../../pki/import-result.ts";
import { readImport } from "../../pki/read-import.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";
import { likeLiteral } from "../object/list.ts";
import { writeInOrganisation } from "../object/write.ts";
import { storeCertificate } from "./store.ts";

type Input = z.infer<typeof certificateImport>;

/** Throws the `certificate-…` codes, `too-large`, `rate-limited` and `name-taken`; the sentence says which part of the file is wrong. */
export async function importCertificate(caller: Caller, input: Input, now: Date = new Date()): Promise<{ id: string }> {
  const parts = await readParts(input, now);
  try {
    return await writeInOrganisation(caller, async (tx) => {
      demandFreeName(input.name, await tx.certificate.findFirst({ where: { organisationId: caller.organisationId, purpose: { in: ["imported", "service"] }, name: { equals: likeLiteral(input.name), mode: "insensitive" } }, select: { id: true } }));
      const stored = await storeCertificate(tx, { organisationId: caller.organisationId, purpose: "imported", name: input.name, pem: parts.leafPem, chainPem: parts.chainPem, keyPem: parts.keyPem });
      await recordAudit(tx, caller, { action: "certificate.import", target: { kind: "certificate", id: stored.certificateId, name: input.name }, changes: [{ path: "fingerprint", before: null, after: stored.fingerprint }] });
      await publishLive(tx, caller.organisationId, { topic: "certificate", id: stored.certificateId });
      return { id: stored.certificateId };
    });
  } catch (error) {
    if (isUniqueViolation(error)) throw new ConsoleError("name-taken", "This certificate is imported already; find it in the list by its fingerprint.", { cause: error });
    throw error;
  }
}

async function readParts(input: Input, now: Date): Promise<ImportParts> {
  const outcome = await readImport(fileOf(input), now);
  switch (outcome.kind) {
    case "read":
      return outcome;
    case "refused":
      throw new ConsoleError(outcome.code, outcome.sentence, { fields: [{ path: outcome.field, message: outcome.sentence }] });
    case "busy":
      throw new ConsoleError("rate-limited", "Other files are being imported just now; try again in a few seconds.");
    case "late":
      throw new ConsoleError("certificate-not-usable", "Opening the file takes too long; export it again with the default settings.");
  }
}

function fileOf(input: Input): ImportFile {
  const { pem, keyPem, password, pkcs12Base64 } = input;
  return {
    ...(pem === undefined ? {} : { pem }), ...(keyPem === undefined ? {} : { keyPem }), ...(password === undefined ? {} : { password }),
    ...(pkcs12Base64 === undefined ? {} : { pkcs12: new Uint8Array(Buffer.from(pkcs12Base64, "base64")) }),
  };
}

function demandFreeName(name: string, taken: { id: string } | null): void {
  if (taken) throw new ConsoleError("name-taken", `Another certificate is already called "${name}"; choose another name.`, { fields: [{ path: "name", message: `"${name}" is taken` }] });
}
