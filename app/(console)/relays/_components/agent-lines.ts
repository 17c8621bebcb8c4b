/** Listening agents as lines of text: `10.0.0.7:2003`, `[fd00::7]:2003`, or an address alone for the usual port. */
import { listeningAgentPortDefault } from "@/contract/relay.ts";

type Address = { host: string; port?: number | undefined };

export function agentLines(agents: readonly Address[]): string[] {
  return agents.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port ?? listeningAgentPortDefault}`);
}

/** Empty lines are left out. What is no port reaches the schema as NaN, whose message names the line. */
export function readAgentLines(lines: readonly string[]): Address[] {
  return lines.map((line) => line.trim()).filter((line) => line !== "").map((line) => {
    // More than one colon and no bracket: an IPv6 address alone.
    if (/^[^[\]]*:[^[\]]*:/.test(line)) return { host: line, port: listeningAgentPortDefault };
    const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(.*))?$/.exec(line) ?? [];
    const host = bracketed ?? plain ?? line;
    return { host, port: port === undefined ? listeningAgentPortDefault : /^\d{1,5}$/.test(port) ? Number(port) : Number.NaN };
  });
}
