/** Issues a certificate of the organisation's CA for a server's names (S1-39): for a request, or with a key that is made here and shown once. */
import type { z } from "zod";
import type { serverCertificateIssue } from "../../../contract/objects.ts";
import type { serverCertificateReply } from "../../../contract/procedures.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import { generateKey } from "../../pki/keys.ts";
import type { Caller } from "../caller.ts";
import { issueFromCsr, issueWithKey } from "../certificate/issue.ts";
import { publishLive } from "../change/publish.ts";
import { writeInOrganisation } from "../object/write.ts";

type Reply = z.infer<typeof serverCertificateReply>;

export async function issueServerCertificate(caller: Caller, input: z.infer<typeof serverCertificateIssue>): Promise<Reply> {
  const keyPair = input.csrPem === undefined ? await generateKey(input.keyType) : undefined; // RSA takes a second: before the transaction
  return writeInOrganisation(caller, async (tx) => {
    const server = await tx.server.findFirst({ where: { id: input.serverId, organisationId: caller.organisationId }, select: { id: true, name: true, names: true, isAgentSite: true } });
    if (!server) throw notFound("server", input.serverId);
    if (server.isAgentSite) throw new ConsoleError("certificate-not-usable", "The agent site's certificate is made by the console itself and follows its settings; nothing has to be installed.", { fields: [{ path: "serverId", message: "this server is the agent site" }] });
    const request = { purpose: "site-server", identity: null, names: server.names, commonName: server.names[0] ?? server.name, serverId: server.id, audit: { kind: "server", id: server.id, name: server.name } } as const;
    await tx.certificate.updateMany({ where: { organisationId: caller.organisationId, serverId: server.id, isCurrent: true }, data: { isCurrent: false } });
    const reply: Reply = input.csrPem === undefined ? await withKey(issueWithKey(tx, caller, { ...request, isKeyKept: false, ...(keyPair ? { keyPair } : {}) })) : { ...pick(await issueFromCsr(tx, caller, { ...request, csrPem: input.csrPem })), keyPem: null };
    await publishLive(tx, caller.organisationId, { topic: "server", id: server.id });
    return reply;
  });
}

async function withKey(issued: Promise<{ chainPem: string; fingerprint: string; keyPem: string }>): Promise<Reply> {
  const { chainPem, fingerprint, keyPem } = await issued;
  return { chainPem, fingerprint, keyPem };
}

function pick({ chainPem, fingerprint }: { chainPem: string; fingerprint: string }) {
  return { chainPem, fingerprint };
}
