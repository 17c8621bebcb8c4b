"use client";
/**
 * The map: agents outside, gateways at the edge, servers inside. Gateway = arch, agent = dot, server = square, site = soft rectangle, tunnel = double line,
 * plain TCP = single line, cut = gap with its reason written at the gap. The tables below the map hold the same facts.
 */
import Link from "next/link";
import type { GatewayState } from "@/contract/states.ts";
import { routes } from "@/app/_nav/routes.ts";
import { useNarrow } from "@/app/_ui/use-narrow.ts";
import type { Overview } from "./overview-page.tsx";

type Point = { x: number; y: number };
/** `path` overrides the curve between the two points; `isSilent`: another line to the same server carries the reason already. */
type Edge = { key: string; from: Point; to: Point; isTunnel: boolean; problem: string | null; path?: string; isSilent?: boolean };
type Place = { width: number; height: number; agents: Point; gateways: Point[]; servers: Point[]; outside: Box; inside: Box; isVertical: boolean };
type Box = { x: number; y: number; width: number; height: number };

const shownMax = 8;
const step = 92;

const gatewayProblem = { waiting: "waiting to enrol", connected: null, "refused-snapshot": null, draining: "draining", disconnected: "no word from it" } as const satisfies Record<GatewayState, string | null>;

export function FleetMap({ overview }: { overview: Overview }) {
  const isNarrow = useNarrow();
  const gateways = overview.gateways.slice(0, shownMax);
  const servers = overview.servers.slice(0, shownMax);
  const place = isNarrow ? vertical(gateways.length, servers.length) : horizontal(gateways.length, servers.length);
  const edges = edgesOf(gateways, servers, place);
  const intranets = overview.sites.filter((site) => site.kind === "intranet");
  const hidden = overview.gateways.length - gateways.length + overview.servers.length - servers.length;
  const inside = intranets.length === 0 ? "Inside: no intranet site yet" : intranets.length <= 2 ? intranets.map((site) => site.name).join(", ") : `${intranets.length} intranet sites`;
  return (
    <figure className="px-3 pb-3">
      <svg viewBox={`0 0 ${place.width} ${place.height}`} className="h-auto w-full" role="group" aria-label={`Map: ${overview.agents.total} agents, ${overview.gateways.length} gateways, ${overview.servers.length} servers`}>
        <Region box={place.outside} label="Outside" indent={14} />
        <Region box={place.inside} label={shorten(inside, isNarrow ? 36 : 30)} indent={isNarrow ? 46 : 14} />
        <OnLan box={place.inside} count={overview.agents.onLan} />
        {edges.map((edge) => (
          <Line key={edge.key} edge={edge} isVertical={place.isVertical} />
        ))}
        {!place.isVertical && edges.map((edge) => <Reason key={edge.key} edge={edge} />)}
        <AgentsNode at={place.agents} agents={overview.agents} />
        {gateways.map((gateway, index) => (
          <GatewayNode key={gateway.id} at={place.gateways[index] ?? place.agents} gateway={gateway} isBeside={place.isVertical} />
        ))}
        {gateways.length === 0 && <EmptyNode at={place.isVertical ? { x: place.width / 2, y: 250 } : { x: place.width / 2, y: place.height / 2 }} href={routes.gateways.create} label="No gateway yet: create one" />}
        {servers.map((server, index) => (
          <ServerNode key={server.id} at={place.servers[index] ?? place.agents} server={server} />
        ))}
      </svg>
      {hidden > 0 && <figcaption className="px-1 pt-1 text-[13px] text-ink-3">{hidden} more are in the tables below.</figcaption>}
    </figure>
  );
}

