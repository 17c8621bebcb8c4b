/** Real nginx and apache, started on loopback from a configuration in a temporary directory. Where the program is absent, tests skip and say so in their title. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";

const isRoot = process.getuid?.() === 0;
const apacheModules = "/usr/lib/apache2/modules";
const nginxStream = "/usr/lib/nginx/modules/ngx_stream_module.so";

/** First of these programs that the machine has. */
export function program(...names: string[]): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/sbin", "/usr/local/sbin"];
  return names.flatMap((name) => folders.map((folder) => path.join(folder, name))).find((file) => existsSync(file));
}

const nginxProgram = program("nginx");
const apacheProgram = program("apache2", "httpd");
export const hasNginx = nginxProgram !== undefined;
/** nginx with its stream module, as a dynamic module or built in. */
export const hasNginxStream = nginxProgram !== undefined && (existsSync(nginxStream) || spawnSync(nginxProgram, ["-V"], { encoding: "utf8" }).stderr.includes("--with-stream "));
export const hasApache = apacheProgram !== undefined && existsSync(`${apacheModules}/mod_ssl.so`);

/** A directory for one server; other users may enter it, because servers give up root. */
export function serverFolder(name: string): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), `sallyport-${name}-`));
  chmodSync(folder, 0o755);
  return folder;
}

export type Daemon = { folder: string; /** Ends the server; the port is free afterwards. Safe to call twice. */ stop: () => Promise<void>; pid: number };

/** nginx with these `http { }` and `stream { }` contents. Resolves when all `ports` accept. Files named in `files` lie in the working directory. */
export async function startNginx(options: { http?: string; stream?: string; ports: number[]; files?: Record<string, string> }): Promise<Daemon> {
  const folder = serverFolder("nginx");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(" ");
  const config = [
    existsSync(nginxStream) && options.stream !== undefined ? `load_module ${nginxStream};` : "",
    isRoot ? "user nobody nogroup;" : "",
    `pid ${folder}/nginx.pid; error_log ${folder}/error.log; worker_processes 1; daemon off;`,
    "events { worker_connections 1024; }",
    options.http === undefined ? "" : `http { access_log off; ${temporary} ${options.http} }`,
    options.stream === undefined ? "" : `stream { ${options.stream} }`,
  ].join("\n");
  writeFiles(folder, { ...options.files, "nginx.conf": config });
  return await running(folder, options.ports, () => spawn(nginxProgram ?? "nginx", ["-p", folder, "-c", `${folder}/nginx.conf`, "-e", `${folder}/error.log`], { stdio: "ignore", cwd: folder }));
}

/** Apache with these lines after a base of TLS, MIME types and rewriting. `Listen` lines are the caller's. Resolves when all `ports` accept. */
export async function startApache(options: { config: string; ports: number[]; files?: Record<string, string> }): Promise<Daemon> {
  const folder = serverFolder("apache");
  const modules = ["mpm_event", "authz_core", "alias", "headers", "rewrite", "socache_shmcb", "ssl"].filter((name) => existsSync(`${apacheModules}/mod_${name}.so`));
  const config = [
    `ServerRoot ${folder}`,
    "ServerName localhost",
    `PidFile ${folder}/apache.pid`,
    `ErrorLog ${folder}/error.log`,
    `Mutex file:${folder} default`,
    ...modules.map((name) => `LoadModule ${name}_module ${apacheModules}/mod_${name}.so`),
    isRoot ? "User nobody\nGroup nogroup" : "",
    `DocumentRoot ${folder}/www`,
    options.config,
  ].join("\n");
  mkdirSync(path.join(folder, "www"));
  writeFiles(folder, { ...options.files, "apache.conf": config });
  return await running(folder, options.ports, () => spawn(apacheProgram ?? "apache2", ["-f", `${folder}/apache.conf`, "-D", "FOREGROUND"], { stdio: "ignore", cwd: folder }));
}

/** Resolves once something accepts on the port; false after `timeoutMs`. */
export async function accepts(port: number, timeoutMs = 10_000): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    if (await canConnect(port)) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

export async function canConnect(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

function writeFiles(folder: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

async function running(folder: string, ports: number[], start: () => ChildProcess): Promise<Daemon> {
  const child = start();
  let hasEnded = false;
  const ended = new Promise<void>((resolve) => {
    child.on("error", () => resolve());
    child.on("exit", () => resolve());
  }).then(() => void (hasEnded = true));
  const stop = async (): Promise<void> => {
    if (!hasEnded) child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const areReady = await Promise.race([Promise.all(ports.map(async (port) => await accepts(port))).then((all) => all.every(Boolean)), ended.then(() => false)]);
  if (!areReady) {
    const log = existsSync(`${folder}/error.log`) ? readFileSync(`${folder}/error.log`, "utf8") : "(no log)";
    await stop();
    throw new Error(`the server in ${folder} did not start: ${log}`);
  }
  return { folder, stop, pid: child.pid ?? 0 };
}
