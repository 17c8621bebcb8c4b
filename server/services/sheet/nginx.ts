/** The same service as a configuration for nginx 1.22 or later (open source). */
import { endsTls } from "../../../contract/virtual-service.ts";
import { comment, hostPort, isNameBased, type Rendered, seconds, servingMembers, type Sheet, slug } from "./sheet.ts";
import { exceptionsOf } from "./words.ts";

const certificateFolder = "/etc/nginx/certs";
const anchorsFile = "/etc/ssl/certs/ca-certificates.crt";

export function nginxSheet(sheet: Sheet): Rendered {
  const id = slug(sheet.name);
  const body = sheet.protocol === "http" ? httpBlock(sheet, id) : streamBlock(sheet, id);
  const head = [`# ${comment(sheet.name)}`, "include /etc/nginx/modules-enabled/*.conf;", "events {", "    worker_connections 16384;", "}", ""];
  return { text: [...head, ...body, ""].join("\n"), notes: notesOf(sheet) };
}

function streamBlock(sheet: Sheet, id: string): string[] {
  const peeks = sheet.mode === "tls-passthrough" && isNameBased(sheet);
  return [
    "stream {",
    ...indented([
      ...upstream(sheet, id),
      ...(peeks ? ["", "# Who asks for no listed name meets a closed port.", "upstream refused {", "    server 127.0.0.1:1 down;", "}", "", `map $ssl_preread_server_name $target {`, "    hostnames;", "    default refused;", ...(sheet.takesNoName ? [`    "" ${id};`] : []), ...sheet.serverNames.map((name) => `    ${name} ${id};`), "}"] : []),
      "", "server {", ...indented([
        ...listen(sheet, endsTls(sheet.mode) ? " ssl" : ""),
        ...(peeks ? ["ssl_preread on;", "preread_timeout 8s;"] : []),
        ...(endsTls(sheet.mode) ? tlsLines(sheet, id) : []),
        ...(sheet.mode === "tls-reencrypt" ? memberTls(sheet) : []),
        `proxy_connect_timeout ${sheet.connectTimeoutMs}ms;`, `proxy_timeout ${seconds(sheet.idleTimeoutMs)}s;`,
        // Without it nginx drops the answer to a client that has finished sending.
        "proxy_half_close on;",
        ...(sheet.sendProxy === "off" ? [] : ["proxy_protocol on;"]),
        `proxy_pass ${peeks ? "$target" : id};`,
      ]), "}",
    ]),
    "}",
  ];
}

function httpBlock(sheet: Sheet, id: string): string[] {
  const names = sheet.serverNames.length === 0 || sheet.takesUnknownNames ? [] : sheet.serverNames;
  const tls = endsTls(sheet.mode);
  return [
    "http {",
    ...indented([
      ...upstream(sheet, id), "",
      "map $http_upgrade $connection_upgrade {", "    default upgrade;", '    "" "";', "}",
      ...(names.length > 0 && tls ? ["", "# Who asks for no listed name is refused in the handshake.", "server {", ...indented([...listen(sheet, " ssl default_server"), "ssl_reject_handshake on;"]), "}"] : []),
      "", "server {", ...indented([
        ...listen(sheet, tls ? " ssl http2" : ""),
        `server_name ${names.length === 0 ? "_" : names.join(" ")};`,
        ...(tls ? tlsLines(sheet, id) : []),
        `client_header_timeout 10s;`, `keepalive_timeout ${Math.min(seconds(sheet.idleTimeoutMs), 3_600)}s;`, "client_max_body_size 0;", "server_tokens off;",
        "location / {", ...indented([
          `proxy_pass ${sheet.mode === "tls-reencrypt" ? "https" : "http"}://${id};`, "proxy_http_version 1.1;", "proxy_request_buffering off;", "proxy_buffering off;",
          `proxy_connect_timeout ${sheet.connectTimeoutMs}ms;`, `proxy_read_timeout ${seconds(sheet.idleTimeoutMs)}s;`, `proxy_send_timeout ${seconds(sheet.idleTimeoutMs)}s;`,
          `proxy_set_header Host ${sheet.memberHost.kind === "fixed" ? sheet.memberHost.name : sheet.memberHost.kind === "client" ? "$http_host" : "$proxy_host"};`, "proxy_set_header Upgrade $http_upgrade;", "proxy_set_header Connection $connection_upgrade;",
          ...forwarded(sheet), ...(sheet.mode === "tls-reencrypt" ? memberTls(sheet) : []),
        ]), "}",
      ]), "}",
    ]),
    "}",
  ];
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => (line === "" ? "" : `    ${line}`));
}

