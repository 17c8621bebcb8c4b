/**
 * Networks as they are found: zones in which every computer is 10.0.0.2, each behind its own NAT and firewall, behind one more NAT; operators in a network of their
 * own. Made of network namespaces; needs root, `ip`, `nft` and `unshare`.
 *
 *   zone agent 10.0.0.2 ── 10.0.0.1 zone door 100.64.0.1x ── 100.64.0.1 street 10.91.x.2 ── 10.91.x.1 this machine 10.92.x.1 ── 10.92.x.2 operators
 */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import fs from "node:fs";

const tag = String(process.pid % 10_000);
const octet = (process.pid % 200) + 20;
/** All agents have this hostname. */
export const sharedHostname = "workstation";
export const sharedAddress = "10.0.0.2";

export function whyNoZones(): string | undefined {
  if (process.getuid?.() !== 0) return "needs root";
  for (const tool of ["ip", "nft", "unshare"]) {
    try {
      execFileSync("sh", ["-c", `command -v ${tool}`], { stdio: "ignore" });
    } catch {
      return `needs ${tool}`;
    }
  }
  try {
    ip("netns", "add", `sp-probe-${tag}`);
    inSpace(`sp-probe-${tag}`, "nft", ["add", "table", "inet", "probe"]);
    ip("netns", "del", `sp-probe-${tag}`);
    return undefined;
  } catch {
    return "cannot make network namespaces with firewalls here";
  }
}

export type Zone = { name: string; /** Namespaces. */ agent: string; door: string };

export class Zones {
  /** This machine as the Internet sees it: where a gateway's tunnel listener is. */
  readonly publicAddress = `10.91.${octet}.1`;
  /** Where everybody in all zones seems to come from. */
  readonly natAddress = `10.91.${octet}.2`;
  /** This machine as operators see it. */
  readonly insideAddress = `10.92.${octet}.1`;
  readonly street = `sp-street-${tag}`;
  readonly streetAddress = "100.64.0.1";
  readonly operators = `sp-ops-${tag}`;
  readonly #spaces: string[] = [];
  readonly #links: string[] = [];
  readonly #children: ChildProcess[] = [];
  readonly #names: string;
  #zones = 0;
  /** A test file that fails before its tests runs no afterAll. */
  readonly #onExit = (): void => this.#remove();

  /** `names`: host names that resolve to an address in every namespace. */
  constructor(names: (zones: Zones) => Record<string, string>) {
    this.#names = `127.0.0.1 localhost\n${Object.entries(names(this)).map(([name, address]) => `${address} ${name}\n`).join("")}`;
    process.on("exit", this.#onExit);
    this.#space(this.street);
    this.#toMachine(this.street, "s", this.publicAddress, this.natAddress);
    inside(this.street, "link", "add", "br0", "type", "bridge");
    inside(this.street, "addr", "add", `${this.streetAddress}/24`, "dev", "br0");
    inside(this.street, "link", "set", "br0", "up");
    nft(this.street, "table ip nat {\n chain post {\n type nat hook postrouting priority 100;\n oifname \"out\" masquerade\n }\n}\n");
    inSpace(this.street, "sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
    this.#space(this.operators);
    this.#toMachine(this.operators, "o", this.insideAddress, `10.92.${octet}.2`);
  }

  /** A zone whose door routes and hides 10.0.0.0/24 behind an address of its own, or (`isRouting` false) lets nothing through by itself. */
  zone(name: string, { isRouting }: { isRouting: boolean }): Zone {
    this.#zones += 1;
    const zone = { name, agent: `sp-${name}-a-${tag}`, door: `sp-${name}-d-${tag}` };
    this.#space(zone.agent);
    this.#space(zone.door);
    ip("link", "add", "eth0", "netns", zone.agent, "type", "veth", "peer", "name", "in", "netns", zone.door);
    inside(zone.agent, "addr", "add", `${sharedAddress}/24`, "dev", "eth0");
    inside(zone.agent, "link", "set", "eth0", "up");
    inside(zone.door, "addr", "add", "10.0.0.1/24", "dev", "in");
    inside(zone.door, "link", "set", "in", "up");
    if (isRouting) inside(zone.agent, "route", "add", "default", "via", "10.0.0.1");
    ip("link", "add", "out", "netns", zone.door, "type", "veth", "peer", "name", `z${this.#zones}`, "netns", this.street);
    inside(this.street, "link", "set", `z${this.#zones}`, "master", "br0");
    inside(this.street, "link", "set", `z${this.#zones}`, "up");
    inside(zone.door, "addr", "add", `100.64.0.${10 + this.#zones}/24`, "dev", "out");
    inside(zone.door, "link", "set", "out", "up");
    inside(zone.door, "route", "add", "default", "via", this.streetAddress);
    nft(zone.door, "table ip nat {\n chain post {\n type nat hook postrouting priority 100;\n oifname \"out\" masquerade\n }\n}\n");
    inSpace(zone.door, "sysctl", ["-qw", `net.ipv4.ip_forward=${isRouting ? 1 : 0}`]);
    return zone;
  }

  /** Default-drop with one accept rule: connections to this address and port, and what belongs to them. `hook`: forward at a router, output (outwards only) at an end. */
  oneRule(space: string, hook: "forward" | "output", to: { address: string; port: number }): void {
    const only = hook === "output" ? "oifname != out return\n" : "";
    nft(space, `table inet firewall {\n chain ${hook} {\n type filter hook ${hook} priority 0; policy ${hook === "output" ? "accept" : "drop"};\n ${only}meta l4proto tcp ct original ip daddr ${to.address} ct original proto-dst ${to.port} counter accept\n counter drop\n }\n}\n`);
    // What is on the machine itself is not reached from outside either.
    if (hook === "forward") nft(space, "table inet firewall {\n chain input {\n type filter hook input priority 0; policy drop;\n }\n}\n");
  }

  /** Accept rules of the firewall with the packets they let through, and packets dropped. */
  counters(space: string): { accepted: number[]; dropped: number } {
    const { nftables } = JSON.parse(inSpace(space, "nft", ["-j", "list", "table", "inet", "firewall"])) as { nftables: { rule?: { expr: Record<string, { packets?: number } | null>[] } }[] };
    const rules = nftables.flatMap(({ rule }) => (rule ? [rule.expr] : [])).map((parts) => ({ packets: parts.find((part) => part["counter"])?.["counter"]?.packets ?? 0, isAccept: parts.some((part) => "accept" in part), isDrop: parts.some((part) => "drop" in part) }));
    return { accepted: rules.filter((rule) => rule.isAccept).map((rule) => rule.packets), dropped: rules.filter((rule) => rule.isDrop).reduce((sum, rule) => sum + rule.packets, 0) };
  }

  /** Runs a program in a namespace, with the hostname that all agents have; ended with the zones. Its output is kept. */
  start(space: string, command: string[], environment: Record<string, string> = {}): { child: ChildProcess; output: () => string } {
    const child = spawn("ip", ["netns", "exec", space, "unshare", "--uts", "sh", "-c", `hostname ${sharedHostname} && exec "$@"`, "sh", ...command], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...environment } });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    this.#children.push(child);
    return { child, output: () => output };
  }

