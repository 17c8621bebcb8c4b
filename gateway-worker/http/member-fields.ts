/**
 * The fields of a request as the member gets them: hop-by-hop ones and those that `Connection` names removed, framing written anew,
 * what clients may not claim (their address, their certificate) stripped and set from what the gateway itself saw (T27).
 * The rest keeps its order, case and repetition.
 */
import type { SnapshotService } from "../../contract/virtual-service.ts";
import type { RawFields, RequestHead } from "./request-head.ts";

/** What the gateway itself knows about the client; never taken from a request. */
export type ClientFacts = {
  source: { address: string; port: number } | null;
  isTls: boolean;
  /** DER of the verified client certificate in base64, or null. */
  clientCertificate: string | null;
  /** SNI, or null. */
  serverName: string | null;
};

export type MemberFieldsInput = {
  head: RequestHead;
  /** Cookie field values in place of the client's; undefined: pass them unchanged. */
  cookies: string[] | undefined;
  service: Pick<SnapshotService, "memberHost" | "forwardedHeaders" | "clientCertificate">;
  member: { host: string; port: number };
  client: ClientFacts;
};

/** Fields of one connection (RFC 9110 section 7.6.1), and `Proxy`, which CGI-like servers take for a setting (httpoxy). */
const hopByHop = new Set(["connection", "proxy-connection", "keep-alive", "te", "transfer-encoding", "upgrade", "proxy-authenticate", "proxy-authorization", "proxy"]);
/** Written anew by us. */
const ours = new Set(["host", "content-length", "forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "client-cert", "client-cert-chain", "x-client-cert", "x-ssl-client-cert", "ssl-client-cert"]);

/** Host of a member as it stands in a URL. */
export function memberAuthority(member: { host: string; port: number }, defaultPort: number): string {
  const host = member.host.includes(":") ? `[${member.host}]` : member.host;
  return member.port === defaultPort ? host : `${host}:${member.port}`;
}

/** The authority that the member is asked for. */
export function authorityFor(input: Pick<MemberFieldsInput, "head" | "service" | "member" | "client">, isTlsToMember: boolean): string {
  const { memberHost } = input.service;
  if (memberHost.kind === "fixed") return memberHost.name.includes(":") ? `[${memberHost.name}]` : memberHost.name;
  if (memberHost.kind === "client" && input.head.authority !== null) return input.head.authority;
  if (memberHost.kind === "client" && input.client.serverName !== null) return input.client.serverName;
  return memberAuthority(input.member, isTlsToMember ? 443 : 80);
}

/** The fields without Host, framing and connection fields, which depend on the HTTP version spoken to the member. */
export function memberFields(input: MemberFieldsInput): string[] {
  const { head } = input;
  const named = connectionNames(head.fields);
  const list: string[] = [];
  let cookiesAt: number | undefined;
  for (let index = 0; index < head.fields.length; index += 2) {
    const name = head.fields[index] ?? "";
    const lower = name.toLowerCase();
    if (isStripped(lower) || named.has(lower) || (lower === "expect" && !head.expectsContinue) || (lower === "trailer" && head.framing.kind !== "chunked")) continue;
    if (lower === "cookie" && (input.cookies !== undefined || head.version === "2")) cookiesAt ??= list.length;
    else list.push(name, head.fields[index + 1] ?? "");
  }
  if (cookiesAt !== undefined) list.splice(cookiesAt, 0, ...cookieFields(input));
  addForwarded(list, input);
  if (input.service.clientCertificate.forwards && input.client.clientCertificate !== null) list.push("Client-Cert", `:${input.client.clientCertificate}:`);
  return list;
}

/** True for a field that clients may not bring to a member. `_` counts as `-`, as CGI-like servers read it. */
function isStripped(lower: string): boolean {
  const name = lower.includes("_") ? lower.replaceAll("_", "-") : lower;
  return hopByHop.has(name) || ours.has(name) || name.startsWith("x-forwarded");
}

/** Names that `Connection` lists (RFC 9110 section 7.6.1), in lower case. */
export function connectionNames(fields: RawFields): Set<string> {
  const names = new Set<string>();
  for (let index = 0; index < fields.length; index += 2) {
    if (fields[index]?.toLowerCase() !== "connection") continue;
    for (const name of (fields[index + 1] ?? "").split(",")) names.add(name.trim().toLowerCase());
  }
  return names;
}

/** HTTP/2 clients may split Cookie; towards HTTP/1.1 it is one field again (RFC 9113 section 8.2.3). */
function cookieFields({ head, cookies }: MemberFieldsInput): string[] {
  const values = cookies ?? valuesOf(head.fields, "cookie");
  if (values.length === 0) return [];
  return head.version === "2" ? ["cookie", values.join("; ")] : values.flatMap((value) => ["Cookie", value]);
}

export function valuesOf(fields: RawFields, lowerName: string): string[] {
  const values: string[] = [];
  for (let index = 0; index < fields.length; index += 2) if (fields[index]?.toLowerCase() === lowerName) values.push(fields[index + 1] ?? "");
  return values;
}

function addForwarded(list: string[], { head, service, client }: MemberFieldsInput): void {
  const { forwardedHeaders } = service;
  const proto = client.isTls ? "https" : "http";
  if (forwardedHeaders === "x-forwarded" || forwardedHeaders === "both") {
    if (client.source) list.push("X-Forwarded-For", client.source.address);
    list.push("X-Forwarded-Proto", proto);
    if (head.authority !== null) list.push("X-Forwarded-Host", head.authority);
  }
  if (forwardedHeaders === "forwarded" || forwardedHeaders === "both") list.push("Forwarded", forwarded(client, head.authority, proto));
}

/** RFC 7239: an IPv6 address is bracketed and quoted. */
function forwarded(client: ClientFacts, authority: string | null, proto: string): string {
  const address = client.source === null ? "unknown" : client.source.address.includes(":") ? `"[${client.source.address}]"` : client.source.address;
  return [`for=${address}`, ...(authority === null ? [] : [`host="${authority}"`]), `proto=${proto}`].join(";");
}

/** The fields of a member's response as the client gets them. Content-Length was judged and stays; the other framing and connection fields are written anew. */
export function clientFields(fields: RawFields): string[] {
  const named = connectionNames(fields);
  const list: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? "";
    const lower = name.toLowerCase();
    if (hopByHop.has(lower) || named.has(lower)) continue;
    list.push(name, fields[index + 1] ?? "");
  }
  return list;
}

/** Trailer fields that may not change what the head said (RFC 9110 section 6.5.1): framing, routing, identity, cookies. */
const neverTrailers = /^(?:host|content-.*|transfer-encoding|te|trailer|connection|keep-alive|proxy.*|upgrade|authorization|cookie|set-cookie|forwarded|x-forwarded.*|client-cert.*|x-real-ip|expect|range|if-.*|cache-control|max-forwards|age|date|location|retry-after|vary|warning|www-authenticate)$/;

/** Trailers that may be passed on. They are optional by definition, so the others are left out. */
export function passingTrailers(trailers: RawFields): string[] {
  const list: string[] = [];
  for (let index = 0; index < trailers.length; index += 2) {
    const name = trailers[index] ?? "";
    if (!neverTrailers.test(name.toLowerCase().replaceAll("_", "-"))) list.push(name, trailers[index + 1] ?? "");
  }
  return list;
}
