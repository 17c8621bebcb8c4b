/** The same service as tmsh commands for F5 BIG-IP. Nobody has run them here: the sheet says so. */
import type { HealthCheck } from "../../../contract/health-check.ts";
import { endsTls } from "../../../contract/virtual-service.ts";
import { isAddress } from "../plan/name-match.ts";
import { comment, isNameBased, type Rendered, seconds, servingMembers, type Sheet, slug, slugs } from "./sheet.ts";
import { exceptionsOf } from "./words.ts";

export function f5Sheet(sheet: Sheet): Rendered {
  const id = slug(sheet.name);
  const idle = seconds(sheet.idleTimeoutMs);
  const lines = [
    `# ${comment(sheet.name)}`,
    ...monitor(sheet.healthCheck, id),
    ...pool(sheet, id),
    `create ltm profile tcp ${id}_tcp defaults-from tcp idle-timeout ${idle}`,
    ...profiles(sheet, id), ...persistence(sheet, id), virtual(sheet, id),
    "save sys config", "",
  ];
  return { text: lines.join("\n"), notes: notesOf(sheet) };
}

function monitor(check: HealthCheck, id: string): string[] {
  if (check.kind === "none") return [];
  const timing = `interval ${seconds(check.intervalMs)} timeout ${seconds(check.intervalMs * check.fall) + 1} up-interval 0`;
  const port = check.port === null ? "" : ` destination *:${check.port}`;
  switch (check.kind) {
    case "tcp":
      return [`create ltm monitor tcp ${id}_monitor defaults-from tcp ${timing}${port}`];
    case "tls":
      return [`create ltm monitor https ${id}_monitor defaults-from https ${timing}${port} send none recv none`];
    case "http":
      return [`create ltm monitor ${check.isTls ? "https" : "http"} ${id}_monitor defaults-from ${check.isTls ? "https" : "http"} ${timing}${port} send ${quoted(`${check.method} ${literal(check.path)} HTTP/1.1\\r\\nHost: ${check.hostHeader ?? "localhost"}\\r\\nConnection: close\\r\\n\\r\\n`)} recv ${quoted(check.bodyContains === null ? "HTTP/1\\.[01] [23]" : literal(check.bodyContains))}`];
    case "smtp":
      return [`create ltm monitor smtp ${id}_monitor defaults-from smtp ${timing}${port} domain ${check.ehloName}`];
  }
}

function pool(sheet: Sheet, id: string): string[] {
  const members = servingMembers(sheet);
  const isOrdered = sheet.scheduling === "failover" || sheet.scheduling === "first-alive";
  const names = slugs(members.map((member) => member.name));
  const lines = members.map((member, index) => {
    const node = isAddress(member.host) ? (member.host.includes(":") ? `${member.host}.${member.port}` : `${member.host}:${member.port}`) : `${names[index] ?? "member"}:${member.port}`;
    const settings = [
      ...(isAddress(member.host) ? [] : [`fqdn { autopopulate enabled name ${member.host} }`]),
      ...(isOrdered ? [`priority-group ${members.length - index}`] : []),
      ...(sheet.scheduling === "weighted-round-robin" || sheet.scheduling === "least-connections" ? [`ratio ${Math.min(100, Math.max(1, member.weight))}`] : []),
      ...(member.maxConnections === null ? [] : [`connection-limit ${member.maxConnections}`]),
      ...(member.state === "drain" || member.weight === 0 ? ["session user-disabled"] : []),
    ];
    return `${node} { ${settings.join(" ")} }`;
  });
  const mode = { failover: "round-robin", "first-alive": "round-robin", "weighted-round-robin": "ratio-member", "least-connections": "weighted-least-connections-member", "source-hash": "round-robin", "round-robin": "round-robin" }[sheet.scheduling];
  const monitored = sheet.healthCheck.kind === "none" ? "" : ` monitor ${id}_monitor`;
  return [`create ltm pool ${id}_pool load-balancing-mode ${mode}${isOrdered ? " min-active-members 1" : ""}${monitored} members add { ${lines.join(" ")} }`];
}

function profiles(sheet: Sheet, id: string): string[] {
  if (!endsTls(sheet.mode)) return [];
  const { verify, serverName } = sheet.memberTls;
  const client = `create ltm profile client-ssl ${id}_client defaults-from clientssl cert-key-chain add { main { cert ${id}.crt key ${id}.key chain ${id}-chain.crt } }${sheet.clientCertificate === "none" ? "" : ` ca-file clients-ca.crt peer-cert-mode ${sheet.clientCertificate === "required" ? "require" : "request"}`}`;
  if (sheet.mode === "tls-offload") return [client];
  const name = serverName.kind === "fixed" ? ` server-name ${serverName.name}` : sheet.stampName === null ? "" : ` server-name ${sheet.stampName}`;
  const checked = verify.kind === "anchors" ? ` peer-cert-mode require ca-file members-ca.crt${verify.name === null ? "" : ` authenticate-name ${verify.name}`}` : " peer-cert-mode ignore";
  return [client, `create ltm profile server-ssl ${id}_server defaults-from serverssl${name}${checked}`];
}

