"use client";
/** One thing of the picture with its name: a link; or a cloud, whose members the arrow keys walk. */
import Link from "next/link";
import { Fragment, type KeyboardEvent, useRef, useState } from "react";
import { cx } from "@/app/_ui/cx.ts";
import { dotOffset, type Placed, type Point } from "./topology-layout.ts";
import type { Agents, Cloud, Dot, Unit } from "./topology-model.ts";
import { fillTone, GatewayShape, RelayShape, ServerShape, SmallShape } from "./topology-shapes.tsx";

type Events = { onLook: (key: string | null) => void; /** Name of a cloud's member, shown where it is. */ onName: (name: { at: Point; text: string } | null) => void };

const ring = "rounded-md outline-offset-4";

export function UnitShape({ placed, isDim, onLook, onName }: { placed: Placed; isDim: boolean } & Events) {
  const { unit } = placed;
  const look = { onPointerEnter: () => onLook(unit.key), onPointerLeave: () => onLook(null), onFocus: () => onLook(unit.key), onBlur: () => onLook(null) };
  return (
    <g {...look} className={cx("transition-opacity duration-150", isDim && "opacity-35")}>
      {unit.kind === "cloud" || unit.kind === "agents" ? <CloudShape placed={placed} unit={unit} onName={onName} /> : <SingleShape placed={placed} unit={unit} />}
    </g>
  );
}

function SingleShape({ placed, unit }: { placed: Placed; unit: Exclude<Unit, Cloud | Agents> }) {
  const { shape, box } = placed;
  return (
    <Link href={unit.href} className={ring}>
      <rect {...box} fill="transparent" />
      {unit.kind === "gateway" && <GatewayShape at={shape} tone={unit.tone} />}
      {unit.kind === "relay" && <RelayShape at={shape} tone={unit.tone} />}
      {unit.kind === "server" && <ServerShape at={shape} tone={unit.tone} isAgentSite={unit.isAgentSite === true} />}
      <Texts placed={placed} />
    </Link>
  );
}

/** Its texts are its accessible name, with spaces between them; a shortened name is whole in its title. */
function Texts({ placed: { unit, text, box } }: { placed: Placed }) {
  const room = text.anchor === "start" ? box.x + box.width - text.x : box.width;
  const isTrouble = (unit.tone === "fault" || unit.tone === "warn") && unit.kind !== "agents" && unit.kind !== "cloud";
  const name = shorten(unit.name, Math.floor(room / 7.2));
  return (
    <>
      {name !== unit.name && <title>{unit.name}</title>}
      <text x={text.x} y={text.y} textAnchor={text.anchor} className="fill-ink text-[13px] font-semibold">
        {name}
      </text>
      {unit.lines.map((line, index) => (
        <Fragment key={line}>
          {" "}
          <text x={text.x} y={text.y + (index + 1) * 16} textAnchor={text.anchor} className={cx("tabular text-[12px]", index === 0 && isTrouble ? `${fillTone[unit.tone]} font-medium` : "fill-ink-3")}>
            {shorten(line, Math.floor(room / 6.2))}
          </text>
        </Fragment>
      ))}
    </>
  );
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(1, length - 1))}…`;
}

/** Its name is a link to the list; Tab then enters the cloud, and arrows, Home and End walk its members. */
function CloudShape({ placed, unit, onName }: { placed: Placed; unit: Cloud | Agents; onName: Events["onName"] }) {
  const { shape, box } = placed;
  const of = unit.kind === "agents" ? "agent" : unit.of;
  const at = (index: number): Point => {
    const offset = dotOffset(unit, index);
    return { x: shape.x + offset.x, y: shape.y + offset.y };
  };
  return (
    <>
      <rect {...box} fill="transparent" />
      {unit.dots.length > 0 ? <Members unit={unit} of={of} at={at} onName={onName} /> : (unit.kind === "agents" ? unit.crowd : [unit.tone]).map((tone, index) => <SmallShape key={index} of={of} at={at(index)} tone={tone} />)}
      <Link href={unit.href} className={ring}>
        <Texts placed={placed} />
      </Link>
    </>
  );
}

function Members({ unit, of, at, onName }: { unit: Cloud | Agents; of: "gateway" | "relay" | "server" | "agent"; at: (index: number) => Point; onName: Events["onName"] }) {
  const [here, setHere] = useState(0);
  const links = useRef<(HTMLAnchorElement | null)[]>([]);
  const columns = Math.max(1, unit.dots.findIndex((_, index) => dotOffset(unit, index).y > 0));
  const last = unit.dots.length - 1;
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns === 1 ? 1 : columns, ArrowUp: columns === 1 ? -1 : -columns, Home: -last, End: last }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = Math.min(last, Math.max(0, event.key === "Home" ? 0 : event.key === "End" ? last : here + by));
    setHere(next);
    links.current[next]?.focus();
  };
  const tell = (dot: Dot, index: number) => onName({ at: at(index), text: dot.name });
  return (
    <g role="group" aria-label={`${unit.name}, one by one with the arrow keys`} onKeyDown={onKeyDown}>
      {unit.dots.map((dot, index) => (
        <Link key={dot.id} ref={(element) => void (links.current[index] = element)} href={dot.href} tabIndex={index === Math.min(here, last) ? 0 : -1} aria-label={`${dot.name}, ${toneWord[dot.tone]}`} className="outline-offset-1" onFocus={() => tell(dot, index)} onBlur={() => onName(null)} onPointerEnter={() => tell(dot, index)} onPointerLeave={() => onName(null)} prefetch={false}>
          <SmallShape of={of} at={at(index)} tone={dot.tone} />
        </Link>
      ))}
    </g>
  );
}

const toneWord = { ok: "well", warn: "needs attention", fault: "in trouble", idle: "idle", working: "waits" } as const;
