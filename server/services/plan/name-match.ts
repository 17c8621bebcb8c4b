/**
 * Would a client accept this certificate for this name? As OpenSSL's X509_check_host decides (RFC 6125, RFC 9525): exact without regard to case, a wildcard only as
 * the whole leftmost label and for one label only, the common name only when the certificate lists no DNS name at all.
 */
import { canonicalHost, isIpv4, parseIpv6 } from "../../../contract/names.ts";

/** What of a certificate decides about names. */
export type CertificateNames = {
  /** DNS names and IP addresses of the subject alternative name; other entries are ignored. */
  readonly names: readonly string[];
  /** Common names of the subject; null or empty: none. */
  readonly commonNames: readonly string[];
};

/** True when a client that dialled `name` (a host name or an IP literal) sees no name warning. */
export function coversName(certificate: CertificateNames, name: string): boolean {
  if (isAddress(name)) return certificate.names.some((listed) => isAddress(listed) && canonicalHost(listed) === canonicalHost(name));
  const dnsNames = certificate.names.filter(isDnsName);
  return (dnsNames.length > 0 ? dnsNames : certificate.commonNames).some((pattern) => patternFits(pattern, name));
}

/** One entry of a certificate against one host name. */
export function patternFits(pattern: string, name: string): boolean {
  const [wanted, given] = [pattern.toLowerCase(), name.toLowerCase().replace(/\.$/, "")];
  if (!wanted.startsWith("*.")) return wanted === given;
  const suffix = wanted.slice(1);
  // `*.com` covers nothing: at least two labels must follow the star.
  if (suffix.includes("*") || suffix.split(".").length < 3 || suffix.split(".").slice(1).includes("")) return false;
  const label = given.slice(0, given.length - suffix.length);
  return given.endsWith(suffix) && /^[a-z0-9-]+$/.test(label);
}

/** `*.example.com` for keys.example.com; undefined when too few labels are left for a wildcard. */
export function wildcardFor(name: string): string | undefined {
  const rest = name.split(".").slice(1);
  return rest.length >= 2 && !isAddress(name) ? `*.${rest.join(".")}` : undefined;
}

/** Common names in a subject as the console stores it (`CN=a, O=b`); a comma inside a value is escaped. */
export function commonNamesOf(subject: string): string[] {
  return subject.split(/(?<!\\), |\n/).flatMap((part) => (part.startsWith("CN=") ? [part.slice(3).replace(/\\(.)/g, "$1")] : []));
}

export function isAddress(text: string): boolean {
  return isIpv4(text) || parseIpv6(text) !== undefined;
}

/** URIs stand in the same list; an address is no DNS name. */
function isDnsName(text: string): boolean {
  return !text.includes(":") && !text.includes("/") && !isAddress(text);
}
