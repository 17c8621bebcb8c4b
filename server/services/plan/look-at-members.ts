/** Looks at the members' certificates as clients of the service, or the re-encrypting gateway, would meet them. */
import { mayDo } from "../../../contract/roles.ts";
import type { Caller } from "../caller.ts";
import type { MemberFacts, ServiceFacts } from "../lint/facts.ts";
import { lookAt, usualAnchors } from "./member-certificates.ts";
import type { MemberLook } from "./read-member.ts";
import { clientNames } from "./verdicts.ts";

/** Members that one plan dials; the others are judged by what health checks saw. */
const dialledMax = 50;

/** The service with what its members present now. An auditor's question dials nothing. */
export async function lookAtMembers(caller: Caller, service: ServiceFacts): Promise<ServiceFacts> {
  if ((service.mode !== "tls-passthrough" && service.mode !== "tls-reencrypt") || !mayDo(caller.role, "operate")) return service;
  const { members } = service.pool;
  const anchorsPem = await anchorsOf(caller, service);
  const looks = await lookAt(members.slice(0, dialledMax).map((member) => ({ host: member.host, port: member.port, serverName: serverNameFor(service, member), anchorsPem })));
  return { ...service, pool: { ...service.pool, members: members.map((member, index) => seen(member, looks[index])) } };
}

function seen(member: MemberFacts, look: MemberLook | undefined): MemberFacts {
  return look?.kind === "seen" ? { ...member, certificate: look.certificate } : member;
}

async function anchorsOf(caller: Caller, service: ServiceFacts): Promise<string[]> {
  const { verify } = service.memberTls;
  return service.mode === "tls-reencrypt" && verify.kind === "anchors" && verify.anchorsPem.length > 0 ? verify.anchorsPem : await usualAnchors(caller);
}

/** Pass-through: what clients ask for. Re-encrypt: what the gateway would send. */
function serverNameFor(service: ServiceFacts, member: MemberFacts): string | null {
  const [asked] = clientNames(service);
  if (service.mode === "tls-passthrough") return asked ?? null;
  switch (service.memberTls.serverName.kind) {
    case "client":
      return asked ?? null;
    case "fixed":
      return service.memberTls.serverName.name;
    case "member":
    case "none":
      return member.host;
  }
}
