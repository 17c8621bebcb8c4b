/** What a person at the machine asks a gateway: is it running, what does it do, what does it present (S1-26, S1-32). */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { groupHex } from "../../contract/fingerprint.ts";
import { GatewayError } from "../errors.ts";
import type { AdminView } from "../observe/admin-server.ts";
import { SnapshotStore } from "./control/snapshot-store.ts";
import { ListenerCertificates, leafFingerprint } from "./identity/listener-certificate.ts";
import { loadIdentity } from "./identity/store.ts";

const runFile = z.object({ pid: z.number().int(), host: z.string(), port: z.number().int() });
const askTimeoutMs = 2_000;
/** Failing members that the status names. */
const membersShown = 20;

/** The running gateway of this state directory, or undefined when none answers. */
export async function askRunning(stateDir: string): Promise<{ pid: number; view: AdminView } | undefined> {
  try {
    const { pid, host, port } = runFile.parse(JSON.parse(await readFile(path.join(stateDir, "run.json"), "utf8")));
    const response = await fetch(`http://${host.includes(":") ? `[${host}]` : host}:${port}/status`, { signal: AbortSignal.timeout(askTimeoutMs) });
    const view = (await response.json()) as AdminView;
    const identity = await loadIdentity(stateDir).catch(() => undefined);
    // The port may have gone to another program, or to another gateway, since run.json was written.
    return response.ok && typeof view.version === "string" && view.gatewayId === (identity?.gatewayId ?? null) ? { pid, view } : undefined;
  } catch {
    return undefined; // no file, nobody there, or somebody else: none of ours is running
  }
}

/** Prints the status; exit code 0 when it serves, 3 when it does not, 4 when it is not running. */
export async function printStatus(stateDir: string, asJson: boolean): Promise<number> {
  const running = await askRunning(stateDir);
  if (asJson) process.stdout.write(`${JSON.stringify(running ? { running: true, pid: running.pid, ...running.view } : { running: false })}\n`);
  else process.stdout.write(running ? describe(running) : `The gateway is not running (state directory ${stateDir}).\n`);
  return running ? (running.view.notReady === null ? 0 : 3) : 4;
}

function describe({ pid, view }: { pid: number; view: AdminView }): string {
  const { status, channel } = view;
  const lines = [
    `Gateway       ${view.name ?? "not enrolled"} (process ${pid}, version ${view.version})`,
    `State         ${view.notReady ?? "serving"}`,
    `Console       ${channel.state === "subscribed" ? "connected" : `not connected (${channel.state}${channel.detail ? `: ${channel.detail}` : ""})`}`,
    `Revision      ${status.revision}${status.snapshotBuiltAt ? `, built ${status.snapshotBuiltAt}` : ""}; access version ${status.accessVersion}`,
    ...status.listeners.map((listener) => `Listener      ${listener.address} port ${listener.port}: ${listener.state}${listener.problem ? ` (${listener.problem})` : ""}`),
    `Fingerprint   ${view.fingerprint ? groupHex(view.fingerprint) : "none yet"}`,
    `Tunnels       ${status.tunnels} open, ${status.refused} connections refused`,
    `Channels      ${status.channels} agents connected`,
    view.reach.listener ? `Inside        ${view.reach.listener.address} port ${view.reach.listener.port}: ${view.reach.sessions} sessions open, ${view.reach.sessionsOpened} opened` : "Inside        no inside listener",
    `Engines       ${status.engines.map((engine) => `${engine.index} ${engine.state} on ${engine.runtime}`).join(", ")}`,
    ...status.servers.map((server) => `Server        ${server.address}: ${server.isReachable ? "reachable" : server.detail}`),
    ...view.services.map((service) => `Service       ${service.name} on ${service.address} port ${service.port}: ${service.connections} connections open, ${service.opened} opened, ${service.refused} refused`),
    ...memberLines(view.members),
    `Log lines     ${view.logForwarding}`,
    ...view.notes.map((note) => `Note          ${note}`),
  ];
  return `${lines.join("\n")}\n`;
}

/** How many members work, and those that do not with their causes. */
function memberLines(members: AdminView["members"]): string[] {
  if (members.length === 0) return [];
  const failing = members.filter((member) => member.state === "down" || member.state === "next-hop");
  const more = failing.length > membersShown ? [`Member        and ${failing.length - membersShown} more; the console lists them all`] : [];
  return [`Members       ${members.filter((member) => member.state === "up").length} of ${members.length} up`, ...failing.slice(0, membersShown).map((member) => `Member        ${member.pool}: ${member.cause}`), ...more];
}

/** Prints the SHA-256 fingerprint of what the listener presents, from the running gateway or from disk. */
export async function printFingerprint(stateDir: string, asJson: boolean): Promise<number> {
  const fingerprint = (await askRunning(stateDir))?.view.fingerprint ?? (await storedFingerprint(stateDir));
  if (!fingerprint) throw new GatewayError("not-enrolled", "The listener has no certificate yet; it is made when the first snapshot comes from the console.");
  process.stdout.write(asJson ? `${JSON.stringify({ fingerprint })}\n` : `SHA-256 ${fingerprint}\n        ${groupHex(fingerprint)}\n`);
  return 0;
}

async function storedFingerprint(stateDir: string): Promise<string | undefined> {
  const { snapshot } = await new SnapshotStore(stateDir).load();
  if (!snapshot) return undefined;
  const [first] = await new ListenerCertificates(stateDir).resolve(snapshot).catch(() => []);
  return first ? leafFingerprint(first.chainPem) : undefined;
}
