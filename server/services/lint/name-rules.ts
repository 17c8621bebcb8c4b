/** Names: what clients are built with, what they are shown, and what a change of the name breaks (S3-02, S3-05, S3-22, S3-47 to S3-55). */
import type { Finding } from "../../../contract/finding.ts";
import { endsTls } from "../../../contract/virtual-service.ts";
import { isAddress } from "../plan/name-match.ts";
import { clientNames, covers, nameVerdicts, presentedFor } from "../plan/verdicts.ts";
import type { ServiceFacts, Surroundings } from "./facts.ts";
import { findingOf, listed, onService } from "./report.ts";

export function nameFindings(service: ServiceFacts, around: Surroundings): Finding[] {
  return [...ownNameFindings(service), ...memberNameFindings(service), ...stampFindings(service), ...changedNameFindings(service, around)];
}

/** Off-load and re-encrypt: the gateway's certificate must cover every name. */
function ownNameFindings(service: ServiceFacts): Finding[] {
  if (!endsTls(service.mode)) return [];
  if (service.certificates.length === 0) return [findingOf(onService(service), { code: "service-certificate-missing", severity: "error", field: "certificateIds", sentence: `"${service.name}" ends TLS but has no certificate to present.`, cure: "Choose a certificate with its key, or let TLS pass through." })];
  const wildcards = service.serverNames.filter((name) => name.startsWith("*.") && !service.certificates.some((certificate) => certificate.names.some((entry) => entry.toLowerCase() === name)));
  const bare = clientNames(service).filter((name) => !service.certificates.some((certificate) => covers(certificate, name)));
  const names = [...bare, ...wildcards];
  if (names.length === 0) return [];
  const shown = presentedFor(service.certificates, names[0] ?? "");
  return [findingOf(onService(service), { code: "name-not-covered", severity: "warning", field: "certificateIds", sentence: `No certificate of "${service.name}" covers ${listed(names)}; clients that ask for it are shown "${shown?.name ?? ""}" and warn.`, cure: `Assign a certificate for ${listed(names)}: a wildcard, or one that lists the name as a subject alternative name.` })];
}

/** Pass-through: every member's certificate must cover every name (S3-49, S3-50). */
function memberNameFindings(service: ServiceFacts): Finding[] {
  if (endsTls(service.mode)) return [];
  const verdicts = nameVerdicts(service).filter((verdict) => verdict.isKnown && !verdict.isCovered);
  return service.pool.members.flatMap((member, index) => {
    const bad = verdicts.filter((verdict) => verdict.member === member.name);
    const [first] = bad;
    if (!first || member.state === "disabled") return [];
    return [findingOf(onService(service), { code: "member-name-not-covered", severity: "warning", field: `pool.members[${index}]`, sentence: `In pass-through, ${member.name} shows ${first.presents}, which does not cover ${listed(bad.map((verdict) => verdict.name))}: clients warn whenever it answers.`, cure: first.cures.map((cure) => cure.sentence).join(" Or: ") })];
  });
}

function stampFindings(service: ServiceFacts): Finding[] {
  if (service.mode === "tcp") return [];
  const { stampName } = service;
  const object = onService(service);
  if (stampName === null) {
    if (service.serverNames.some((name) => !name.startsWith("*."))) return [];
    return [findingOf(object, { code: "stamp-name-missing", severity: "note", field: "stampName", sentence: `"${service.name}" does not say which name its clients are built with, so name warnings cannot be predicted.`, cure: "Enter the name before clients are enrolled; changing it later means enrolling them again." })];
  }
  const same = service.pool.members.find((member) => !isAddress(member.host) && member.host.toLowerCase() === stampName);
  return [
    ...(same ? [findingOf(object, { code: "stamp-name-is-member", severity: "warning", field: "stampName", sentence: `Clients of "${service.name}" are built with ${stampName}, which is the host name of member ${same.name}: when that server is away, they have nowhere to go.`, cure: "Use a name of the service's own, such as keys.example.com, that leads to the gateways." })] : []),
    ...(takesName(service, stampName) ? [] : [findingOf(object, { code: "stamp-name-not-taken", severity: "error", field: "serverNames", sentence: `Clients are built with ${stampName}, but "${service.name}" takes only ${listed(service.serverNames)}: they are refused.`, cure: `Add ${stampName} to the server names.` })]),
  ];
}

/** True when a client that asks for `name` is let into the service. */
export function takesName(service: Pick<ServiceFacts, "serverNames" | "takesUnknownNames">, name: string): boolean {
  if (service.serverNames.length === 0 || service.takesUnknownNames) return true;
  return service.serverNames.includes(name) || service.serverNames.includes(`*.${name.split(".").slice(1).join(".")}`);
}

/** Names that clients were built with and that the change takes away. */
export function goneNames(service: Pick<ServiceFacts, "stampName" | "serverNames" | "takesUnknownNames" | "before">): string[] {
  const { before } = service;
  if (!before) return [];
  const stamp = before.stampName === null || before.stampName === service.stampName ? [] : [before.stampName];
  const names = before.serverNames.filter((name) => !name.startsWith("*.") && name !== before.stampName && !takesName(service, name));
  return [...new Set([...stamp, ...names])];
}

/** Clients carry the name they were built with; a service that stops answering to it loses them (S3-22). */
function changedNameFindings(service: ServiceFacts, around: Surroundings): Finding[] {
  const gone = goneNames(service);
  const { before } = service;
  if (!before || gone.length === 0) return [];
  const bundles = around.knownNames.filter((entry) => gone.includes(entry.name.toLowerCase())).reduce((sum, entry) => sum + entry.bundles, 0);
  const field = before.stampName !== service.stampName ? "stampName" : "serverNames";
  return [findingOf(onService(service), {
    code: "service-name-changed", severity: "warning", field,
    sentence: `Clients built with ${listed(gone)} keep asking for that name: ${count(before.agents, "enrolled agent")} and ${count(bundles, "bundle")} are known to carry it, and clients of other products are not counted.`,
    cure: `Keep ${listed(gone)} among the server names and in DNS until every client is rebuilt, or keep the name.`,
  })];
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