function horizontal(gateways: number, servers: number): Place {
  const rows = Math.max(gateways, servers, 2);
  const height = rows * step + 46;
  const spread = (count: number, x: number): Point[] => Array.from({ length: count }, (_, index) => ({ x, y: 20 + ((rows - count) * step) / 2 + index * step + step / 2 }));
  return { width: 960, height, isVertical: false, agents: { x: 120, y: 20 + (rows * step) / 2 }, gateways: spread(gateways, 460), servers: spread(servers, 730), outside: { x: 8, y: 8, width: 224, height: height - 16 }, inside: { x: 690, y: 8, width: 262, height: height - 16 } };
}

function vertical(gateways: number, servers: number): Place {
  const top = 206;
  const gatewayRows = Math.max(1, gateways);
  const insideTop = top + gatewayRows * 66 + 26;
  const serverPoints = Array.from({ length: servers }, (_, index) => ({ x: 66, y: insideTop + 58 + index * 52 }));
  const insideHeight = Math.max(1, servers) * 52 + 66;
  return { width: 360, height: insideTop + insideHeight + 8, isVertical: true, agents: { x: 70, y: 96 }, gateways: Array.from({ length: gateways }, (_, index) => ({ x: 120, y: top + 34 + index * 66 })), servers: serverPoints, outside: { x: 6, y: 6, width: 348, height: 168 }, inside: { x: 6, y: insideTop, width: 348, height: insideHeight } };
}

function edgesOf(gateways: Overview["gateways"], servers: Overview["servers"], place: Place): Edge[] {
  const tunnels = gateways.flatMap((gateway, index): Edge[] => {
    const to = place.gateways[index];
    if (!to) return [];
    const from = place.isVertical ? { x: 30, y: place.outside.y + place.outside.height } : { x: place.outside.x + place.outside.width, y: place.agents.y };
    return [{ key: `tunnel-${gateway.id}`, from, to: place.isVertical ? { x: to.x - 20, y: to.y } : { x: to.x - 26, y: to.y }, isTunnel: true, problem: gatewayProblem[gateway.state] }];
  });
  return [...tunnels, ...(place.isVertical ? trunk(servers, place) : curves(gateways, servers, place))];
}

/** One line per pair of gateway and server. */
function curves(gateways: Overview["gateways"], servers: Overview["servers"], place: Place): Edge[] {
  return servers.flatMap((server, serverIndex) => {
    const nearest = gateways.findIndex((gateway) => server.gatewayIds.includes(gateway.id));
    return gateways.flatMap((gateway, gatewayIndex): Edge[] => {
      const from = place.gateways[gatewayIndex];
      const to = place.servers[serverIndex];
      if (!from || !to || !server.gatewayIds.includes(gateway.id)) return [];
      return [{ key: `tcp-${gateway.id}-${server.id}`, from: { x: from.x + 26, y: from.y }, to: { x: to.x - 16, y: to.y }, isTunnel: false, isSilent: gatewayIndex !== nearest, problem: server.isReady ? null : "not ready" }];
    });
  });
}

/** On a narrow page the pairs would cross: one trunk leads from the gateways to every server that any of them reaches; the table says which. */
function trunk(servers: Overview["servers"], place: Place): Edge[] {
  const last = place.gateways.at(-1);
  if (!last) return [];
  return servers.flatMap((server, index): Edge[] => {
    const to = place.servers[index];
    if (!to || server.gatewayIds.length === 0) return [];
    return [{ key: `tcp-${server.id}`, from: last, to, isTunnel: false, problem: server.isReady ? null : "not ready", path: `M${last.x} ${last.y + 24} V${place.inside.y - 12} H34 V${to.y} H${to.x - 14}` }];
  });
}

function Region({ box, label, indent }: { box: Box; label: string; indent: number }) {
  return (
    <g>
      <rect {...box} rx="14" className="fill-canvas stroke-line" />
      <text x={box.x + indent} y={box.y + 24} className="fill-ink-3 text-[12px] font-medium">
        {label}
      </text>
    </g>
  );
}

