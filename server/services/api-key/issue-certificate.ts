/** A client certificate for an API key, for tools that prove themselves by mutual TLS at a gateway's inside listener. The key pair stays with whoever asks. */
import type { z } from "zod";
import { formatIdentity } from "../../../contract/names.ts";
import type { apiKeyCertificateIssue, apiKeyCertificateReply } from "../../../contract/reach-objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { issueFromCsr } from "../certificate/issue.ts";
import { publishLive } from "../change/publish.ts";
import { iso } from "../object/list.ts";
import { writeInOrganisation } from "../object/write.ts";

/** It ends with the API key at the latest, and is revoked with it. Throws `not-found`, `csr-refused` or `key-reused`. */
export async function issueApiKeyCertificate(caller: Caller, input: z.output<typeof apiKeyCertificateIssue>): Promise<z.output<typeof apiKeyCertificateReply>> {
  const { organisationId } = caller;
  return writeInOrganisation(caller, async (tx) => {
    const key = await tx.apiKey.findFirst({ where: { id: input.id, organisationId, revokedAt: null, expiresAt: { gt: new Date() } }, select: { id: true, name: true, expiresAt: true, organisation: { select: { trustDomain: true } } } });
    if (!key) throw notFound("API key", input.id);
    const identity = formatIdentity({ trustDomain: key.organisation.trustDomain, organisationId, kind: "key", id: key.id });
    const { certificateId, chainPem, fingerprint } = await issueFromCsr(tx, caller, { purpose: "service-account", csrPem: input.csrPem, identity, commonName: key.name, apiKeyId: key.id, until: key.expiresAt, audit: { kind: "api-key", id: key.id, name: key.name } });
    const { notAfter } = await tx.certificate.findUniqueOrThrow({ where: { id: certificateId }, select: { notAfter: true } });
    await publishLive(tx, organisationId, { topic: "apiKey", id: key.id });
    return { chainPem, fingerprint, notAfter: iso(notAfter) };
  });
}
