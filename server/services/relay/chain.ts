/** Relays behind relays: a chain leads from one relay over those that stand nearer to the gateways. Pure; shared by what writes relays and what shows them. */
import { relayDepthMax } from "../../../contract/channel.ts";

export type Chained = { id: string; behindRelayId: string | null };

/** From the relay nearest to the gateways to this one. Stops at a circle or a missing link, which rows written by this console do not have. */
export function chainOf<T extends Chained>(relays: ReadonlyMap<string, T>, id: string): T[] {
  const chain: T[] = [];
  let current = relays.get(id);
  while (current !== undefined && !chain.includes(current)) {
    chain.unshift(current);
    current = current.behindRelayId === null ? undefined : relays.get(current.behindRelayId);
  }
  return chain;
}

/** What is wrong with these chains, in one sentence; undefined when nothing is. */
export function chainProblem(relays: ReadonlyMap<string, Chained & { name: string }>): string | undefined {
  for (const relay of relays.values()) {
    const chain = chainOf(relays, relay.id);
    const beyond = chain[0]?.behindRelayId ?? null;
    if (beyond !== null && relays.has(beyond)) return `relay "${relay.name}" would stand behind itself`;
    if (chain.length > relayDepthMax) return `${chain.length} relays would stand one behind the other (${chain.map((link) => link.name).join(", ")}); at most ${relayDepthMax} may`;
  }
  return undefined;
}
