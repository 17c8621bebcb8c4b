/** The same service as a configuration for HAProxy 2.6 or later. */
import type { HealthCheck } from "../../../contract/health-check.ts";
import { endsTls } from "../../../contract/virtual-service.ts";
import { comment, hostPort, isNameBased, type Rendered, servingMembers, type Sheet, type SheetMember, slug, slugs } from "./sheet.ts";
import { exceptionsOf } from "./words.ts";

const certificateFolder = "/etc/haproxy/certs";
const anchorsFile = "/etc/ssl/certs/ca-certificates.crt";

type Exception = ReturnType<typeof exceptionsOf>[number];

export function haproxySheet(sheet: Sheet): Rendered {
  const id = slug(sheet.name);
  const exceptions = sheet.protocol === "http" ? exceptionsOf(sheet) : [];
  const lines = [
    `# ${comment(sheet.name)}`, "global", "    log stdout format raw local0 info", "",
    "resolvers system", "    parse-resolv-conf", "    hold valid 10s", "",
    "defaults", `    mode ${sheet.protocol}`, "    log global", `    option ${sheet.protocol === "http" ? "httplog" : "tcplog"}`, `    timeout connect ${sheet.connectTimeoutMs}ms`, `    timeout client ${sheet.idleTimeoutMs}ms`, `    timeout server ${sheet.idleTimeoutMs}ms`, `    timeout check ${sheet.healthCheck.kind === "none" ? 3_000 : sheet.healthCheck.timeoutMs}ms`,
    ...(sheet.protocol === "http" ? ["    timeout http-request 10s", `    timeout tunnel ${sheet.idleTimeoutMs}ms`] : []), "    default-server init-addr last,libc,none resolvers system", "",
    ...frontend(sheet, id, exceptions), "",
    ...backend(sheet, id, null), "",
    ...exceptions.flatMap((exception, index) => [...backend(sheet, `${id}-exception-${index + 1}`, exception), ""]),
  ];
  return { text: lines.join("\n"), notes: notesOf(sheet, exceptions) };
}

function frontend(sheet: Sheet, id: string, exceptions: readonly Exception[]): string[] {
  const decrypts = endsTls(sheet.mode);
  const bindAll = sheet.address === "::" || sheet.address === "0:0:0:0:0:0:0:0";
  const tls = decrypts ? ` ssl crt ${certificateFolder}/${id}.pem${sheet.protocol === "http" ? " alpn h2,http/1.1" : ""} ssl-min-ver TLSv1.2${sheet.clientCertificate === "none" ? "" : ` ca-file ${certificateFolder}/clients-ca.pem verify ${sheet.clientCertificate}`}` : "";
  return [
    `frontend ${id}`,
    `    bind ${bindAll ? ":::" : `${sheet.address}:`}${sheet.port}${bindAll ? " v4v6" : ""}${sheet.acceptsProxy ? " accept-proxy" : ""}${tls}`,
    ...(sheet.mode === "tls-passthrough" ? ["    tcp-request inspect-delay 8s", "    tcp-request content reject unless { req.ssl_hello_type 1 }"] : []),
    ...nameRules(sheet),
    ...(sheet.protocol === "http" ? forwarded(sheet) : []),
    ...exceptions.flatMap((exception, index) => exceptionRules(exception, id, index + 1)),
    `    default_backend ${id}`,
  ];
}

