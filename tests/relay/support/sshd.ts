/** Real OpenSSH: servers with a host key of their own in a zone, and sessions to them that believe nothing but those keys. */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import type { Zone, Zones } from "./zones.ts";

export const sshPort = 2_222;

export function whyNoSsh(): string | undefined {
  return fs.existsSync("/usr/sbin/sshd") && fs.existsSync("/usr/bin/ssh") ? undefined : "needs OpenSSH";
}

/** The operators' key pair in the folder. */
export function makeUserKey(folder: string): string {
  const file = path.join(folder, "id");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
  return file;
}

/** Starts an sshd on the loopback of the zone's agent; resolves to its public host key. */
export function startSshd(zones: Zones, zone: Zone, folder: string, userKey: string): string {
  fs.mkdirSync("/run/sshd", { recursive: true });
  const hostKey = path.join(folder, `host-${zone.name}`);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", hostKey]);
  const config = path.join(folder, `sshd-${zone.name}.conf`);
  fs.writeFileSync(config, [`Port ${sshPort}`, "ListenAddress 127.0.0.1", `HostKey ${hostKey}`, "PidFile none", `AuthorizedKeysFile ${userKey}.pub`, "PermitRootLogin prohibit-password", "UsePAM no", "StrictModes no", "MaxStartups 1000", "LogLevel ERROR", `SetEnv ZONE=${zone.name}`, "PrintMotd no", ""].join("\n"));
  zones.start(zone.agent, ["/usr/sbin/sshd", "-D", "-e", "-f", config]);
  return fs.readFileSync(`${hostKey}.pub`, "utf8").split(" ").slice(0, 2).join(" ");
}

/** The arguments of one session that runs `command` on `host`, with only its own key in the known hosts. */
export function sshCommand(given: { userKey: string; knownHosts: string; proxyCommand: string; host: string; command: string }): string[] {
  const options = { ProxyCommand: given.proxyCommand, UserKnownHostsFile: given.knownHosts, GlobalKnownHostsFile: "/dev/null", StrictHostKeyChecking: "yes", IdentitiesOnly: "yes", BatchMode: "yes", ConnectTimeout: "30", HostKeyAlgorithms: "ssh-ed25519", LogLevel: "ERROR" };
  return ["ssh", "-F", "/dev/null", "-T", "-i", given.userKey, ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]), "-p", String(sshPort), `root@${given.host}`, given.command];
}