/** Agents that need no gateway just now stand inside. */
function OnLan({ box, count }: { box: Box; count: number }) {
  if (count === 0) return null;
  return (
    <g>
      <circle cx={box.x + 20} cy={box.y + box.height - 18} r="5" className="fill-ok" />
      <text x={box.x + 34} y={box.y + box.height - 14} className="fill-ink-2 text-[12px]">
        {count} {count === 1 ? "agent" : "agents"} on the LAN
      </text>
    </g>
  );
}

/** A whole line, or a broken one where something stands in the way. On the narrow map the way goes down and then across. */
function Line({ edge, isVertical }: { edge: Edge; isVertical: boolean }) {
  const { from, to, problem } = edge;
  const path = edge.path ?? (isVertical ? `M${from.x} ${from.y} V${to.y - 10} Q${from.x} ${to.y} ${from.x + 10} ${to.y} H${to.x}` : `M${from.x} ${from.y} C${(from.x + to.x) / 2} ${from.y} ${(from.x + to.x) / 2} ${to.y} ${to.x} ${to.y}`);
  const tone = problem === null ? (edge.isTunnel ? "stroke-ink-2" : "stroke-line-strong") : "stroke-warn";
  return (
    <g>
      <path d={path} fill="none" strokeWidth={edge.isTunnel ? 5 : 1.5} strokeDasharray={problem === null ? undefined : "5 5"} className={tone} />
      {edge.isTunnel && <path d={path} fill="none" strokeWidth="2" className="stroke-surface" />}
    </g>
  );
}

/** The reason in the gap of a broken line; drawn after all lines, so that none runs through it. */
function Reason({ edge }: { edge: Edge }) {
  const { problem } = edge;
  if (problem === null || edge.isSilent === true) return null;
  const gap = pointOn(edge, edge.isTunnel ? 0.66 : 0.84);
  return (
    <g>
      <rect x={gap.x - problem.length * 3.4 - 6} y={gap.y - 10} width={problem.length * 6.8 + 12} height="20" className="fill-surface" />
      <text x={gap.x} y={gap.y + 4} textAnchor="middle" className="fill-warn text-[12px] font-medium">
        {problem}
      </text>
    </g>
  );
}

/** A point of the horizontal curve, `t` from 0 (start) to 1 (end). */
function pointOn({ from, to }: Edge, t: number): Point {
  const u = 1 - t;
  const middle = (from.x + to.x) / 2;
  return { x: u ** 3 * from.x + 3 * u * t * (u + t) * middle + t ** 3 * to.x, y: (u ** 3 + 3 * u ** 2 * t) * from.y + (3 * u * t ** 2 + t ** 3) * to.y };
}

const dotTone = [
  ["online", "fill-ok", "online"],
  ["late", "fill-warn", "late"],
  ["offline", "fill-idle", "offline"],
  ["pending", "fill-accent", "pending"],
  ["revoked", "fill-fault", "revoked"],
] as const satisfies [keyof Overview["agents"], string, string][];

/** At most 24 dots, in the proportions of the states; each state has at least one dot when it has an agent. */
function AgentsNode({ at, agents }: { at: Point; agents: Overview["agents"] }) {
  const shown = Math.min(24, agents.total);
  const dots = dotTone.flatMap(([key, tone]) => Array.from({ length: agents[key] === 0 ? 0 : Math.max(1, Math.round((agents[key] / Math.max(1, agents.total)) * shown)) }, () => tone));
  const words = dotTone.filter(([key]) => agents[key] > 0).map(([key, , word]) => `${agents[key]} ${word}`);
  return (
    <Link href={routes.agents.list}>
      {agents.total === 0 && <circle cx={at.x - 44} cy={at.y - 28} r="6" fill="none" strokeDasharray="3 3" className="stroke-line-strong" />}
      {dots.slice(0, 24).map((tone, index) => (
        <circle key={index} cx={at.x - 44 + (index % 8) * 15} cy={at.y - 44 + Math.floor(index / 8) * 15} r="5" className={tone} />
      ))}
      <text x={at.x - 50} y={at.y + 18} className="fill-ink text-[14px] font-semibold">
        {agents.total === 0 ? "No agents yet" : `${agents.total} ${agents.total === 1 ? "agent" : "agents"}`}
      </text>{" "}
      {words.slice(0, 3).map((word, index) => (
        <text key={word} x={at.x - 50} y={at.y + 36 + index * 16} className="fill-ink-3 text-[12px]">
          {word}
        </text>
      ))}
    </Link>
  );
}

