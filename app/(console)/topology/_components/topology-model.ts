/**
 * What the picture of an organisation shows: few things one by one, many as clouds of small shapes with counts. Pure; topology-layout.ts puts it in place.
 * A cloud keeps every member reachable, worst first, so that 500 gateways are one shape to look at and still 500 to open.
 */
import type { AgentState, GatewayState } from "@/contract/states.ts";
import type { RelayState, TopologyView } from "@/contract/relay-objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { bytes } from "@/app/_ui/spark-line.tsx";
import type { Tone } from "@/app/_ui/state.tsx";

export type Dot = { id: string; name: string; href: string; tone: Tone };
type Common = { key: string; name: string; href: string; /** Under the name. */ lines: string[]; tone: Tone };
export type Single = Common & { kind: "gateway" | "relay" | "server"; id: string; isAgentSite?: boolean };
/** `more`: members beyond the dots. */
export type Cloud = Common & { kind: "cloud"; of: "gateway" | "relay" | "server"; dots: Dot[]; more: number };
/** `crowd`: the dots when nobody is named, in the proportions of the states. */
export type Agents = Common & { kind: "agents"; dots: Dot[]; crowd: Tone[]; more: number };
export type Unit = Single | Cloud | Agents;
export type Branch = { unit: Unit; children: Branch[]; site: string | null };
export type Place = { key: string; name: string; href: string | null; units: Unit[] };
/** From the outside towards the inside. `isQuiet`: one of so many that it is drawn only while one of its ends is looked at. */
export type Tie = { key: string; from: string; to: string; kind: "tunnel" | "plain" | "peer"; rate: number; cut: string | null; isQuiet: boolean };
export type Model = { branches: Branch[]; places: Place[]; ties: Tie[] };

/** Up to this many are shown one by one. */
export const singlesMax = { gateway: 6, relay: 8, site: 5, server: 6 } as const;
const dotsMax = 160;
const agentDotsMax = 60;
/** More pairs of gateway and server than this are drawn as lines to whole sites; more than the second, only while looked at. */
const pairsMax = 16;
const linesMax = 48;

const gatewayTones = { waiting: "working", connected: "ok", "refused-snapshot": "warn", draining: "warn", disconnected: "fault" } as const satisfies Record<GatewayState, Tone>;
const gatewayWords = { waiting: "waiting to enrol", connected: "connected", "refused-snapshot": "refused a revision", draining: "draining", disconnected: "disconnected" } as const satisfies Record<GatewayState, string>;
const relayTones = { waiting: "idle", answered: "working", connected: "ok", away: "fault" } as const satisfies Record<RelayState, Tone>;
const relayWords = { waiting: "not heard of yet", answered: "to be confirmed", connected: "connected", away: "away" } as const satisfies Record<RelayState, string>;
export const agentTones = { online: "ok", late: "warn", offline: "idle", pending: "working", unapproved: "working", revoked: "fault" } as const satisfies Record<AgentState, Tone>;
const agentWords = { online: "online", late: "late", offline: "offline", pending: "pending", unapproved: "to be approved", revoked: "revoked" } as const satisfies Record<AgentState, string>;
const agentOrder: AgentState[] = ["revoked", "unapproved", "late", "pending", "offline", "online"];
const worst: Tone[] = ["fault", "warn", "working", "idle", "ok"];

type Gateway = TopologyView["gateways"][number];
type Relay = TopologyView["relays"][number];
type Server = TopologyView["servers"][number];
type Entry = TopologyView["agents"][number];

const plural = (count: number, noun: string) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

/** "↑ 1.2 MB/s ↓ 340 kB/s"; empty when nothing moves. */
export function rateText(up: number, down: number): string {
  return up + down < 1 ? "" : `↑ ${bytes(up)}/s ↓ ${bytes(down)}/s`;
}

function worstFirst<T extends { tone: Tone }>(list: T[]): T[] {
  return list.toSorted((a, b) => worst.indexOf(a.tone) - worst.indexOf(b.tone));
}

