/** The settings of a sheet in words that every balancer's manual knows, with the synonyms people search for (S2-16). */
import { endsTls } from "../../../contract/virtual-service.ts";
import { hostPort, seconds, type Sheet } from "./sheet.ts";

export function modeWords(sheet: Sheet): string {
  switch (sheet.mode) {
    case "tcp":
      return sheet.protocol === "http" ? "plain HTTP (no TLS)" : "TCP (layer 4)";
    case "tls-passthrough":
      return "TLS pass-through (layer 4; no certificate, no SSL acceleration)";
    case "tls-offload":
      return "SSL acceleration = SSL off-loading (TLS ends here; members get plain text)";
    case "tls-reencrypt":
      return "SSL acceleration with re-encrypt = reverse SSL = SSL bridging (TLS ends here; members get TLS again)";
  }
}

export function schedulingWords(sheet: Sheet): string {
  switch (sheet.scheduling) {
    case "failover":
      return `fail-over: all to the first member that is up${sheet.failsBack ? "; back to it when it returns (KEMP: fixed weighting; F5: priority groups)" : "; stay with the one in use when it returns"}`;
    case "first-alive":
      return "ordered list: always the first member that is up (KEMP: fixed weighting; F5: priority groups)";
    case "weighted-round-robin":
      return "weighted round robin (F5: ratio)";
    case "least-connections":
      return "weighted least connections";
    case "source-hash":
      return "source address hash (consistent)";
    case "round-robin":
      return "round robin";
  }
}

export function persistenceWords({ persistence }: Sheet): string {
  switch (persistence.kind) {
    case "none":
      return "none";
    case "cookie-insert":
      return `cookie "${persistence.cookieName}" set by the balancer (active cookie), ${persistence.lifetimeSeconds === null ? "until the browser closes" : `for ${persistence.lifetimeSeconds} s`}; Secure, HttpOnly, SameSite=${persistence.sameSite}`;
    case "cookie-prefix":
      return `the application's cookie "${persistence.cookieName}", prefixed with the member (no second Set-Cookie)`;
    case "cookie-follow":
      return `the application's cookie "${persistence.cookieName}" is followed (server cookie); forgotten after ${persistence.idleSeconds} s without a request`;
    case "source-address":
      return `source address, IPv4 /${persistence.prefix4}, IPv6 /${persistence.prefix6}, ${persistence.idleSeconds} s after the last connection`;
    case "duration":
      return `source address for ${persistence.seconds} s from the first connection, whatever happens${persistence.whenDown === "move" ? ", unless the member is down" : ""}`;
  }
}

export function exceptionsOf({ persistence }: Sheet) {
  return "exceptions" in persistence ? persistence.exceptions : [];
}

export function exceptionWords(exception: ReturnType<typeof exceptionsOf>[number]): string {
  const { pathPrefix, userAgentContains, versionBelow } = exception.match;
  const when = [pathPrefix === null ? [] : [`path begins with ${pathPrefix}`], userAgentContains === null ? [] : [`User-Agent contains "${userAgentContains}"`], versionBelow === null ? [] : [`and its version is below ${versionBelow}`]].flat().join(" and ").replace("and and", "and");
  const use = { none: "no persistence", "source-address": "source address", "cookie-insert": "cookie set by the balancer", "cookie-prefix": `prefix of the application's cookie ${exception.cookieName ?? ""}` }[exception.use];
  return `${exception.name}: when ${when}, use ${use}`;
}

export function checkWords({ healthCheck: check }: Sheet): string {
  if (check.kind === "none") return "none";
  const timing = `every ${seconds(check.intervalMs)} s, timeout ${seconds(check.timeoutMs)} s, down after ${check.fall}, up after ${check.rise}${check.port === null ? "" : `, port ${check.port}`}`;
  switch (check.kind) {
    case "tcp":
      return `TCP connect, ${timing}`;
    case "tls":
      return `TLS handshake${check.serverName === null ? "" : ` with SNI ${check.serverName}`}, ${timing}`;
    case "http":
      return `${check.isTls ? "HTTPS" : "HTTP"} ${check.method} ${check.path}${check.hostHeader === null ? "" : `, Host ${check.hostHeader}`}, status ${check.statusFrom} to ${check.statusTo}${check.bodyContains === null ? "" : `, body contains "${check.bodyContains}"`}, ${timing}`;
    case "smtp":
      return `SMTP: greeting 220, EHLO ${check.ehloName}${check.startTls === "required" ? ", STARTTLS" : ""}${check.nextHop === null ? "" : `; next hop ${hostPort(check.nextHop)} from the member's side`}, ${timing}`;
  }
}

export function memberTlsWords(sheet: Sheet): string | null {
  if (sheet.mode !== "tls-reencrypt") return null;
  const { verify, serverName } = sheet.memberTls;
  const sni = { client: "what the client sent", member: "the member's host name", fixed: serverName.kind === "fixed" ? serverName.name : "", none: "none" }[serverName.kind];
  const how = verify.kind === "off" ? "not verified" : verify.kind === "pinned" ? `exactly these certificates (SHA-256): ${verify.fingerprints.join(", ")}` : `verified by ${verify.anchorsPem.length === 0 ? "the usual CAs" : "the CAs listed in the service"}${verify.name === null ? "" : `, name ${verify.name}`}`;
  return `${how}; SNI to the member: ${sni}`;
}

export function nameWords(sheet: Sheet): string {
  if (sheet.mode === "tcp") return "(not looked at)";
  if (sheet.serverNames.length === 0) return "every name, and clients that send none";
  const also = [sheet.takesUnknownNames ? "names that no service lists" : "", sheet.takesNoName ? "clients that send no name" : ""].filter((text) => text !== "");
  return [...sheet.serverNames, ...also].join(", ");
}

/** Of decrypting services only. */
export function certificateWords(sheet: Sheet): string | null {
  if (!endsTls(sheet.mode)) return null;
  return sheet.certificates.length === 0 ? "none chosen yet" : sheet.certificates.join(", ");
}
