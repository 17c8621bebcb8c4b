/** Commands that work as they stand, for one service of one agent. The name needs no quoting: it has letters, digits, hyphens, underscores and dots. */
import type { ReachService } from "../../../contract/reach.ts";

export type ReadyCommand = { label: string; command: string };
export type InsideAddress = { host: string; port: number };

/** A key is handed to curl on its standard input: arguments can be read by everybody on the computer. `inside`: the first inside listener; null when there is none. */
export function readyCommands(name: string, service: ReachService, inside: InsideAddress | null): ReadyCommand[] {
  const { port } = service;
  const commands: ReadyCommand[] = [];
  if (isSsh(service)) commands.push({ label: "ssh", command: `ssh -o ProxyCommand="sallyport ssh-proxy %h %p"${port === 22 ? "" : ` -p ${port}`} ${name}` });
  commands.push({ label: "Local forward", command: `sallyport forward ${name} ${port}` });
  if (inside && isHttp(service)) {
    const scheme = isTls(service) ? "https" : "http";
    commands.push({ label: "curl", command: `printf 'proxy-user = "key:%s"' "$SALLYPORT_API_KEY" | curl -K - --proxytunnel --proxy https://${urlHost(inside.host)}:${inside.port} --proxy-cacert ca.pem ${scheme}://${name}:${port}/` });
  }
  return commands;
}

function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function isSsh(service: ReachService): boolean {
  return service.port === 22 || /\b(ssh|sftp|scp)\b/i.test(service.name);
}

function isHttp(service: ReachService): boolean {
  return [80, 443, 8080, 8443].includes(service.port) || /https?|web/i.test(service.name);
}

function isTls(service: ReachService): boolean {
  return [443, 8443].includes(service.port) || /https/i.test(service.name);
}