function cloud(of: Cloud["of"], key: string, members: Dot[], words: Map<string, number>, href: string): Cloud {
  const dots = worstFirst(members);
  const said = [...words].filter(([, count]) => count > 0).map(([word, count]) => `${count.toLocaleString("en")} ${word}`);
  return { kind: "cloud", of, key, name: plural(members.length, of), href, dots: dots.slice(0, dotsMax), more: Math.max(0, dots.length - dotsMax), tone: dots[0]?.tone ?? "idle", lines: said.slice(0, 3) };
}

function countWords(words: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

function gatewayUnit(gateway: Gateway): Single {
  const carries = [...(gateway.tunnels > 0 || gateway.channels === 0 ? [plural(gateway.tunnels, "tunnel")] : []), ...(gateway.channels > 0 ? [plural(gateway.channels, "channel")] : [])].join(", ");
  const lines = [gateway.state === "connected" ? carries : gatewayWords[gateway.state], rateText(gateway.bytesUpPerSecond, gateway.bytesDownPerSecond)];
  return { kind: "gateway", key: `gateway:${gateway.id}`, id: gateway.id, name: gateway.name, href: routes.gateways.detail(gateway.id), tone: gatewayTones[gateway.state], lines: lines.filter((line) => line !== "") };
}

function relayUnit(relay: Relay): Single {
  const lines = [relay.state === "connected" ? plural(relay.agents, "agent") : relayWords[relay.state], rateText(relay.bytesUpPerSecond, relay.bytesDownPerSecond)];
  return { kind: "relay", key: `relay:${relay.id}`, id: relay.id, name: relay.name, href: routes.relays.detail(relay.id), tone: relayTones[relay.state], lines: lines.filter((line) => line !== "") };
}

function serverUnit(server: Server): Single {
  return { kind: "server", key: `server:${server.id}`, id: server.id, name: server.name, href: routes.servers.detail(server.id), tone: server.isReady ? "ok" : "warn", lines: [`${server.isAgentSite ? "agent site" : "server"}${server.isReady ? "" : ", not ready"}`], ...(server.isAgentSite ? { isAgentSite: true } : {}) };
}

/** The agents of several entries as one cloud; null when there is none. */
function agentsUnit(key: string, entries: readonly Entry[], states: readonly AgentState[] = agentOrder, where?: string): Agents | null {
  const counts = agentOrder.filter((state) => states.includes(state)).map((state) => ({ state, count: entries.reduce((sum, entry) => sum + (entry.counts[state] ?? 0), 0) })).filter((entry) => entry.count > 0);
  const total = counts.reduce((sum, entry) => sum + entry.count, 0);
  if (total === 0) return null;
  const named = worstFirst(entries.flatMap((entry) => entry.sample).filter((agent) => states.includes(agent.state)).map((agent): Dot => ({ id: agent.id, name: agent.name, href: routes.agents.detail(agent.id), tone: agentTones[agent.state] })));
  const dots = named.slice(0, agentDotsMax);
  const crowd = dots.length > 0 ? [] : counts.flatMap(({ state, count }) => Array.from({ length: Math.max(1, Math.round((count / total) * Math.min(total, agentDotsMax))) }, () => agentTones[state])).slice(0, agentDotsMax);
  const first = counts[0];
  return { kind: "agents", key, name: where === undefined ? plural(total, "agent") : `${total.toLocaleString("en")} ${where}`, href: counts.length === 1 && first ? routes.agents.withState(first.state) : routes.agents.list, dots, crowd, more: total - dots.length, tone: first ? agentTones[first.state] : "idle", lines: counts.toReversed().slice(0, 3).map(({ state, count }) => `${count.toLocaleString("en")} ${agentWords[state]}`) };
}

/** Keys of the units that stand for gateways and relays: their own, or a cloud's. */
type Keys = { gateway: (id: string) => string | undefined; relay: (id: string) => string | undefined };

export function modelOf(view: TopologyView): Model {
  const gateways = new Map(view.gateways.map((gateway) => [gateway.id, gateway]));
  const relays = new Map(view.relays.map((relay) => [relay.id, relay]));
  const areGatewaysMany = view.gateways.length > singlesMax.gateway;
  const areRelaysMany = view.relays.length > singlesMax.relay;
  const gatewayKey = (id: string) => (!gateways.has(id) ? undefined : areGatewaysMany ? "cloud:gateway" : `gateway:${id}`);
  /** The gateway a relay's traffic ends at, through the relays in front of it. */
  const homeOf = (relay: Relay, depth = 0): string | undefined => {
    const upstream = relay.upstreamRelayId === null || depth > 4 ? undefined : relays.get(relay.upstreamRelayId);
    return upstream ? homeOf(upstream, depth + 1) : relay.gatewayIds.map(gatewayKey).find((key) => key !== undefined);
  };
  const relayKey = (id: string) => {
    const relay = relays.get(id);
    return relay && (areRelaysMany ? `cloud:relay:${homeOf(relay) ?? "none"}` : `relay:${id}`);
  };
  const keys: Keys = { gateway: gatewayKey, relay: relayKey };
  const places = placesOf(view);
  return { branches: branchesOf(view, keys, homeOf), places, ties: tiesOf(view, keys, places) };
}

function branchesOf(view: TopologyView, keys: Keys, homeOf: (relay: Relay) => string | undefined): Branch[] {
  const siteName = (id: string | null) => view.sites.find((site) => site.id === id)?.name ?? null;
  const agentsAt = (key: string): Branch[] => {
    const entries = view.agents.filter((entry) => (entry.relayId !== null ? keys.relay(entry.relayId) : entry.gatewayId !== null ? keys.gateway(entry.gatewayId) : undefined) === key);
    const unit = agentsUnit(`agents:${key}`, entries);
    return unit ? [{ unit, children: [], site: null }] : [];
  };
  const relaysBehind = (wanted: (relay: Relay) => boolean): Branch[] => {
    const found = view.relays.filter(wanted);
    const first = found[0];
    if (!first) return [];
    const key = keys.relay(first.id) ?? "";
    if (key.startsWith("cloud:")) {
      const unit = cloud("relay", key, found.map((relay) => ({ id: relay.id, name: relay.name, href: routes.relays.detail(relay.id), tone: relayTones[relay.state] })), countWords(found.map((relay) => relayWords[relay.state])), routes.relays.list);
      return [{ unit, children: agentsAt(key), site: null }];
    }
    return found.map((relay) => ({ unit: relayUnit(relay), site: siteName(relay.siteId), children: [...relaysBehind((other) => other.upstreamRelayId === relay.id), ...agentsAt(`relay:${relay.id}`)] }));
  };
  const areRelaysMany = view.relays.length > singlesMax.relay;
  // As clouds, a gateway's relays are one whatever stands before what.
  const relaysAt = (key: string | undefined) => relaysBehind((relay) => homeOf(relay) === key && (areRelaysMany || relay.upstreamRelayId === null));
  const roots: Unit[] = view.gateways.length > singlesMax.gateway
    ? [cloud("gateway", "cloud:gateway", view.gateways.map((gateway) => ({ id: gateway.id, name: gateway.name, href: routes.gateways.detail(gateway.id), tone: gatewayTones[gateway.state] })), countWords(view.gateways.map((gateway) => gatewayWords[gateway.state])), routes.gateways.list)]
    : view.gateways.map(gatewayUnit);
  const nowhere = agentsUnit("agents:nowhere", view.agents.filter((entry) => entry.gatewayId === null && entry.relayId === null), ["offline", "pending", "unapproved", "revoked"], "not connected");
  return [...roots.map((unit): Branch => ({ unit, site: null, children: [...relaysAt(unit.key), ...agentsAt(unit.key)] })), ...relaysAt(undefined), ...(nowhere ? [{ unit: nowhere, children: [], site: null }] : [])];
}

/** Sites with their servers; what is too much goes into one place for the rest. A server of several sites stands in its first intranet. */
function placesOf(view: TopologyView): Place[] {
  const homes = new Map<string | null, Server[]>();
  const kinds = new Map(view.sites.map((site) => [site.id, site.kind]));
  for (const server of view.servers) {
    const home = server.siteIds.find((id) => kinds.get(id) === "intranet") ?? server.siteIds.find((id) => kinds.has(id)) ?? null;
    homes.set(home, [...(homes.get(home) ?? []), server]);
  }
  const sites = view.sites.filter((site) => homes.has(site.id) || site.kind === "intranet").toSorted((a, b) => rank(homes.get(b.id)) - rank(homes.get(a.id)));
  const filled = sites.filter((site) => homes.has(site.id)).length;
  const shown = sites.length > singlesMax.site ? sites.slice(0, Math.min(filled, singlesMax.site - 1)) : sites;
  const rest = sites.slice(shown.length);
  const restServers = rest.flatMap((site) => homes.get(site.id) ?? []);
  const lan = agentsUnit("agents:lan", view.agents.filter((entry) => entry.gatewayId === null && entry.relayId === null), ["online", "late"], "on the LAN");
  return [
    ...shown.map((site): Place => ({ key: `place:${site.id}`, name: site.name, href: routes.sites.detail(site.id), units: serverUnits(`place:${site.id}`, homes.get(site.id) ?? []) })),
    ...(rest.length > 0 ? [{ key: "place:rest", name: plural(rest.length, "further site"), href: routes.sites.list, units: serverUnits("place:rest", restServers) }] : []),
    ...(homes.has(null) ? [{ key: "place:none", name: "In no site", href: null, units: serverUnits("place:none", homes.get(null) ?? []) }] : []),
    ...(lan ? [{ key: "place:lan", name: "Inside", href: null, units: [lan] }] : []),
  ];
}

/** Trouble first, then the larger ones. */
function rank(servers: readonly Server[] | undefined): number {
  return (servers ?? []).reduce((sum, server) => sum + (server.isReady ? 1 : 1_000), 0);
}

function serverUnits(key: string, servers: readonly Server[]): Unit[] {
  if (servers.length <= singlesMax.server) return servers.map(serverUnit);
  return [cloud("server", `cloud:${key}`, servers.map((server) => ({ id: server.id, name: server.name, href: routes.servers.detail(server.id), tone: server.isReady ? "ok" : "warn" })), countWords(servers.map((server) => (server.isReady ? "ready" : "not ready"))), routes.servers.list)];
}

function tiesOf(view: TopologyView, keys: Keys, places: readonly Place[]): Tie[] {
  const serverKeys = new Map<string, { unit: string; place: string }>();
  for (const place of places) {
    for (const unit of place.units) {
      if (unit.kind === "server") serverKeys.set(unit.id, { unit: unit.key, place: place.key });
      if (unit.kind === "cloud") for (const server of view.servers) if (!serverKeys.has(server.id) && unit.dots.some((dot) => dot.id === server.id)) serverKeys.set(server.id, { unit: place.key, place: place.key });
    }
  }
  const keyOf = (end: { kind: "relay" | "gateway" | "server"; id: string }) => (end.kind === "gateway" ? keys.gateway(end.id) : end.kind === "relay" ? keys.relay(end.id) : serverKeys.get(end.id)?.unit);
  const cutOf = (a: { kind: string; id: string }, b: { kind: string; id: string }) => view.cuts.find(({ from, to }) => (same(from, a) && same(to, b)) || (same(from, b) && same(to, a)))?.reason ?? null;
  const raw: Omit<Tie, "key" | "isQuiet">[] = [];
  for (const relay of view.relays) {
    const own = { kind: "relay" as const, id: relay.id };
    const uplinks = relay.upstreamRelayId !== null ? [{ kind: "relay" as const, id: relay.upstreamRelayId }] : relay.gatewayIds.map((id) => ({ kind: "gateway" as const, id }));
    for (const up of uplinks) {
      const to = keyOf(up);
      const from = keyOf(own);
      if (to === undefined || from === undefined || from === to) continue;
      const isSpare = up !== uplinks[0];
      const standing = relay.state === "connected" ? null : relay.state === "away" ? "no session" : relayWords[relay.state];
      raw.push({ from, to, kind: "tunnel", rate: isSpare ? 0 : relay.bytesUpPerSecond + relay.bytesDownPerSecond, cut: cutOf(own, up) ?? (isSpare ? null : standing) });
    }
  }
  for (const gateway of view.gateways) {
    const from = keys.gateway(gateway.id);
    if (from === undefined) continue;
    for (const serverId of gateway.serverIds) {
      const to = serverKeys.get(serverId)?.unit;
      if (to !== undefined) raw.push({ from, to, kind: "plain", rate: 0, cut: cutOf({ kind: "gateway", id: gateway.id }, { kind: "server", id: serverId }) });
    }
  }
  const agents = view.agents.flatMap((entry) => (entry.relayId !== null ? (keys.relay(entry.relayId) ?? []) : entry.gatewayId !== null ? (keys.gateway(entry.gatewayId) ?? []) : []));
  for (const key of new Set(agents)) raw.push({ from: `agents:${key}`, to: key, kind: "tunnel", rate: 0, cut: null });
  return [...fewer(merged(raw), places), ...peers(view, keys)];
}

function same(a: { kind: string; id: string }, b: { kind: string; id: string }): boolean {
  return a.kind === b.kind && a.id === b.id;
}

/** One tie per pair of units; between clouds it counts as cut only when every one is. */
function merged(raw: readonly Omit<Tie, "key" | "isQuiet">[]): Tie[] {
  const all = new Map<string, Tie>();
  for (const tie of raw) {
    const key = `${tie.from} ${tie.to}`;
    const before = all.get(key);
    all.set(key, before ? { ...before, rate: before.rate + tie.rate, cut: before.cut === null || tie.cut === null ? null : before.cut } : { ...tie, key, isQuiet: false });
  }
  return [...all.values()];
}

/**
 * Too many lines say nothing: then a gateway that reaches all servers of a site has one line to the site, and when these are too many as well they are quiet.
 * What is cut is always drawn.
 */
function fewer(ties: Tie[], places: readonly Place[]): Tie[] {
  const plain = ties.filter((tie) => tie.kind === "plain");
  if (plain.length <= pairsMax) return ties;
  const placeOf = new Map(places.flatMap((place) => [[place.key, place] as const, ...place.units.map((unit) => [unit.key, place] as const)]));
  const reaches = (from: string, place: Place) => place.units.every((unit) => unit.kind !== "server" || plain.some((tie) => tie.from === from && tie.to === unit.key));
  const toPlaces = merged(plain.map((tie) => {
    const place = placeOf.get(tie.to);
    return tie.cut === null && place && reaches(tie.from, place) ? { ...tie, to: place.key } : tie;
  }));
  const isTooMuch = toPlaces.length > linesMax;
  return [...ties.filter((tie) => tie.kind !== "plain"), ...toPlaces.map((tie) => ({ ...tie, isQuiet: isTooMuch && tie.cut === null }))];
}

/** Gateways that ask each other, each with the next one in the picture. */
function peers(view: TopologyView, keys: Keys): Tie[] {
  if (view.gateways.length > singlesMax.gateway) return [];
  return view.gateways.slice(1).flatMap((gateway, index): Tie[] => {
    const before = view.gateways[index];
    const from = before && keys.gateway(before.id);
    const to = keys.gateway(gateway.id);
    if (!before || from === undefined || to === undefined || (!gateway.peerIds.includes(before.id) && !before.peerIds.includes(gateway.id))) return [];
    return [{ key: `peer ${from} ${to}`, from, to, kind: "peer", rate: 0, cut: null, isQuiet: false }];
  });
}