function nameRules(sheet: Sheet): string[] {
  if (!isNameBased(sheet)) return [];
  const fetch = endsTls(sheet.mode) ? "ssl_fc_sni" : "req.ssl_sni";
  const exact = sheet.serverNames.filter((name) => !name.startsWith("*."));
  const wildcard = sheet.serverNames.filter((name) => name.startsWith("*.")).map((name) => `^[^.]+${name.slice(1).replaceAll(".", "\\.")}$`);
  const acls = [...(exact.length > 0 ? [`    acl known_name ${fetch} -i ${exact.join(" ")}`] : []), ...wildcard.map((pattern) => `    acl known_name ${fetch},lower -m reg ${quoted(pattern)}`), ...(sheet.takesNoName ? [`    acl has_name ${fetch} -m found`] : [])];
  const verb = endsTls(sheet.mode) && sheet.protocol === "http" ? "http-request deny deny_status 421" : "tcp-request content reject";
  return [...acls, `    ${verb} unless known_name${sheet.takesNoName ? " or !has_name" : ""}`];
}

function forwarded(sheet: Sheet): string[] {
  const x = sheet.forwardedHeaders === "x-forwarded" || sheet.forwardedHeaders === "both";
  const rfc = sheet.forwardedHeaders === "forwarded" || sheet.forwardedHeaders === "both";
  const scheme = endsTls(sheet.mode) ? "https" : "http";
  return [
    "    http-request del-header X-Forwarded-For", "    http-request del-header X-Forwarded-Proto", "    http-request del-header X-Forwarded-Host", "    http-request del-header Forwarded",
    ...(x ? ["    option forwardfor", `    http-request set-header X-Forwarded-Proto ${scheme}`, "    http-request set-header X-Forwarded-Host %[req.hdr(Host)]"] : []),
    ...(rfc ? [`    http-request set-header Forwarded "for=\\"%[src]\\";host=%[req.hdr(Host)];proto=${scheme}"`] : []),
  ];
}

/** Named ACLs: in an anonymous one a person's "}" would end the condition. */
function exceptionRules({ match }: Exception, id: string, number: number): string[] {
  const acls = [
    ...(match.pathPrefix === null ? [] : [{ name: `exception_${number}_path`, test: `path_beg -- ${quoted(match.pathPrefix)}` }]),
    ...(match.userAgentContains === null ? [] : [{ name: `exception_${number}_agent`, test: `req.hdr(User-Agent) -m sub -i -- ${quoted(match.userAgentContains)}` }]),
  ];
  return [...acls.map(({ name, test }) => `    acl ${name} ${test}`), `    use_backend ${id}-exception-${number} if ${acls.map(({ name }) => name).join(" ")}`];
}

function backend(sheet: Sheet, id: string, exception: Exception | null): string[] {
  const members = servingMembers(sheet);
  const names = slugs(members.map((member) => member.name));
  return [
    `backend ${id}`,
    ...balance(sheet), ...persistence(sheet, exception), ...checkRules(sheet.healthCheck),
    ...(sheet.protocol === "http" && sheet.memberHost.kind === "fixed" ? [`    http-request set-header Host ${quoted(sheet.memberHost.name)}`] : []),
    ...members.map((member, index) => serverLine(sheet, member, { name: names[index] ?? "member", index, usesCookie: usesCookie(sheet, exception) })),
  ];
}

function balance(sheet: Sheet): string[] {
  switch (sheet.scheduling) {
    case "failover":
    case "first-alive":
    case "round-robin":
    case "weighted-round-robin":
      return ["    balance roundrobin"];
    case "least-connections":
      return ["    balance leastconn"];
    case "source-hash":
      return ["    balance source", "    hash-type consistent"];
  }
}

const methodOf = (sheet: Sheet, exception: Exception | null) => exception?.use ?? sheet.persistence.kind;

function usesCookie(sheet: Sheet, exception: Exception | null): boolean {
  return ["cookie-insert", "cookie-prefix"].includes(methodOf(sheet, exception));
}

