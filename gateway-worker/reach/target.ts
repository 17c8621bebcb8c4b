/** Reads the target of a CONNECT at the inside listener: an agent's name and a port, never an address. Pure. */
import { type AgentName, parseAgentName } from "../../contract/reach.ts";

export type ReachTarget = { name: AgentName; text: string; port: number };

/** `NAME:PORT` with a port of 1 to 65535; undefined for anything else. */
export function readReachTarget(target: string): ReachTarget | undefined {
  const [, text = "", digits = ""] = /^([^:[\]@/\s]{1,253}):([1-9][0-9]{0,4})$/.exec(target) ?? [];
  const port = Number(digits);
  const name = parseAgentName(text);
  return name && port >= 1 && port <= 65_535 ? { name, text, port } : undefined;
}
