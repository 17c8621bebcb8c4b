/** What this computer is: collected from the runtime and the platform, bounded to what the agent site takes. */
import os from "node:os";
import type { Inventory } from "../contract/agent-site.ts";
import { platform } from "./platform/current.ts";
import { agentVersion } from "./version.ts";

/** Below the agent site's limit of 1 MiB with room for the rest. */
const packagesBytesMax = 900_000;

export async function collectInventory(): Promise<Inventory> {
  const processors = os.cpus();
  return {
    collectedAt: new Date().toISOString(),
    hostname: hostname(),
    platform: platform.name,
    osName: platform.osName().slice(0, 200),
    osVersion: os.release().slice(0, 200),
    architecture: os.arch(),
    cpuModel: (processors[0]?.model ?? "unknown").trim().slice(0, 200),
    cpuCount: processors.length,
    memoryBytes: os.totalmem(),
    uptimeSeconds: os.uptime(),
    cloudInstanceId: platform.cloudInstanceId(),
    addresses: addresses(),
    disks: await platform.disks(),
    packages: fitting(await platform.packages()),
    agentVersion,
  };
}

export function hostname(): string {
  return os.hostname().slice(0, 253) || "unnamed";
}

function addresses(): Inventory["addresses"] {
  const all = Object.entries(os.networkInterfaces()).flatMap(([name, list]) => (list ?? []).filter((entry) => !entry.internal).map((entry) => ({ interface: name.slice(0, 60), address: entry.address, mac: entry.mac })));
  return all.slice(0, 200);
}

function fitting(packages: Inventory["packages"]): Inventory["packages"] {
  let bytes = 0;
  return packages.filter((entry) => (bytes += entry.name.length * 3 + entry.version.length * 3 + 25) < packagesBytesMax);
}