function listen(sheet: Sheet, options: string): string[] {
  const proxy = sheet.acceptsProxy ? " proxy_protocol" : "";
  const all = sheet.address === "::" || sheet.address === "0:0:0:0:0:0:0:0";
  const place = hostPort({ host: sheet.address, port: sheet.port });
  return all ? [`listen ${sheet.port}${options}${proxy};`, `listen [::]:${sheet.port}${options}${proxy};`] : [`listen ${place}${options}${proxy};`];
}

function upstream(sheet: Sheet, id: string): string[] {
  const bySource = sheet.persistence.kind !== "none" && !isOrdered(sheet);
  const method = sheet.scheduling === "source-hash" || bySource ? ["hash $remote_addr consistent;"] : sheet.scheduling === "least-connections" ? ["least_conn;"] : [];
  const usesBackup = isOrdered(sheet);
  const passive = `max_fails=${sheet.healthCheck.kind === "none" ? 1 : sheet.healthCheck.fall} fail_timeout=10s`;
  const members = servingMembers(sheet).map((member, index) => {
    const weight = usesBackup || sheet.scheduling === "round-robin" ? "" : ` weight=${Math.max(1, member.weight)}`;
    const away = member.state === "drain" || member.weight === 0 ? " down" : "";
    return `server ${hostPort(member)}${weight}${member.maxConnections === null ? "" : ` max_conns=${member.maxConnections}`} ${passive}${usesBackup && index > 0 ? " backup" : ""}${away};`;
  });
  return [`upstream ${id} {`, ...indented([`zone ${id} 256k;`, ...method, ...(members.length === 0 ? ["server 127.0.0.1:1 down;"] : members)]), "}"];
}

function isOrdered(sheet: Sheet): boolean {
  return sheet.scheduling === "failover" || sheet.scheduling === "first-alive";
}

function tlsLines(sheet: Sheet, id: string): string[] {
  return [
    `ssl_certificate ${certificateFolder}/${id}.pem;`, `ssl_certificate_key ${certificateFolder}/${id}.key;`, "ssl_protocols TLSv1.2 TLSv1.3;",
    ...(sheet.clientCertificate === "none" ? [] : [`ssl_client_certificate ${certificateFolder}/clients-ca.pem;`, `ssl_verify_client ${sheet.clientCertificate === "required" ? "on" : "optional"};`]),
  ];
}

function memberTls(sheet: Sheet): string[] {
  const { verify, serverName } = sheet.memberTls;
  const name = verify.kind === "anchors" && verify.name !== null ? verify.name : serverName.kind === "fixed" ? serverName.name : serverName.kind === "client" ? "$ssl_server_name" : null;
  return [
    ...(sheet.protocol === "tcp" ? ["proxy_ssl on;"] : []), "proxy_ssl_protocols TLSv1.2 TLSv1.3;", ...(serverName.kind === "none" ? [] : ["proxy_ssl_server_name on;"]), ...(name === null ? [] : [`proxy_ssl_name ${name};`]),
    ...(verify.kind === "anchors" ? ["proxy_ssl_verify on;", "proxy_ssl_verify_depth 5;", `proxy_ssl_trusted_certificate ${verify.anchorsPem.length === 0 ? anchorsFile : `${certificateFolder}/members-ca.pem`};`] : ["proxy_ssl_verify off;"]),
  ];
}

