/** Certificates: expiry, missing intermediates, and whether a member would pass the check on the re-encrypted leg (S2-19, S3-56, S3-57). */
import type { Finding } from "../../../contract/finding.ts";
import { endsTls } from "../../../contract/virtual-service.ts";
import { isAddress } from "../plan/name-match.ts";
import { clientNames, covers } from "../plan/verdicts.ts";
import type { MemberFacts, ServiceFacts, Surroundings } from "./facts.ts";
import { type FoundOn, findingOf, onService } from "./report.ts";

const day = 24 * 3_600_000;
/** A certificate that ends sooner than this is worth a warning. */
export const expiringMs = 30 * day;

export function certificateFindings(service: ServiceFacts, around: Surroundings): Finding[] {
  return [...ownFindings(service, around.now), ...memberFindings(service, around.now), ...memberTrustFindings(service), ...clientCertificateFindings(service)];
}

function ownFindings(service: ServiceFacts, now: Date): Finding[] {
  if (!endsTls(service.mode)) return [];
  return service.certificates.flatMap((certificate) => [
    ...expiryFindings({ object: onService(service), field: "certificateIds", what: `Certificate "${certificate.name}"`, notAfter: certificate.notAfter, now, nextCheckMs: 0, cure: "Import its successor and choose it here; connections that exist are not touched." }),
    ...(certificate.lacksIssuer ? [findingOf(onService(service), { code: "intermediate-missing", severity: "warning", field: "certificateIds", sentence: `Certificate "${certificate.name}" comes alone, and its issuer (${certificate.issuer}) is no root that is known here: clients that know only the root refuse it.`, cure: "Import it again together with the intermediate certificates. If the issuer is a root of your own that every client has, nothing is missing." })] : []),
  ]);
}

/** Of what members present: clients see it in pass-through, the gateway in re-encrypt. */
function memberFindings(service: ServiceFacts, now: Date): Finding[] {
  if (service.mode !== "tls-passthrough" && service.mode !== "tls-reencrypt") return [];
  const check = service.pool.healthCheck;
  const nextCheckMs = check.kind === "none" ? 0 : check.intervalMs * (1 + check.jitterPercent / 100);
  return service.pool.members.flatMap((member, index) => {
    const { certificate } = member;
    if (!certificate || member.state === "disabled") return [];
    const field = `pool.members[${index}]`;
    const lacks = service.mode === "tls-passthrough" && certificate.chainLength === 1 && certificate.issuer !== certificate.subject && typeof certificate.chainProblem === "string";
    return [
      ...expiryFindings({ object: onService(service), field, what: `The certificate of member ${member.name}`, notAfter: new Date(certificate.notAfter), now, nextCheckMs, cure: `Renew it on ${member.name}.` }),
      ...(lacks ? [findingOf(onService(service), { code: "intermediate-missing", severity: "warning", field, sentence: `${member.name} sends its certificate without the intermediate of ${certificate.issuer}: clients that know only the root refuse it.`, cure: `Install the intermediate certificates on ${member.name}, so that it sends them.` })] : []),
    ];
  });
}

type Expiry = { object: FoundOn; field: string; what: string; notAfter: Date; now: Date; /** Time until somebody looks again, ms. */ nextCheckMs: number; cure: string };

/** Expired, before the next check, or within 30 days. */
export function expiryFindings({ object, field, what, notAfter, now, nextCheckMs, cure }: Expiry): Finding[] {
  const left = notAfter.getTime() - now.getTime();
  if (Number.isNaN(left) || left > expiringMs) return [];
  const date = notAfter.toISOString().slice(0, 16).replace("T", " ");
  if (left <= 0) return [findingOf(object, { code: "certificate-expired", severity: "error", field, sentence: `${what} expired on ${date} UTC: clients refuse it.`, cure })];
  if (left <= nextCheckMs) return [findingOf(object, { code: "certificate-expiring", severity: "error", field, sentence: `${what} expires on ${date} UTC, before the next health check looks at it.`, cure })];
  return [findingOf(object, { code: "certificate-expiring", severity: "warning", field, sentence: `${what} expires on ${date} UTC, in ${left < day ? "less than a day" : `${Math.floor(left / day)} days`}.`, cure })];
}

function memberTrustFindings(service: ServiceFacts): Finding[] {
  if (service.mode !== "tls-reencrypt") return [];
  const { verify } = service.memberTls;
  if (verify.kind === "off") return [findingOf(onService(service), { code: "member-verification-off", severity: "warning", field: "memberTls.verify", sentence: `"${service.name}" encrypts to its members without checking who they are: anybody who can answer in their place reads everything.`, cure: "Verify by the CA that issued the members' certificates, or pin the certificates themselves." })];
  return service.pool.members.flatMap((member, index) => {
    const reason = member.state === "disabled" ? undefined : memberTrustProblem(service, member);
    if (reason === undefined) return [];
    return [findingOf(onService(service), { code: "member-certificate-unverifiable", severity: "error", field: `pool.members[${index}]`, sentence: `The gateway would refuse ${member.name}: ${reason.sentence}.`, cure: reason.cure })];
  });
}

/** Why a re-encrypting gateway would refuse this member; undefined when it would not, or when nobody has seen the certificate. */
export function memberTrustProblem(service: Pick<ServiceFacts, "memberTls" | "stampName" | "serverNames">, member: MemberFacts): { sentence: string; cure: string } | undefined {
  const { certificate } = member;
  const { verify } = service.memberTls;
  if (!certificate || verify.kind === "off") return undefined;
  if (verify.kind === "pinned") {
    if (verify.fingerprints.includes(certificate.fingerprint)) return undefined;
    return { sentence: `its certificate (SHA-256 ${certificate.fingerprint.slice(0, 16)}…) is none of the pinned ones`, cure: "Compare the fingerprint with the member's own, and pin it." };
  }
  if (typeof certificate.chainProblem === "string") return { sentence: certificate.chainProblem, cure: "Upload the root and the intermediate certificates of the members' CA as anchors, or pin the member's certificate itself." };
  const uncovered = namesAskedOf(service, member).filter((name) => !covers(certificate, name));
  const [name] = uncovered;
  if (name === undefined) return undefined;
  return { sentence: `its certificate does not cover ${name}`, cure: `Set the name to check to one that the certificate carries, give ${member.name} a certificate for ${name}, or pin its certificate.` };
}

/** The names that the gateway checks on this member: the set one, else what it sends as SNI, else the member's host. */
function namesAskedOf(service: Pick<ServiceFacts, "memberTls" | "stampName" | "serverNames">, member: MemberFacts): string[] {
  const { verify, serverName } = service.memberTls;
  if (verify.kind !== "anchors") return [];
  if (verify.name !== null) return [verify.name];
  if (serverName.kind === "fixed") return [serverName.name];
  if (serverName.kind === "client") {
    const names = clientNames(service);
    if (names.length > 0) return names;
  }
  return serverName.kind === "client" && isAddress(member.host) ? [] : [member.host];
}

function clientCertificateFindings(service: ServiceFacts): Finding[] {
  const { demand, anchorsPem } = service.clientCertificate;
  if (demand === "none" || anchorsPem.length > 0 || !endsTls(service.mode)) return [];
  return [findingOf(onService(service), { code: "client-certificate-anchors-missing", severity: "note", field: "clientCertificate.anchorsPem", sentence: `"${service.name}" ${demand === "required" ? "demands" : "asks for"} client certificates but lists no CA, so only those of this organisation's own CA pass.`, cure: "Add the CA that issued your users' certificates, unless Sallyport agents are the clients." })];
}
