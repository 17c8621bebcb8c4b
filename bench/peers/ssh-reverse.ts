/** `ssh -R` with a real sshd on this machine: the other way to reach a computer that only dials out. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { createConnection } from "node:net";
import { portAnswers } from "./peer.ts";
import { freePort } from "./start-peer.ts";

const sshd = "/usr/sbin/sshd";

export type SshReverse = { /** Leads to the back end through the tunnel. */ port: number; sshdPid: number; clientPid: number; idle: (count: number) => Promise<() => void>; stop: () => void };

/** Starts sshd and one `ssh -R` that leads back to `backendPort`; undefined where there is no sshd. */
export async function startSshReverse(dir: string, backendPort: number): Promise<SshReverse | undefined> {
  if (!existsSync(sshd)) return undefined;
  const home = join(dir, "ssh");
  mkdirSync(home, { mode: 0o700 });
  for (const name of ["host", "client"]) execFileSync("ssh-keygen", ["-q", "-t", "ecdsa", "-b", "256", "-N", "", "-f", join(home, name)]);
  const listenPort = await freePort();
  const port = await freePort();
  writeFileSync(join(home, "sshd_config"), `Port ${listenPort}
ListenAddress 127.0.0.1
HostKey ${home}/host
AuthorizedKeysFile ${home}/client.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
AllowTcpForwarding yes
MaxStartups 500:30:1000
Ciphers aes128-gcm@openssh.com
`);
  // sshd separates its privileges in this folder, which the service of the distribution makes at boot.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const server = spawn(sshd, ["-D", "-q", "-f", join(home, "sshd_config")], { stdio: "ignore" });
  await portAnswers(listenPort, accepts);
  const client = (...forward: string[]): ChildProcess => spawn("ssh", ["-N", "-q", "-p", String(listenPort), "-i", join(home, "client"), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", "-o", "Ciphers=aes128-gcm@openssh.com", "-F", "none", ...forward, `${userInfo().username}@127.0.0.1`], { stdio: "ignore" });
  const tunnel = client("-R", `127.0.0.1:${port}:127.0.0.1:${backendPort}`);
  await portAnswers(port, accepts);
  return {
    port,
    sshdPid: server.pid ?? 0,
    clientPid: tunnel.pid ?? 0,
    idle: async (count) => {
      const ports = await Promise.all(Array.from({ length: count }, freePort));
      const children: ChildProcess[] = [];
      for (const one of ports) {
        children.push(client("-R", `127.0.0.1:${one}:127.0.0.1:${backendPort}`));
        await portAnswers(one, accepts);
      }
      return () => children.forEach((child) => child.kill());
    },
    stop: () => {
      tunnel.kill();
      server.kill();
    },
  };
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
