/** Members as a form holds them, and as people write many of them at once: one per line. */
import type { z } from "zod";
import type { memberInput } from "@/contract/pool.ts";

export type MemberValues = z.input<typeof memberInput>;

export const freshMember: MemberValues = { name: "", host: "", port: 443, weight: 1, maxConnections: null, state: "enabled" };

/** Many members at once, one per line: `10.0.1.10`, `mail1 10.0.1.10:8443`. */
export function parseMembers(lines: readonly string[], standardPort: number): MemberValues[] {
  return lines.map((line) => line.trim()).filter((line) => line !== "").map((line) => {
    const parts = line.split(/[\s,;]+/);
    const target = parts.at(-1) ?? "";
    const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(target);
    const plain = /^([^:]+):(\d+)$/.exec(target);
    const host = bracketed?.[1] ?? plain?.[1] ?? target;
    const port = Number(bracketed?.[2] ?? plain?.[2] ?? standardPort);
    return { ...freshMember, name: parts.length > 1 ? parts.slice(0, -1).join(" ") : host, host, port };
  });
}
