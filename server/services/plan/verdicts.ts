/** Which certificate a client meets in each mode, whether it would warn about the name, and what cures it (S3-47 to S3-55, N5). */
import type { z } from "zod";
import type { nameVerdict } from "../../../contract/service-objects.ts";
import { endsTls } from "../../../contract/virtual-service.ts";
import type { CertificateFacts, MemberFacts, ServiceFacts } from "../lint/facts.ts";
import { listed } from "../lint/report.ts";
import { commonNamesOf, coversName, patternFits, wildcardFor } from "./name-match.ts";

export type NameVerdict = z.infer<typeof nameVerdict>;
type Service = Pick<ServiceFacts, "mode" | "stampName" | "serverNames" | "certificates"> & { pool: Pick<ServiceFacts["pool"], "members"> };

/** Names that clients are built with or dial: the stamp first, then the exact server names. */
export function clientNames(service: Pick<ServiceFacts, "stampName" | "serverNames">): string[] {
  const stamp = service.stampName === null ? [] : [service.stampName.toLowerCase()];
  return [...new Set([...stamp, ...service.serverNames.filter((name) => !name.startsWith("*."))])];
}

/** One verdict per client name and member; none in mode `tcp`, where the gateway knows of no TLS. */
export function nameVerdicts(service: Service): NameVerdict[] {
  if (service.mode === "tcp") return [];
  return clientNames(service).flatMap((name) => service.pool.members.map((member) => (endsTls(service.mode) ? gatewayVerdict(service, name, member) : memberVerdict(name, member))));
}

/** The service's certificate that a client asking for `name` is given: the first that covers it, else the first. */
export function presentedFor(certificates: readonly CertificateFacts[], name: string): CertificateFacts | undefined {
  return certificates.find((certificate) => covers(certificate, name)) ?? certificates[0];
}

/** True when a stored certificate covers the name. */
export function covers(certificate: Pick<CertificateFacts, "names" | "subject">, name: string): boolean {
  return coversName({ names: certificate.names, commonNames: commonNamesOf(certificate.subject) }, name);
}

/** The gateway presents: every member gives the same answer (S3-53 to S3-55). */
function gatewayVerdict(service: Service, name: string, member: MemberFacts): NameVerdict {
  const certificate = presentedFor(service.certificates, name);
  const base = { name, member: member.name, isKnown: true };
  if (!certificate) return { ...base, presents: "nothing", isCovered: false, sentence: `The service has no certificate, so no client can connect as ${name}.`, cures: certificateCures(name, "the service", []) };
  const presents = `service certificate "${certificate.name}" (${namesIn(certificate)})`;
  if (covers(certificate, name)) return { ...base, presents, isCovered: true, sentence: `The gateway presents "${certificate.name}", which covers ${name}; clients see no warning and do not notice the member's certificate.`, cures: [] };
  return { ...base, presents, isCovered: false, sentence: `The gateway would present "${certificate.name}" (${namesIn(certificate)}), which does not cover ${name}: clients warn about the name.`, cures: certificateCures(name, "the service", certificate.names) };
}

/** Pass-through: the member's own certificate is what clients see (S3-48 to S3-50). */
function memberVerdict(name: string, member: MemberFacts): NameVerdict {
  const certificate = member.certificateFor?.get(name) ?? member.certificate;
  const base = { name, member: member.name };
  if (!certificate) {
    return { ...base, presents: "not known", isKnown: false, isCovered: false, sentence: `Nobody has seen ${member.name}'s certificate yet; in pass-through it must cover ${name}. A TLS health check shows it, or look at it from the console.`, cures: [] };
  }
  const presents = `${member.name}'s certificate (${namesIn(certificate)})`;
  if (covers(certificate, name)) return { ...base, presents, isKnown: true, isCovered: true, sentence: `${member.name} presents a certificate that covers ${name}; clients see no warning.`, cures: [] };
  return {
    ...base, presents, isKnown: true, isCovered: false,
    sentence: `Clients built with ${name} would warn when ${member.name} answers: its certificate is for ${namesIn(certificate)}.`,
    cures: [...certificateCures(name, `member ${member.name}`, certificate.names), { kind: "re-encrypt", sentence: `Switch the mode to re-encrypt and assign the certificate for ${name} to the service: then clients see only that one.` }],
  };
}

function certificateCures(name: string, owner: string, present: readonly string[]): NameVerdict["cures"] {
  const wildcard = wildcardFor(name);
  const keeps = present.filter((listedName) => !patternFits(listedName, name)).slice(0, 5);
  return [
    ...(wildcard === undefined ? [] : [{ kind: "wildcard" as const, sentence: `Give ${owner} a certificate for ${wildcard}; it fits whatever the members are called.` }]),
    { kind: "san", sentence: `Give ${owner} a certificate that lists ${listed([name, ...keeps])} as subject alternative names.` },
  ];
}

function namesIn(certificate: { names: readonly string[]; subject: string }): string {
  const dns = certificate.names.filter((entry) => !entry.includes("/"));
  const found = dns.length > 0 ? dns : commonNamesOf(certificate.subject);
  return found.length === 0 ? "no name" : listed(found, 3);
}