/** One stick table per backend: a fail-over that stays needs it for itself when clients are kept by nothing else. */
function persistence(sheet: Sheet, exception: Exception | null): string[] {
  const { persistence: own } = sheet;
  switch (methodOf(sheet, exception)) {
    case "cookie-insert": {
      const name = own.kind === "cookie-insert" ? own.cookieName : "sallyport";
      const life = own.kind === "cookie-insert" && own.lifetimeSeconds !== null ? ` maxlife ${own.lifetimeSeconds}s` : "";
      const sameSite = own.kind === "cookie-insert" ? own.sameSite : "lax";
      return [`    cookie ${quoted(name)} insert indirect nocache httponly${endsTls(sheet.mode) ? " secure" : ""} dynamic${life} attr ${quoted(`SameSite=${sameSite[0]?.toUpperCase() ?? ""}${sameSite.slice(1)}`)}`, `    dynamic-cookie-key ${quoted(`change-me-${slug(sheet.name)}`)}`];
    }
    case "cookie-prefix":
      return [`    cookie ${quoted(exception?.cookieName ?? (own.kind === "cookie-prefix" ? own.cookieName : "session"))} prefix nocache`];
    case "cookie-follow": {
      const name = own.kind === "cookie-follow" ? own.cookieName : "ovidCookie";
      const idle = own.kind === "cookie-follow" ? own.idleSeconds : 3_600;
      return [`    stick-table type string len 256 size 100k expire ${idle}s`, `    stick store-response res.cook(${quoted(name)})`, `    stick match req.cook(${quoted(name)})`];
    }
    case "source-address":
    case "duration": {
      const prefix4 = own.kind === "source-address" || own.kind === "duration" ? own.prefix4 : 32;
      const prefix6 = own.kind === "source-address" || own.kind === "duration" ? own.prefix6 : 64;
      const expire = own.kind === "source-address" ? own.idleSeconds : own.kind === "duration" ? own.seconds : 1_800;
      return [`    stick-table type ipv6 size 100k expire ${expire}s`, `    stick on src,ipmask(${prefix4},${prefix6})`];
    }
    default:
      // "dst" is the same for everybody: whoever is in use stays in use.
      return sheet.scheduling === "failover" && !sheet.failsBack ? ["    stick-table type ipv6 size 1 nopurge", "    stick on dst"] : [];
  }
}

function checkRules(check: HealthCheck): string[] {
  if (check.kind === "smtp") return [`    option smtpchk EHLO ${quoted(check.ehloName)}`];
  if (check.kind !== "http") return [];
  const body = check.bodyContains === null ? [] : [`    http-check expect string ${quoted(check.bodyContains)}`];
  return ["    option httpchk", `    http-check send meth ${check.method} uri ${quoted(check.path)} ver HTTP/1.1 hdr Host ${quoted(check.hostHeader ?? "localhost")}`, body[0] ?? `    http-check expect status ${check.statusFrom}-${check.statusTo}`];
}

function serverLine(sheet: Sheet, member: SheetMember, place: { name: string; index: number; usesCookie: boolean }): string {
  const check = sheet.healthCheck;
  const isOrdered = sheet.scheduling === "failover" || sheet.scheduling === "first-alive";
  const speaksTls = check.kind === "tls" || (check.kind === "http" && check.isTls);
  const parts = [
    `    server ${place.name} ${hostPort(member)}`,
    ...(isOrdered ? (place.index === 0 ? [] : ["backup"]) : [`weight ${sheet.scheduling === "round-robin" ? Math.min(1, member.weight) : member.weight}`]),
    ...(member.state === "drain" ? ["weight 0"] : []),
    ...(member.maxConnections === null ? [] : [`maxconn ${member.maxConnections}`]),
    ...(place.usesCookie && methodIsPrefix(sheet) ? [`cookie ${place.name}`] : []),
    ...(sheet.mode === "tls-reencrypt" ? memberTls(sheet) : []),
    ...(sheet.sendProxy === "off" ? [] : [sheet.sendProxy === "v1" ? "send-proxy" : "send-proxy-v2"]),
    ...(check.kind === "none" ? [] : [`check inter ${check.intervalMs}ms rise ${check.rise} fall ${check.fall}`, ...(check.port === null ? [] : [`port ${check.port}`]), ...(speaksTls ? [`check-ssl${sheet.mode === "tls-reencrypt" ? "" : " verify none"}`, ...(check.serverName === null ? [] : [`check-sni ${check.serverName}`])] : sheet.mode === "tls-reencrypt" ? ["no-check-ssl"] : [])]),
  ];
  return parts.join(" ");
}

