/** How many files and sockets this process may hold. Hitting it makes accept spin or fail (STACK section 0), so connections are capped below it. */
import { readFileSync } from "node:fs";

/** Used where the limit cannot be read (not Linux): the usual soft limit of desktop systems. */
const assumed = 10_240;

/** The soft limit of open descriptors. */
export function descriptorLimit(): number {
  try {
    const text = /^Max open files\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    if (text === "unlimited") return 1_000_000;
    return text === undefined ? assumed : Number(text);
  } catch {
    return assumed;
  }
}

/** Connections that fit: two descriptors each (client and server leg), and a reserve for listeners, DNS, IPC and files. */
export function connectionsThatFit(limit: number): number {
  return Math.max(1, Math.floor((limit - 64) / 2));
}
