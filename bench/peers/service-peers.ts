/** The same virtual service by nginx, by HAProxy and by ourselves: one worker or engine each, the same certificates, the same nginx behind them. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchPki } from "../pki.ts";
import type { Peer } from "./peer.ts";
import { ciphers, freePort, started } from "./start-peer.ts";

export const serviceKinds = ["pass-through", "off-load tcp", "off-load http", "re-encrypt tcp", "re-encrypt http"] as const;
export type ServiceKind = (typeof serviceKinds)[number];
export type ServiceBackend = { plainPort: number; tlsPort: number; stop: () => Promise<void> };

const streamModule = "/usr/lib/nginx/modules/ngx_stream_module.so";
const http = (kind: ServiceKind): boolean => kind.endsWith("http");
/** The member speaks TLS: in pass-through its own, in re-encrypt the second leg. */
const meetsTls = (kind: ServiceKind): boolean => !kind.startsWith("off-load");
export const memberPort = (kind: ServiceKind, backend: ServiceBackend): number => (meetsTls(kind) ? backend.tlsPort : backend.plainPort);

function nginx(directory: string, body: string): ChildProcess {
  mkdirSync(directory, { recursive: true });
  const user = process.getuid?.() === 0 ? "user root;" : "";
  writeFileSync(join(directory, "nginx.conf"), `${existsSync(streamModule) ? `load_module ${streamModule};` : ""}
    daemon off; worker_processes 1; pid ${directory}/nginx.pid; error_log ${directory}/nginx.log; ${user}
    events { worker_connections 20000; }
    ${body}`);
  return spawn("nginx", ["-c", join(directory, "nginx.conf"), "-p", directory], { stdio: "ignore" });
}

const httpCommon = (directory: string): string => `access_log off; keepalive_requests 10000000; client_body_temp_path ${directory}/b; proxy_temp_path ${directory}/p; fastcgi_temp_path ${directory}/f; uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s;`;

/** The member: nginx with one worker that answers 1 kB, on a plain and on a TLS port. */
export async function startServiceBackend(pki: BenchPki): Promise<ServiceBackend> {
  const [plainPort, tlsPort] = [await freePort(), await freePort()];
  const directory = join(pki.dir, "backend");
  const child = nginx(directory, `http { ${httpCommon(directory)}
    server { listen 127.0.0.1:${plainPort}; listen 127.0.0.1:${tlsPort} ssl; ssl_certificate ${pki.dir}/server.pem; ssl_certificate_key ${pki.dir}/server.key; ssl_ciphers ${ciphers};
      location / { return 200 "${"x".repeat(1_024)}"; } } }`);
  const { stop } = await started("the member", plainPort, null, child);
  return { plainPort, tlsPort, stop };
}

export async function startNginxService(pki: BenchPki, kind: ServiceKind, backend: ServiceBackend): Promise<Peer> {
  const port = await freePort();
  const directory = join(pki.dir, `nginx-${kind.replaceAll(" ", "-")}`);
  const member = `127.0.0.1:${memberPort(kind, backend)}`;
  const ends = `ssl_certificate ${pki.dir}/server.pem; ssl_certificate_key ${pki.dir}/server.key; ssl_ciphers ${ciphers};`;
  const again = `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${pki.dir}/ca.pem; proxy_ssl_name localhost; proxy_ssl_server_name on; proxy_ssl_session_reuse on;`;
  const body = http(kind)
    ? `http { ${httpCommon(directory)} upstream members { server ${member}; keepalive 64; keepalive_requests 10000000; }
        server { listen 127.0.0.1:${port} ssl; ${ends} location / { proxy_pass ${meetsTls(kind) ? "https" : "http"}://members; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; ${meetsTls(kind) ? again : ""} } } }`
    : `stream { server { listen 127.0.0.1:${port} ${kind === "pass-through" ? "" : "ssl"}; ${kind === "pass-through" ? "ssl_preread on;" : ends} proxy_pass ${member}; tcp_nodelay on; ${kind === "re-encrypt tcp" ? `proxy_ssl on; ${again}` : ""} } }`;
  return await started("nginx", port, null, nginx(directory, body));
}

export async function startHaproxyService(pki: BenchPki, kind: ServiceKind, backend: ServiceBackend): Promise<Peer> {
  const port = await freePort();
  const file = join(pki.dir, `haproxy-${kind.replaceAll(" ", "-")}.cfg`);
  const peeks = kind === "pass-through" ? "  tcp-request inspect-delay 5s\n  tcp-request content accept if { req.ssl_hello_type 1 }\n" : "";
  writeFileSync(file, `global
  maxconn 8000
  nbthread 1
  ssl-default-bind-ciphers ${ciphers}
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode ${http(kind) ? "http" : "tcp"}
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  maxconn 8000
${http(kind) ? "  option forwardfor\n  http-reuse safe\n" : ""}frontend bench
  bind 127.0.0.1:${port}${kind === "pass-through" ? "" : ` ssl crt ${pki.dir}/server.both`}
${peeks}  default_backend members
backend members
  server member 127.0.0.1:${memberPort(kind, backend)}${kind.startsWith("re-encrypt") ? ` ssl verify required ca-file ${pki.dir}/ca.pem verifyhost localhost sni str(localhost)` : ""}
`);
  return await started("HAProxy", port, null, spawn("haproxy", ["-f", file, "-db"], { stdio: ["ignore", "ignore", "inherit"] }));
}

/** Our engines under a supervisor; for HTTP the HTTP engine's CPU counts too. */
export async function startSallyportService(pki: BenchPki, kind: ServiceKind, backend: ServiceBackend, runtime: "bun" | "node"): Promise<Peer> {
  const port = await freePort();
  const job = { dir: pki.dir, port, memberPort: memberPort(kind, backend), runtime, mode: kind === "pass-through" ? "tls-passthrough" : kind.startsWith("off-load") ? "tls-offload" : "tls-reencrypt", protocol: http(kind) ? "http" : "tcp" };
  const child = spawn(process.execPath, [join(import.meta.dirname, "sallyport-service.ts"), JSON.stringify(job)], { stdio: ["pipe", "ignore", "inherit"] });
  return await started(`Sallyport (${runtime})`, port, null, child);
}
