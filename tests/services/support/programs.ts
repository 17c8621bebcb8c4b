/** Real nginx, Apache and HAProxy of the machine, each in a directory of its own, unprivileged where the test is. A test that needs one that is absent skips with its name. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { freePort, until } from "../../support/sockets.ts";

export type Program = { port: number; tlsPort: number; directory: string; log: () => string; stop: () => Promise<void>; /** Ends it at once, as a crash would. */ kill: () => Promise<void> };
export type Tls = { chainPem: string; keyPem: string };

/** Whether the program is installed. */
export function has(program: "nginx" | "apache2" | "haproxy" | "openssl"): boolean {
  return !spawnSync(program, [program === "openssl" ? "version" : "-v"]).error;
}

function makeDirectory(name: string, tls: Tls): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), `sallyport-${name}-`));
  writeFileSync(path.join(directory, "chain.pem"), tls.chainPem);
  writeFileSync(path.join(directory, "key.pem"), tls.keyPem, { mode: 0o600 });
  writeFileSync(path.join(directory, "both.pem"), tls.chainPem + tls.keyPem, { mode: 0o600 });
  return directory;
}

async function running(child: ChildProcess, made: { directory: string; port: number; tlsPort: number; name: string }): Promise<Program> {
  const { directory, name } = made;
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const log = (): string => [output, ...["error.log", "access.log"].map((file) => path.join(directory, file)).filter(existsSync).map((file) => readFileSync(file, "utf8"))].join("\n");
  await until(async () => (await accepts(made.port)) || child.exitCode !== null, `${name} accepts`, 15_000);
  if (child.exitCode !== null) throw new Error(`${name} ended: ${log()}`);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await gone;
    rmSync(directory, { recursive: true, force: true });
  };
  return { ...made, log, stop: async () => await end("SIGTERM"), kill: async () => await end("SIGKILL") };
}

const asRoot = process.getuid?.() === 0;

/** nginx as a web server on a plain and a TLS port; `body` is put into both server blocks. */
export async function startNginx(tls: Tls, body: string, ports: { port?: number; tlsPort?: number } = {}): Promise<Program> {
  const directory = makeDirectory("nginx", tls);
  const port = ports.port ?? (await freePort());
  const tlsPort = ports.tlsPort ?? (await freePort());
  const common = `access_log ${directory}/access.log; client_body_temp_path ${directory}/b; proxy_temp_path ${directory}/p; fastcgi_temp_path ${directory}/f; uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s; root ${directory};`;
  writeFileSync(path.join(directory, "nginx.conf"), `daemon off; master_process off; pid ${directory}/nginx.pid; error_log ${directory}/error.log; ${asRoot ? "user root;" : ""} events { worker_connections 1024; }
    http { ${common} server { listen 127.0.0.1:${port}; listen 127.0.0.1:${tlsPort} ssl http2; ssl_certificate ${directory}/chain.pem; ssl_certificate_key ${directory}/key.pem; ${body} } }`);
  return await running(spawn("nginx", ["-c", path.join(directory, "nginx.conf"), "-p", directory], { stdio: ["ignore", "pipe", "pipe"] }), { directory, port, tlsPort, name: "nginx" });
}

/** Apache as a web server on a plain and a TLS port; `body` is put into both virtual hosts, with `{dir}` filled in. */
export async function startApache(tls: Tls, text: string): Promise<Program> {
  const directory = makeDirectory("apache", tls);
  const body = text.replaceAll("{dir}", directory);
  const [port, tlsPort] = [await freePort(), await freePort()];
  const modules = "/usr/lib/apache2/modules";
  const load = ["mpm_event", "authz_core", "ssl", "socache_shmcb", "headers", "alias"].filter((name) => existsSync(`${modules}/mod_${name}.so`)).map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join("\n");
  writeFileSync(path.join(directory, "apache.conf"), `ServerRoot "${directory}"
ServerName localhost
PidFile ${directory}/apache.pid
ErrorLog ${directory}/error.log
DefaultRuntimeDir ${directory}
Mutex posixsem
${asRoot ? "User www-data\nGroup www-data\n" : ""}${load}
Listen 127.0.0.1:${port}
Listen 127.0.0.1:${tlsPort}
DocumentRoot ${directory}
<Directory ${directory}>
  Require all granted
</Directory>
<VirtualHost 127.0.0.1:${port}>
${body}
</VirtualHost>
<VirtualHost 127.0.0.1:${tlsPort}>
SSLEngine on
SSLCertificateFile ${directory}/chain.pem
SSLCertificateKeyFile ${directory}/key.pem
${body}
</VirtualHost>
`);
  // Workers run as another user when the test is root: they must be able to read the document root.
  if (asRoot) spawnSync("chmod", ["755", directory]);
  return await running(spawn("apache2", ["-f", path.join(directory, "apache.conf"), "-DFOREGROUND"], { stdio: ["ignore", "pipe", "pipe"] }), { directory, port, tlsPort, name: "apache2" });
}

/** HAProxy with this configuration; `{port}`, `{dir}` are filled in, `both.pem` is certificate and key. */
export async function startHaproxy(tls: Tls, configuration: string): Promise<Program> {
  const directory = makeDirectory("haproxy", tls);
  const port = await freePort();
  writeFileSync(path.join(directory, "haproxy.cfg"), configuration.replaceAll("{port}", String(port)).replaceAll("{dir}", directory));
  return await running(spawn("haproxy", ["-f", path.join(directory, "haproxy.cfg"), "-db"], { stdio: ["ignore", "pipe", "pipe"] }), { directory, port, tlsPort: port, name: "haproxy" });
}

async function accepts(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = net.connect({ host: "127.0.0.1", port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
