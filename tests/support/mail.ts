/** A real postfix in a temporary directory on loopback. Its master needs root; elsewhere tests skip and say so in their title. */
import { spawnSync } from "node:child_process";
import { chownSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { accepts, canConnect, program, serverFolder } from "./daemons.ts";

const postfixProgram = program("postfix");
export const hasPostfix = postfixProgram !== undefined && process.getuid?.() === 0 && existsSync("/etc/postfix/main.cf.proto");

export type Mta = {
  port: number;
  /** Again on the same port. */
  start: () => Promise<void>;
  /** The port refuses connections afterwards. Safe to call twice. */
  stop: () => Promise<void>;
  /** Ends it and removes its files. */
  remove: () => Promise<void>;
};

/** `tls`: offers STARTTLS with this certificate. `settings`: more lines of main.cf. */
export async function startPostfix(options: { port: number; tls?: { chainPem: string; keyPem: string }; settings?: string[] }): Promise<Mta> {
  const folder = serverFolder("postfix");
  const config = path.join(folder, "etc");
  for (const name of ["etc", "queue", "data"]) mkdirSync(path.join(folder, name));
  const [uid, gid] = ["-u", "-g"].map((flag) => Number(spawnSync("id", [flag, "postfix"], { encoding: "utf8" }).stdout.trim())) as [number, number];
  chownSync(path.join(folder, "data"), uid, gid);
  for (const name of ["dynamicmaps.cf", "postfix-files"]) if (existsSync(`/etc/postfix/${name}`)) cpSync(`/etc/postfix/${name}`, path.join(config, name));
  if (options.tls) writeFileSync(path.join(config, "tls.pem"), `${options.tls.keyPem}\n${options.tls.chainPem}`, { mode: 0o600 });
  writeFileSync(path.join(config, "main.cf"), mainCf(folder, options).join("\n"));
  writeFileSync(path.join(config, "master.cf"), masterCf(options.port).join("\n"));
  const run = (verb: string): void => {
    const result = spawnSync(postfixProgram ?? "postfix", ["-c", config, verb], { encoding: "utf8", env: { ...process.env, MAIL_CONFIG: config } });
    if (result.status !== 0 && verb === "start") throw new Error(`postfix did not start: ${result.stdout}${result.stderr}`);
  };
  const start = async (): Promise<void> => {
    run("start");
    if (!(await accepts(options.port))) throw new Error(`postfix in ${folder} does not listen`);
  };
  const stop = async (): Promise<void> => {
    if (existsSync(path.join(folder, "queue/pid/master.pid"))) run("stop");
    const deadline = performance.now() + 10_000;
    while ((await canConnect(options.port)) && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await start();
  return {
    port: options.port,
    start,
    stop,
    remove: async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function mainCf(folder: string, options: { tls?: unknown; settings?: string[] }): string[] {
  return [
    "compatibility_level = 3.6",
    `queue_directory = ${folder}/queue`,
    `data_directory = ${folder}/data`,
    "command_directory = /usr/sbin",
    "daemon_directory = /usr/lib/postfix/sbin",
    "mail_owner = postfix",
    "setgid_group = postdrop",
    "myhostname = mta.corp.example",
    "mydestination =",
    "inet_interfaces = 127.0.0.1",
    "inet_protocols = ipv4",
    "alias_maps =",
    "alias_database =",
    "local_recipient_maps =",
    `maillog_file_prefixes = ${folder}`,
    `maillog_file = ${folder}/mail.log`,
    "smtpd_client_connection_rate_limit = 0",
    ...(options.tls === undefined ? [] : ["smtpd_tls_security_level = may", `smtpd_tls_chain_files = ${folder}/etc/tls.pem`]),
    ...(options.settings ?? []),
    "",
  ];
}

/** The services that greeting, STARTTLS and an orderly stop need. */
function masterCf(port: number): string[] {
  return [
    `127.0.0.1:${port} inet n - n - - smtpd`,
    "pickup unix n - n 60 1 pickup",
    "cleanup unix n - n - 0 cleanup",
    "qmgr unix n - n 300 1 qmgr",
    "tlsmgr unix - - n 1000? 1 tlsmgr",
    "rewrite unix - - n - - trivial-rewrite",
    "bounce unix - - n - 0 bounce",
    "defer unix - - n - 0 bounce",
    "trace unix - - n - 0 bounce",
    "error unix - - n - - error",
    "retry unix - - n - - error",
    "discard unix - - n - - discard",
    "proxymap unix - - n - - proxymap",
    "anvil unix - - n - 1 anvil",
    "postlog unix-dgram n - n - 1 postlogd",
    "",
  ];
}
