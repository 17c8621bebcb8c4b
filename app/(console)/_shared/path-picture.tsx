"use client";
/** The path of one connection as a picture: agent a dot, relays small arches on a line, gateway an arch; where it is cut, a gap with the reason. */
import Link from "next/link";
import { routes } from "@/app/_nav/routes.ts";
import { useNarrow } from "@/app/_ui/use-narrow.ts";

type Stop = { kind: "agents" | "agent" | "relay" | "gateway"; name: string; href: string | null; note?: string };

/** `relays` go from the agent towards the gateway. `cut`: why the last leg, to the gateway, does not stand. */
export function PathPicture({ start, relays, gateway, cut = null, note }: { start: { kind: "agent" | "agents"; name: string; href?: string }; relays: { id: string; name: string }[]; gateway: { id: string; name: string } | null; cut?: string | null; note?: string }) {
  const isNarrow = useNarrow();
  const stops: Stop[] = [
    { kind: start.kind, name: start.name, href: start.href ?? null },
    ...relays.map((relay): Stop => ({ kind: "relay", name: relay.name, href: routes.relays.detail(relay.id) })),
    ...(gateway ? [{ kind: "gateway", name: gateway.name, href: routes.gateways.detail(gateway.id), ...(note ? { note } : {}) } satisfies Stop] : []),
  ];
  const label = `Path: ${stops.map((stop) => stop.name).join(", then ")}${cut === null ? "" : `; cut: ${cut}`}`;
  return isNarrow ? <Down stops={stops} cut={cut} label={label} /> : <Across stops={stops} cut={cut} label={label} />;
}

const step = 200;

function Across({ stops, cut, label }: { stops: Stop[]; cut: string | null; label: string }) {
  const at = (index: number) => 70 + index * step;
  const width = 140 + (stops.length - 1) * step;
  const last = stops.length - 1;
  return (
    <svg viewBox={`0 0 ${width} 104`} style={{ maxWidth: width }} className="h-auto w-full" role="group" aria-label={label}>
      {stops.slice(1).map((stop, index) => (
        <Leg key={`${stop.kind} ${stop.name}`} from={{ x: at(index) + 22, y: 40 }} to={{ x: at(index + 1) - 24, y: 40 }} cut={index + 1 === last ? cut : null} />
      ))}
      {stops.map((stop, index) => (
        <StopShape key={`${stop.kind} ${stop.name}`} stop={stop} x={at(index)} y={40} text={{ x: at(index), y: 80, anchor: "middle" }} />
      ))}
    </svg>
  );
}

function Down({ stops, cut, label }: { stops: Stop[]; cut: string | null; label: string }) {
  const at = (index: number) => 34 + index * 84;
  const last = stops.length - 1;
  return (
    <svg viewBox={`0 0 320 ${at(last) + 40}`} className="h-auto w-full max-w-80" role="group" aria-label={label}>
      {stops.slice(1).map((stop, index) => (
        <Leg key={`${stop.kind} ${stop.name}`} from={{ x: 40, y: at(index) + 22 }} to={{ x: 40, y: at(index + 1) - 24 }} cut={index + 1 === last ? cut : null} />
      ))}
      {stops.map((stop, index) => (
        <StopShape key={`${stop.kind} ${stop.name}`} stop={stop} x={40} y={at(index)} text={{ x: 76, y: at(index) + 1, anchor: "start" }} />
      ))}
    </svg>
  );
}

type Point = { x: number; y: number };

/** A double line: the tunnel; with a gap and its reason where it is cut. */
function Leg({ from, to, cut }: { from: Point; to: Point; cut: string | null }) {
  const isDown = from.x === to.x;
  const parts = (start: number, end: number): [Point, Point] => {
    const on = (t: number): Point => ({ x: from.x + (to.x - from.x) * t, y: from.y + (to.y - from.y) * t });
    return [on(start), on(end)];
  };
  const pieces = cut === null ? [parts(0, 1)] : [parts(0, 0.28), parts(0.72, 1)];
  const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  return (
    <g>
      {pieces.map(([a, b]) => (
        <g key={`${a.x} ${a.y}`}>
          <line x1={a.x} y1={a.y} x2={b.x} y2={b.y} strokeWidth="6" className={cut === null ? "stroke-ink-2" : "stroke-fault"} />
          <line x1={a.x} y1={a.y} x2={b.x} y2={b.y} strokeWidth="2.6" className="stroke-surface" />
        </g>
      ))}
      {cut !== null && (
        <text x={isDown ? middle.x + 36 : middle.x} y={isDown ? middle.y + 4 : middle.y - 18} textAnchor={isDown ? "start" : "middle"} className="fill-fault text-[12px] font-medium">
          {cut.length > (isDown ? 36 : 30) ? `${cut.slice(0, isDown ? 35 : 29)}…` : cut}
          <title>{cut}</title>
        </text>
      )}
    </g>
  );
}

function StopShape({ stop, x, y, text }: { stop: Stop; x: number; y: number; text: { x: number; y: number; anchor: "start" | "middle" } }) {
  const content = (
    <>
      <rect x={x - 22} y={y - 24} width="44" height="46" fill="transparent" />
      {stop.kind === "agent" && <circle cx={x} cy={y} r="8" className="fill-accent" />}
      {stop.kind === "agents" && [[-9, -6], [3, -9], [11, 2], [-4, 6], [7, 12]].map(([dx = 0, dy = 0]) => <circle key={`${dx} ${dy}`} cx={x + dx} cy={y + dy} r="5" className="fill-accent" />)}
      {stop.kind === "relay" && (
        <>
          <path d={`M${x - 11} ${y + 8} v-8 a11 11 0 0 1 22 0 v8`} strokeWidth="2.8" strokeLinecap="round" className="fill-surface stroke-ink" />
          <path d={`M${x - 20} ${y + 8} h40`} strokeWidth="2.8" strokeLinecap="round" className="stroke-ink" />
        </>
      )}
      {stop.kind === "gateway" && (
        <>
          <path d={`M${x - 16} ${y + 18} v-16 a16 16 0 0 1 32 0 v16`} strokeWidth="3.2" strokeLinecap="round" className="fill-surface stroke-ink" />
          <path d={`M${x - 6} ${y + 18} v-13 a6 6 0 0 1 12 0 v13`} fill="none" strokeWidth="2.6" strokeLinecap="round" className="stroke-ink" />
        </>
      )}
      <text x={text.x} y={text.y} textAnchor={text.anchor} className="fill-ink text-[13px] font-semibold">
        {stop.name.length > 24 ? `${stop.name.slice(0, 23)}…` : stop.name}
        {stop.name.length > 24 && <title>{stop.name}</title>}
      </text>
      {" "}
      {stop.note && (
        <text x={text.x} y={text.y + 17} textAnchor={text.anchor} className="fill-ink-3 text-[12px]">
          {stop.note}
        </text>
      )}
    </>
  );
  return stop.href === null ? <g>{content}</g> : <Link href={stop.href}>{content}</Link>;
}