function persistence({ persistence: own }: Sheet, id: string): string[] {
  switch (own.kind) {
    case "none":
      return [];
    case "cookie-insert":
      return [`create ltm persistence cookie ${id}_persist defaults-from cookie method insert cookie-name ${quoted(own.cookieName)} expiration ${own.lifetimeSeconds === null ? "0" : `${own.lifetimeSeconds}`} httponly enabled secure enabled cookie-encryption required cookie-encryption-passphrase CHANGE-ME`];
    case "cookie-prefix":
    case "cookie-follow":
      return [`create ltm persistence cookie ${id}_persist defaults-from cookie method hash cookie-name ${quoted(own.cookieName)} timeout ${own.kind === "cookie-follow" ? own.idleSeconds : 3_600}`];
    case "source-address":
    case "duration":
      return [`create ltm persistence source-addr ${id}_persist defaults-from source_addr timeout ${own.kind === "duration" ? own.seconds : own.idleSeconds} mask ${maskOf(own.prefix4)}`];
  }
}

function maskOf(prefix: number): string {
  return [0, 8, 16, 24].map((from) => 256 - 2 ** (8 - Math.max(0, Math.min(8, prefix - from)))).join(".");
}

function virtual(sheet: Sheet, id: string): string {
  const all = ["::", "0.0.0.0"].includes(sheet.address) ? "0.0.0.0" : sheet.address;
  const destination = all.includes(":") ? `${all}.${sheet.port}` : `${all}:${sheet.port}`;
  const parts = [
    `${id}_tcp { }`,
    ...(sheet.protocol === "http" ? ["http { }"] : []),
    ...(endsTls(sheet.mode) ? [`${id}_client { context clientside }`] : []),
    ...(sheet.mode === "tls-reencrypt" ? [`${id}_server { context serverside }`] : []),
  ];
  const persist = sheet.persistence.kind === "none" ? (sheet.scheduling === "source-hash" ? " persist replace-all-with { hash }" : "") : ` persist replace-all-with { ${id}_persist }`;
  return `create ltm virtual ${id} destination ${destination} ip-protocol tcp pool ${id}_pool profiles add { ${parts.join(" ")} } source-address-translation { type automap }${persist}`;
}

/** A person's text for `quoted`: its backslashes are its own and must not take the escape from what follows them. */
function literal(text: string): string {
  return text.replaceAll("\\", "\\\\");
}

/** A tmsh word in double quotes. Backslashes are kept as escapes. */
function quoted(text: string): string {
  return `"${comment(text).replace(/(["?[\]{}$])/g, "\\$1")}"`;
}

function notesOf(sheet: Sheet): string[] {
  const { persistence: own, healthCheck: check } = sheet;
  return [
    "These commands were not run on an F5: read them through and try them on a test partition first.",
    ...(["::", "0.0.0.0"].includes(sheet.address) ? ["Replace the destination 0.0.0.0 by the virtual server's address."] : []),
    ...(isNameBased(sheet) ? [`The virtual server takes every name on its port; to take only ${sheet.serverNames.join(", ")}, add a local traffic policy on the SSL server name.`] : []),
    ...(sheet.scheduling === "failover" && !sheet.failsBack ? ["Priority groups go back to the first member when it returns; manual resume on the monitor keeps it out until you say so."] : []),
    ...(exceptionsOf(sheet).length > 0 ? ["The exceptions of the persistence need an iRule or a local traffic policy."] : []),
    ...(own.kind === "cookie-prefix" || own.kind === "cookie-follow" ? ["F5 follows the application's cookie by a hash of its value, so the first request after the cookie is set may go to another member; an iRule with the universal persistence does better."] : []),
    ...(check.kind === "smtp" ? ["F5's SMTP monitor stops at HELO: it does not see whether the next hop is reachable."] : []),
    ...(sheet.sendProxy === "off" ? [] : ["PROXY protocol to members needs an iRule, or a profile of recent versions."]),
    ...(endsTls(sheet.mode) ? [`Import certificate, key and chain as ${slug(sheet.name)}.crt, .key and -chain.crt first.`] : ["No client-ssl or server-ssl profile: TLS passes through unchanged."]),
  ];
}
