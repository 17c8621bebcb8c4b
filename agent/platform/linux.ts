/** Linux: the only file of the agent that knows its paths and files. */
import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import type { Inventory } from "../../contract/agent-site.ts";
import type { ComputerUser, Platform } from "./platform.ts";

/** How often addresses and routes are compared, ms. Three small files of /proc: some 50 microseconds. */
const networkPollMs = 500;
const packagesMax = 20_000;
const disksMax = 100;
/** File systems that are a disk to a person; the rest of /proc/mounts is the kernel's own. */
const diskTypes = new Set(["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "vfat", "exfat", "ntfs", "ntfs3", "fuseblk", "nfs", "nfs4", "cifs", "overlay", "reiserfs", "jfs", "bcachefs"]);

export const linux: Platform = {
  name: "linux",
  defaultStateDir: "/var/lib/sallyport-agent",
  osName: () => osRelease()["PRETTY_NAME"] ?? "Linux",
  cloudInstanceId: () => cloudInstanceIdFrom(readText),
  disks: async () => disks(),
  packages: async () => debianPackages(),
  user,
  watchNetwork,
};

/** Asks the system's own directory of users, which may be more than a file; without its tool the file has to do. */
async function user(name: string): Promise<ComputerUser | undefined> {
  const line = await new Promise<string>((resolve) => execFile("getent", ["passwd", name], { timeout: 5_000 }, (error, stdout) => resolve(error === null ? stdout : readText("/etc/passwd"))));
  const fields = line.split("\n").map((text) => text.split(":")).find((parts) => parts[0] === name && parts.length >= 7);
  const [uid, gid] = [Number(fields?.[2]), Number(fields?.[3])];
  if (!fields || !Number.isInteger(uid) || !Number.isInteger(gid)) return undefined;
  return { name, uid, gid, home: fields[5] || "/" };
}

/** What cloud-init was told, or else the asset tag where EC2 writes it. `read` answers a file's text, or an empty one. */
export function cloudInstanceIdFrom(read: (file: string) => string): string | null {
  const told = ["/var/lib/cloud/data/instance-id", "/run/cloud-init/.instance-id"].map((file) => read(file).trim()).find((text) => /^[\x21-\x7e]{1,100}$/.test(text));
  const tag = read("/sys/devices/virtual/dmi/id/board_asset_tag").trim();
  return told ?? (/^i-[0-9a-f]{8,40}$/.test(tag) ? tag : null);
}

function osRelease(): Record<string, string> {
  const lines = readText("/etc/os-release").split("\n");
  return Object.fromEntries(lines.map((line) => /^([A-Z_]+)=(.*)$/.exec(line)).filter((match) => match !== null).map((match) => [match[1] ?? "", (match[2] ?? "").replace(/^["'](.*)["']$/, "$1")]));
}

function disks(): Inventory["disks"] {
  const mounts = readText("/proc/mounts").split("\n").map((line) => line.split(" "));
  const seen = new Set<string>();
  const found: Inventory["disks"] = [];
  for (const [device = "", mount = "", type = ""] of mounts) {
    if (!diskTypes.has(type) || seen.has(device) || found.length >= disksMax) continue;
    seen.add(device);
    const place = mount.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))).slice(0, 300);
    try {
      const { bsize, blocks, bavail } = fs.statfsSync(place);
      found.push({ mount: place, totalBytes: bsize * blocks, freeBytes: bsize * bavail });
    } catch {
      // A mount that this user may not look at is left out.
    }
  }
  return found;
}

/** Reads dpkg's own file instead of starting a program. */
function debianPackages(): Inventory["packages"] {
  const packages: Inventory["packages"] = [];
  for (const block of readText("/var/lib/dpkg/status").split("\n\n")) {
    const name = /^Package: (.+)$/m.exec(block)?.[1];
    const version = /^Version: (.+)$/m.exec(block)?.[1];
    if (name && version && /^Status: \S+ \S+ installed$/m.test(block)) packages.push({ name: name.slice(0, 200), version: version.slice(0, 200) });
    if (packages.length >= packagesMax) break;
  }
  return packages;
}

function watchNetwork(onChange: () => void): () => void {
  let last = networkText();
  const timer = setInterval(() => {
    const now = networkText();
    if (now === last) return;
    last = now;
    onChange();
  }, networkPollMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Addresses, link states and routes as text, without counters. */
function networkText(): string {
  const routes = readText("/proc/net/route").split("\n").map((line) => line.split("\t").filter((_, column) => column !== 4 && column !== 5).join(" "));
  const routes6 = readText("/proc/net/ipv6_route").split("\n").map((line) => [...line.split(/\s+/).slice(0, 6), line.split(/\s+/).at(-1)].join(" "));
  const addresses = Object.entries(os.networkInterfaces()).map(([name, list]) => `${name} ${(list ?? []).map((entry) => entry.cidr).join(" ")}`);
  return [...routes, ...routes6, ...addresses].join("\n");
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
