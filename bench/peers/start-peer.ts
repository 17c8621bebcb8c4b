/** Starts the peers: nginx stream and HAProxy from Debian packages, and our own gateway's engine, each with mutual TLS, one process, the same certificates. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import type { BenchPki } from "../pki.ts";
import { type Peer, portAnswers } from "./peer.ts";

/** What nginx and HAProxy are restricted to, as our own listeners are. */
export const ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305";

/** The version line of an installed program, or undefined when it is not there. */
export function versionOf(program: string, flag: string): string | undefined {
  const result = spawnSync(program, [flag], { encoding: "utf8" });
  return result.error ? undefined : `${result.stdout}${result.stderr}`.trim().split("\n")[0];
}

/** nginx with the stream module, one worker. */
export async function startNginx(pki: BenchPki, backendPort: number): Promise<Peer> {
  const port = await freePort();
  const module = "/usr/lib/nginx/modules/ngx_stream_module.so";
  writeFileSync(join(pki.dir, "nginx.conf"), `${existsSync(module) ? `load_module ${module};` : ""}
    daemon off; worker_processes 1; pid ${pki.dir}/nginx.pid; error_log ${pki.dir}/nginx.log; ${process.getuid?.() === 0 ? "user root;" : ""}
    events { worker_connections 20000; }
    stream {
      server {
        listen 127.0.0.1:${port} ssl; ssl_certificate ${pki.dir}/server.pem; ssl_certificate_key ${pki.dir}/server.key; ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ${ciphers};
        ssl_verify_client on; ssl_client_certificate ${pki.dir}/ca.pem; ssl_session_cache shared:s:10m; ssl_session_tickets on;
        proxy_pass 127.0.0.1:${backendPort}; proxy_timeout 1h; tcp_nodelay on;
      }
    }`);
  return await started("nginx stream", port, null, spawn("nginx", ["-c", join(pki.dir, "nginx.conf"), "-p", pki.dir], { stdio: "ignore" }));
}

/** HAProxy in TCP mode, one thread. */
export async function startHaproxy(pki: BenchPki, backendPort: number): Promise<Peer> {
  const port = await freePort();
  writeFileSync(join(pki.dir, "haproxy.cfg"), `global
  maxconn 8000
  nbthread 1
  tune.ssl.default-dh-param 2048
  ssl-default-bind-ciphers ${ciphers}
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  maxconn 8000
listen bench
  bind 127.0.0.1:${port} ssl crt ${pki.dir}/server.both ca-file ${pki.dir}/ca.pem verify required
  server backend 127.0.0.1:${backendPort}
`);
  return await started("HAProxy", port, null, spawn("haproxy", ["-f", join(pki.dir, "haproxy.cfg"), "-db"], { stdio: ["ignore", "ignore", "inherit"] }));
}

/** Our engine, fed by a supervisor process whose CPU and memory count as well. */
export async function startSallyport(options: { pki: BenchPki; backendPort: number; runtime: "bun" | "node"; mode: "connect" | "direct" }): Promise<Peer> {
  const port = await freePort();
  const child = spawn(process.execPath, [join(import.meta.dirname, "sallyport.ts"), JSON.stringify({ dir: options.pki.dir, port, backendPort: options.backendPort, runtime: options.runtime, mode: options.mode })], { stdio: ["pipe", "ignore", "inherit"] });
  return await started(`Sallyport (${options.runtime}, ${options.mode})`, port, options.mode === "connect" ? `localhost:${options.backendPort}` : null, child);
}

/** Waits until the program accepts on its port; its `stop` ends it and waits for the end. */
export async function started(name: string, port: number, target: string | null, child: ChildProcess): Promise<Peer> {
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await Promise.race([portAnswers(port, accepts), gone.then(() => Promise.reject(new Error(`${name} ended before it accepted a connection`)))]);
  const stop = async (): Promise<void> => {
    child.stdin?.end();
    child.kill("SIGTERM");
    await gone;
  };
  return { name, port, target, pid: child.pid ?? 0, stop };
}

async function accepts(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

export async function freePort(): Promise<number> {
  return await new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