function methodIsPrefix(sheet: Sheet): boolean {
  return sheet.persistence.kind === "cookie-prefix" || exceptionsOf(sheet).some((exception) => exception.use === "cookie-prefix");
}

function memberTls(sheet: Sheet): string[] {
  const { verify, serverName } = sheet.memberTls;
  const sni = serverName.kind === "client" ? ["sni ssl_fc_sni"] : serverName.kind === "fixed" ? [`sni str(${serverName.name})`] : [];
  const alpn = sheet.protocol === "http" ? ["alpn http/1.1"] : [];
  if (verify.kind !== "anchors") return ["ssl verify none", ...sni, ...alpn];
  return [`ssl verify required ca-file ${verify.anchorsPem.length === 0 ? anchorsFile : `${certificateFolder}/members-ca.pem`}`, ...(verify.name === null ? [] : [`verifyhost ${verify.name}`]), ...sni, ...alpn];
}

/** One word for HAProxy's parser, whatever it holds: single quotes keep everything but a single quote. */
function quoted(text: string): string {
  const safe = comment(text);
  return /^[A-Za-z0-9_./:*=-]+$/.test(safe) ? safe : `'${safe.replaceAll("'", "'\\''")}'`;
}

function notesOf(sheet: Sheet, exceptions: readonly Exception[]): string[] {
  const { persistence: own, healthCheck: check } = sheet;
  return [
    ...(endsTls(sheet.mode) ? [`Put certificate chain and key into one file, ${certificateFolder}/${slug(sheet.name)}.pem, readable by HAProxy only.`] : []),
    ...(sheet.clientCertificate === "none" ? [] : [`Put the CA of the clients' certificates into ${certificateFolder}/clients-ca.pem.`]),
    ...(sheet.mode === "tls-reencrypt" && sheet.memberTls.verify.kind === "anchors" && sheet.memberTls.verify.anchorsPem.length > 0 ? [`Put the CA certificates of the members, which the service lists, into ${certificateFolder}/members-ca.pem.`] : []),
    ...(sheet.mode === "tls-reencrypt" && sheet.memberTls.verify.kind === "pinned" ? ["HAProxy cannot pin a member's certificate: the members are not verified in this configuration. Use their CA instead."] : []),
    ...(sheet.acceptsProxy ? ["HAProxy's accept-proxy believes a PROXY header from everybody on this port; restrict the port by firewall to the balancer in front."] : []),
    ...(own.kind === "cookie-insert" ? ["HAProxy's cookie names the member by a keyed hash: replace the dynamic-cookie-key by a secret of your own."] : []),
    ...(own.kind === "cookie-insert" && own.endsWithCookie !== null ? [`HAProxy does not end the cookie when the application deletes ${own.endsWithCookie} (logout).`] : []),
    ...(own.kind === "duration" ? ["HAProxy counts the time from the last connection, not from the first, and moves clients of a member that is down."] : []),
    ...(exceptions.some((exception) => exception.match.versionBelow !== null) ? ["HAProxy cannot compare versions in User-Agent: the exception holds for every version of those clients."] : []),
    ...(check.kind === "smtp" && check.nextHop !== null ? ["HAProxy's SMTP check stops at the greeting: it does not see whether the next hop is reachable."] : []),
    ...(check.kind === "smtp" && check.startTls === "required" ? ["HAProxy's SMTP check does not try STARTTLS."] : []),
    ...(check.kind === "http" && check.bodyContains !== null ? ["HAProxy looks at either the status or the body; here it is the body."] : []),
  ];
}