function forwarded(sheet: Sheet): string[] {
  const client = sheet.acceptsProxy ? "$proxy_protocol_addr" : "$remote_addr";
  const x = sheet.forwardedHeaders === "x-forwarded" || sheet.forwardedHeaders === "both";
  const rfc = sheet.forwardedHeaders === "forwarded" || sheet.forwardedHeaders === "both";
  return [
    ...(x ? [`proxy_set_header X-Forwarded-For ${client};`, "proxy_set_header X-Forwarded-Proto $scheme;", "proxy_set_header X-Forwarded-Host $http_host;"] : ['proxy_set_header X-Forwarded-For "";', 'proxy_set_header X-Forwarded-Proto "";', 'proxy_set_header X-Forwarded-Host "";']),
    rfc ? `proxy_set_header Forwarded 'for="${client}";host=$http_host;proto=$scheme';` : 'proxy_set_header Forwarded "";',
  ];
}

function notesOf(sheet: Sheet): string[] {
  const { persistence, healthCheck: check } = sheet;
  const ordered = isOrdered(sheet);
  return [
    "Members that are host names are resolved once, when nginx starts; it does not start while one does not resolve.",
    ...(check.kind === "none" ? [] : ["Open-source nginx has no active health checks: a member is out for 10 s after failed connections of clients."]),
    ...(ordered && sheet.members.length > 2 ? ["nginx spreads over all backups at once when the first member is down; it does not keep their order."] : []),
    ...(sheet.scheduling === "failover" && !sheet.failsBack ? ["nginx goes back to the first member as soon as it answers; it cannot stay with the one in use."] : []),
    ...(persistence.kind.startsWith("cookie-") ? [`Open-source nginx has no cookie persistence: ${ordered ? "only one member is in use at a time, so clients stay while it is up" : "clients are kept by source address here"}.`] : []),
    ...(persistence.kind === "source-address" || persistence.kind === "duration" ? [ordered ? "Persistence by source address is left out: only one member is in use at a time." : "nginx keeps clients by a hash of their address, without a time limit; the scheduling method has no effect beside it."] : []),
    ...(exceptionsOf(sheet).length > 0 ? ["The exceptions of the persistence are left out."] : []),
    ...(sheet.mode !== "tcp" && sheet.protocol === "tcp" && endsTls(sheet.mode) && isNameBased(sheet) ? ["nginx takes clients of every name on this port; server names are not compared."] : []),
    ...(sheet.sendProxy === "v2" ? ["nginx sends PROXY protocol version 1; the members must accept it."] : []),
    ...(sheet.protocol === "http" && sheet.sendProxy !== "off" ? ["nginx cannot send PROXY protocol to HTTP members; use the header fields."] : []),
    ...(sheet.acceptsProxy ? ["Restrict the port by firewall to the balancer in front: nginx believes a PROXY header from everybody on it."] : []),
    ...(endsTls(sheet.mode) ? [`Put the certificate chain into ${certificateFolder}/${slug(sheet.name)}.pem and its key into ${certificateFolder}/${slug(sheet.name)}.key.`] : []),
    ...(sheet.clientCertificate === "none" ? [] : [`Put the CA of the clients' certificates into ${certificateFolder}/clients-ca.pem.`]),
    ...(sheet.mode === "tls-reencrypt" && sheet.memberTls.verify.kind === "anchors" && sheet.memberTls.verify.anchorsPem.length > 0 ? [`Put the CA certificates of the members, which the service lists, into ${certificateFolder}/members-ca.pem.`] : []),
    ...(sheet.mode === "tls-reencrypt" && sheet.memberTls.verify.kind === "pinned" ? ["nginx cannot pin a member's certificate: the members are not verified in this configuration. Use their CA instead."] : []),
  ];
}
