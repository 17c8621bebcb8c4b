/**
 * Names of the field: host names, ports, CIDR blocks and the SPIFFE URI that is a certificate's identity (DESIGN section 4).
 * Pure text functions, shared by console, gateway and agent so that all refuse the same values for the same reason.
 */
import { z } from "zod";
import "./problem-words.ts";

const label = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;

/** True for a DNS host name: ASCII letters, digits, hyphens, labels of 1 to 63, at most 253 in all, last label no number: resolvers read `0x7f000001` as 127.0.0.1 (RFC 1123). */
export function isHostName(text: string): boolean {
  if (text.length === 0 || text.length > 253) return false;
  const labels = text.toLowerCase().split(".");
  return labels.every((part) => label.test(part)) && !/^([0-9]+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "");
}

/** True for a host name with at least two labels, as an externally resolvable FQDN has (S1-51). `localhost` is let through for a one-machine trial. */
export function isFqdn(text: string): boolean {
  return isHostName(text) && (text.includes(".") || text.toLowerCase() === "localhost");
}

/** Dotted-quad IPv4 with no leading zeros, the only textual form we accept (no `127.1`, no octal, no hex). */
export function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
}

/** Eight 16-bit groups of an IPv6 address without zone, or undefined when the text is none (RFC 4291 section 2.2). */
export function parseIpv6(text: string): number[] | undefined {
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(text)) return undefined;
  let source = text;
  const tail = source.slice(source.lastIndexOf(":") + 1);
  if (tail.includes(".")) {
    if (!isIpv4(tail)) return undefined;
    const [a, b, c, d] = tail.split(".").map(Number) as [number, number, number, number];
    source = `${source.slice(0, source.length - tail.length)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const halves = source.split("::");
  if (halves.length > 2) return undefined;
  const groups = halves.map((half) => (half === "" ? [] : half.split(":")));
  if (groups.flat().some((group) => !/^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  const [head = [], rest = []] = groups;
  const missing = 8 - head.length - rest.length;
  if (halves.length === 1 ? head.length !== 8 : missing < 1) return undefined;
  return [...head, ...Array.from({ length: halves.length === 2 ? missing : 0 }, () => "0"), ...rest].map((group) => Number.parseInt(group, 16));
}

/** One spelling per host, so that comparison is equality: host names lower-case without a trailing dot, IPv6 as eight plain groups. Undefined for anything else. */
export function canonicalHost(text: string): string | undefined {
  if (isIpv4(text)) return text;
  const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  if (bare.includes(":")) return parseIpv6(bare)?.map((group) => group.toString(16)).join(":");
  if (bare !== text) return undefined;
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  return isHostName(name) ? name.toLowerCase() : undefined;
}

export const hostName = z
  .string()
  .trim()
  .max(253)
  .transform((text) => text.toLowerCase().replace(/\.$/, ""))
  .refine(isHostName, { error: (issue) => `"${String(issue.input)}" is not a host name; use letters, digits and hyphens, such as gw.example.com` });

export const fqdn = hostName.refine(isFqdn, {
  error: (issue) => `"${String(issue.input)}" is not fully qualified; agents outside need a name like gw.example.com`,
});

/** A host name or an IP address literal. */
export const host = z
  .string()
  .trim()
  .max(253)
  .refine((text) => canonicalHost(text) !== undefined, {
    error: (issue) => `"${String(issue.input)}" is neither a host name nor an IP address; examples: srv.corp.example, 10.1.2.3, 2001:db8::10`,
  })
  .transform((text) => canonicalHost(text) ?? text);

export const ipAddress = z
  .string()
  .trim()
  .max(45)
  .refine((text) => isIpv4(text) || parseIpv6(text) !== undefined, {
    error: (issue) => `"${String(issue.input)}" is not an IP address; examples: 10.1.2.3, 2001:db8::10`,
  });

export const port = z
  .number({ error: "expected a port number from 1 to 65535" })
  .int({ error: "a port is a whole number from 1 to 65535" })
  .min(1, { error: (issue) => `port ${String(issue.input)} is out of range; use 1 to 65535` })
  .max(65535, { error: (issue) => `port ${String(issue.input)} is out of range; use 1 to 65535` });

/** Parses `10.0.0.0/8` or `2001:db8::/32`; undefined when malformed. The host bits must be zero: `10.1.2.3/8` is usually a typing mistake. */
export function parseCidr(text: string): { family: 4 | 6; bits: bigint; prefix: number } | undefined {
  const match = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text.trim());
  if (!match) return undefined;
  const [, address = "", prefixText = ""] = match;
  const prefix = Number(prefixText);
  const family = isIpv4(address) ? 4 : 6;
  const groups = family === 4 ? address.split(".").map(Number) : parseIpv6(address);
  if (!groups || prefix > (family === 4 ? 32 : 128)) return undefined;
  const width = family === 4 ? 8n : 16n;
  const bits = groups.reduce((sum, group) => (sum << width) | BigInt(group), 0n);
  const hostBits = BigInt((family === 4 ? 32 : 128) - prefix);
  return (bits & ((1n << hostBits) - 1n)) === 0n ? { family, bits, prefix } : undefined;
}

export const cidr = z
  .string()
  .trim()
  .max(49)
  .refine((text) => parseCidr(text) !== undefined, {
    error: (issue) => `"${String(issue.input)}" is not a subnet; write the network address and prefix, such as 10.20.0.0/16 (host bits zero)`,
  });

/** A person's name for an object: 1 to 80 printable characters. Uniqueness is per organisation and kind, case-insensitive. */
export const displayName = z
  .string()
  .trim()
  .min(1, { error: "a name is required" })
  .max(80, { error: "a name has at most 80 characters" })
  // eslint-disable-next-line no-control-regex -- control characters are exactly what is refused
  .regex(/^[^\u0000-\u001f\u007f\u202a-\u202e\u2066-\u2069]*$/, { error: "a name may not contain control or text-direction characters" });

/** `key`: a service account, the holder of an API key (reach.ts). */
export type IdentityKind = "agent" | "gateway" | "bundle" | "probe" | "console" | "server" | "key";
export type Identity = { trustDomain: string; organisationId: string; kind: IdentityKind; id: string };

const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const identityPattern = new RegExp(`^spiffe://([a-z0-9.-]{1,253})/org/(${uuid})/(agent|gateway|bundle|probe|console|server|key)/(${uuid})$`);

/** The SAN URI of a certificate we issue: `spiffe://<trust domain>/org/<org>/<kind>/<id>` (DESIGN section 4). */
export function formatIdentity(identity: Identity): string {
  return `spiffe://${identity.trustDomain}/org/${identity.organisationId}/${identity.kind}/${identity.id}`;
}

/** Reads an identity URI; undefined unless it has exactly our form. */
export function parseIdentity(uri: string): Identity | undefined {
  const match = identityPattern.exec(uri);
  if (!match) return undefined;
  const [, trustDomain = "", organisation = "", kind = "", id = ""] = match;
  return { trustDomain, organisationId: organisation, kind: kind as IdentityKind, id };
}

/** Reads the one SPIFFE URI from Node's `subjectaltname` text (`URI:spiffe://…, DNS:…`). Undefined when there is none, or more than one: then nobody can say who it is. */
export function identityFromSubjectAltName(subjectAltName: string | undefined): Identity | undefined {
  const uris = (subjectAltName ?? "").split(/,\s*/).filter((part) => part.startsWith("URI:"));
  const [only] = uris;
  return uris.length === 1 && only ? parseIdentity(only.slice(4).replace(/^"(.*)"$/, "$1")) : undefined;
}