  /** Runs a program to its end. */
  async run(space: string, command: string[], options: { input?: string; environment?: Record<string, string> } = {}): Promise<{ code: number; stdout: string; stderr: string }> {
    return await new Promise((resolve) => {
      const child = execFile("ip", ["netns", "exec", space, "unshare", "--uts", "sh", "-c", `hostname ${sharedHostname} && exec "$@"`, "sh", ...command], { env: { ...process.env, ...options.environment } }, (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }));
      child.stdin?.on("error", () => {});
      child.stdin?.end(options.input ?? "");
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("exit", resolve));
    }));
    this.#remove();
  }

  #remove(): void {
    process.off("exit", this.#onExit);
    for (const link of this.#links.splice(0)) attempt(() => ip("link", "del", link));
    for (const space of this.#spaces.splice(0)) {
      attempt(() => ip("netns", "del", space));
      fs.rmSync(`/etc/netns/${space}`, { recursive: true, force: true });
    }
  }

  #space(name: string): void {
    ip("netns", "add", name);
    this.#spaces.push(name);
    inside(name, "link", "set", "lo", "up");
    fs.mkdirSync(`/etc/netns/${name}`, { recursive: true });
    fs.writeFileSync(`/etc/netns/${name}/hosts`, this.#names);
    // Nothing answers there, and says so at once.
    fs.writeFileSync(`/etc/netns/${name}/resolv.conf`, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
  }

  #toMachine(space: string, letter: string, here: string, there: string): void {
    const link = `sp${letter}${tag}`;
    ip("link", "add", link, "type", "veth", "peer", "name", "out", "netns", space);
    this.#links.push(link);
    ip("addr", "add", `${here}/30`, "dev", link);
    ip("link", "set", link, "up");
    inside(space, "addr", "add", `${there}/30`, "dev", "out");
    inside(space, "link", "set", "out", "up");
    inside(space, "route", "add", "default", "via", here);
  }
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "pipe", "pipe"] });
}
function inside(space: string, ...args: string[]): void {
  ip("-n", space, ...args);
}
function inSpace(space: string, program: string, args: string[], input = ""): string {
  return execFileSync("ip", ["netns", "exec", space, program, ...args], { input, stdio: ["pipe", "pipe", "pipe"] }).toString();
}
function nft(space: string, rules: string): void {
  inSpace(space, "nft", ["-f", "-"], rules);
}
function attempt(step: () => void): void {
  try {
    step();
  } catch {
    // already gone with its namespace
  }
}
