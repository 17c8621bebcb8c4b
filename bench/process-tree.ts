/** What the kernel accounts to a process and all its descendants: CPU seconds and resident memory, read from /proc (Linux). */
import { readdirSync, readFileSync } from "node:fs";

const clockTicksPerSecond = 100;

type ProcStat = { pid: number; parent: number; ticks: number };

function statOf(pid: number): ProcStat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Field 2 is the command in parentheses and may hold spaces; the rest starts after the last one. proc(5): utime is field 14, stime 15.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { pid, parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return undefined;
  }
}

/** The process and its descendants that live now. */
export function treeOf(root: number): number[] {
  const all = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)).map((name) => statOf(Number(name))).filter((stat) => stat !== undefined);
  const members = new Set([root]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const stat of all) if (members.has(stat.parent) && !members.has(stat.pid)) grew = Boolean(members.add(stat.pid));
  }
  return [...members];
}

/** CPU seconds (user and system, all threads) that the tree has used since it started. Resolution 10 ms. */
export function cpuSeconds(root: number): number {
  return treeOf(root).reduce((sum, pid) => sum + (statOf(pid)?.ticks ?? 0), 0) / clockTicksPerSecond;
}

/** Bytes of memory of the tree, shared pages counted once in proportion (Pss). */
export function memoryBytes(root: number): number {
  return treeOf(root).reduce((sum, pid) => sum + pssOf(pid), 0);
}

function pssOf(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Highest resident memory of any process of the tree since it started, bytes. */
export function peakBytes(root: number): number {
  return Math.max(...treeOf(root).map((pid) => {
    try {
      return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
    } catch {
      return 0;
    }
  }));
}