const gatewayStroke = { waiting: "stroke-accent", connected: "stroke-ok", "refused-snapshot": "stroke-warn", draining: "stroke-warn", disconnected: "stroke-fault" } as const satisfies Record<GatewayState, string>;
const gatewayText = { waiting: "waiting to enrol", connected: "connected", "refused-snapshot": "refused a revision", draining: "draining", disconnected: "disconnected" } as const satisfies Record<GatewayState, string>;

function GatewayNode({ at, gateway, isBeside }: { at: Point; gateway: Overview["gateways"][number]; isBeside: boolean }) {
  const tone = gatewayStroke[gateway.state];
  const note = gateway.state === "connected" ? `${gateway.tunnels} ${gateway.tunnels === 1 ? "tunnel" : "tunnels"}` : gatewayText[gateway.state];
  const label = isBeside ? { x: at.x + 30, y: at.y - 1, anchor: "start" } as const : { x: at.x, y: at.y + 38, anchor: "middle" } as const;
  return (
    <Link href={routes.gateways.detail(gateway.id)}>
      <rect x={at.x - 24} y={at.y - 24} width="48" height="48" fill="transparent" />
      <path d={`M${at.x - 16} ${at.y + 18} v-16 a16 16 0 0 1 32 0 v16`} strokeWidth="3.2" strokeLinecap="round" className={`fill-surface ${tone}`} />
      <path d={`M${at.x - 6} ${at.y + 18} v-13 a6 6 0 0 1 12 0 v13`} fill="none" strokeWidth="2.6" strokeLinecap="round" className={tone} />
      <text x={label.x} y={label.y} textAnchor={label.anchor} className="fill-ink text-[13px] font-semibold">
        {shorten(gateway.name, 24)}
      </text>{" "}
      <text x={label.x} y={label.y + 16} textAnchor={label.anchor} className="fill-ink-3 text-[12px]">
        {note}
      </text>
    </Link>
  );
}

function ServerNode({ at, server }: { at: Point; server: Overview["servers"][number] }) {
  const note = server.gatewayIds.length === 0 ? "LAN only" : server.kind === "management" ? "management" : "site server";
  return (
    <Link href={routes.servers.detail(server.id)}>
      <rect x={at.x - 12} y={at.y - 12} width="24" height="24" rx="3" strokeWidth="2.6" className={`fill-surface ${server.isReady ? "stroke-ok" : "stroke-warn"}`} />
      <text x={at.x + 24} y={at.y - 1} className="fill-ink text-[13px] font-semibold">
        {shorten(server.name, 24)}
      </text>{" "}
      <text x={at.x + 24} y={at.y + 15} className="fill-ink-3 text-[12px]">
        {server.isReady ? note : `not ready, ${note}`}
      </text>
    </Link>
  );
}

function EmptyNode({ at, href, label }: { at: Point; href: string; label: string }) {
  return (
    <Link href={href}>
      <path d={`M${at.x - 16} ${at.y - 4} v-16 a16 16 0 0 1 32 0 v16`} fill="none" strokeWidth="2" strokeDasharray="3 4" className="stroke-line-strong" />
      <text x={at.x} y={at.y + 18} textAnchor="middle" className="fill-accent text-[13px] font-medium">
        {label}
      </text>
    </Link>
  );
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
