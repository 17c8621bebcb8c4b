"use client";
/** The picture itself: regions, lines with their gaps, shapes. What one looks at stays clear, and what has nothing to do with it steps back. */
import { ArrowsOutSimple, Minus, Plus } from "@phosphor-icons/react";
import Link from "next/link";
import { useId, useMemo, useRef, useState } from "react";
import type { TopologyView } from "@/contract/relay-objects.ts";
import { Button } from "@/app/_ui/button.tsx";
import { cx } from "@/app/_ui/cx.ts";
import { useNarrow } from "@/app/_ui/use-narrow.ts";
import { labelBox, layoutOf, type Line, type Point, type Region } from "./topology-layout.ts";
import { modelOf } from "./topology-model.ts";
import { UnitShape } from "./topology-unit.tsx";
import { useViewBox } from "./use-view-box.ts";

export function TopologyPicture({ view }: { view: TopologyView }) {
  const isNarrow = useNarrow();
  const helpId = useId();
  const svg = useRef<SVGSVGElement>(null);
  const layout = useMemo(() => layoutOf(modelOf(view), isNarrow), [view, isNarrow]);
  const box = useViewBox(svg, layout.width, layout.height);
  const [looked, setLooked] = useState<string | null>(null);
  const [name, setName] = useState<{ at: Point; text: string } | null>(null);
  const near = useMemo(() => neighbours(looked, layout.lines), [looked, layout.lines]);
  const show = (key: string | null) => {
    setLooked(key);
    const placed = layout.units.find((entry) => entry.unit.key === key);
    if (placed && svg.current?.contains(document.activeElement) && document.activeElement !== svg.current) box.show(placed.box);
  };
  return (
    <figure className="relative rounded-lg border border-line bg-surface">
      <div role="group" aria-label="Zoom" className="absolute top-2 right-2 z-10 flex gap-1">
        <Button size="small" icon={Minus} aria-label="Zoom out" disabled={box.zoom <= 1} onClick={() => box.zoomBy(1 / 1.4)} />
        <Button size="small" icon={Plus} aria-label="Zoom in" disabled={box.zoom >= 6} onClick={() => box.zoomBy(1.4)} />
        <Button size="small" icon={ArrowsOutSimple} aria-label="Show everything" disabled={box.zoom === 1} onClick={box.fit} />
      </div>
      <p id={helpId} className="sr-only">
        Plus and minus zoom, 0 shows everything, arrow keys move the zoomed picture. Tab goes from one thing to the next, from the outside inwards. The same facts stand below as tables.
      </p>
      <div className="flex justify-center p-2 pt-10">
        <svg
          ref={svg}
          viewBox={box.text}
          style={{ aspectRatio: `${layout.width} / ${layout.height}`, maxWidth: Math.round(layout.width * 1.25) }}
          className={cx("block w-full rounded-md", box.zoom > 1 ? "cursor-grab touch-none active:cursor-grabbing" : "touch-pan-y")}
          role="group"
          aria-label={`Topology of ${view.organisation.name}: ${view.sites.length} sites, ${view.servers.length} servers, ${view.gateways.length} gateways, ${view.relays.length} relays`}
          aria-describedby={helpId}
          tabIndex={0}
          onKeyDown={(event) => event.target === event.currentTarget && box.onKeyDown(event)}
          onPointerDown={box.onPointerDown}
          onPointerMove={box.onPointerMove}
          onPointerUp={box.onPointerUp}
          onPointerCancel={box.onPointerUp}
        >
          {layout.regions.map((region) => (
            <RegionShape key={region.key} region={region} />
          ))}
          {layout.lines.map((line) => (
            <LineShape key={line.tie.key} line={line} isLooked={looked !== null && (line.tie.from === looked || line.tie.to === looked)} isDim={looked !== null && line.tie.from !== looked && line.tie.to !== looked} />
          ))}
          {layout.lines.map((line) => (
            <Reason key={line.tie.key} line={line} />
          ))}
          {layout.units.toSorted((a, b) => a.box.x - b.box.x || a.box.y - b.box.y).map((placed) => (
            <UnitShape key={placed.unit.key} placed={placed} isDim={near !== null && !near.has(placed.unit.key)} onLook={show} onName={setName} />
          ))}
          {name && <NameTag {...name} width={layout.width} />}
        </svg>
      </div>
      <Legend />
    </figure>
  );
}

/** The looked-at unit and what it is tied to; null when nothing is looked at, or when it is tied to nothing. */
function neighbours(key: string | null, lines: readonly Line[]): Set<string> | null {
  if (key === null) return null;
  const tied = lines.filter(({ tie }) => tie.from === key || tie.to === key);
  return tied.length === 0 ? null : new Set([key, ...tied.flatMap(({ tie }) => [tie.from, tie.to])]);
}

function RegionShape({ region }: { region: Region }) {
  const label = region.name.length > 32 ? `${region.name.slice(0, 31)}…` : region.name;
  const text = (
    <text x={region.box.x + 14} y={region.box.y + 22} className="fill-ink-3 text-[12px] font-medium">
      {label}
    </text>
  );
  return (
    <g>
      <rect {...region.box} rx="14" className="fill-canvas stroke-line" />
      {region.href === null ? text : <Link href={region.href}>{text}</Link>}
    </g>
  );
}

/** Thicker where more passes: from 5 to 9 units. */
function tunnelWidth(rate: number): number {
  return rate < 1 ? 5 : Math.min(9, 5 + Math.log10(rate + 1) / 2);
}

function LineShape({ line: { tie, path, dash }, isLooked, isDim }: { line: Line; isLooked: boolean; isDim: boolean }) {
  if (tie.isQuiet && !isLooked) return null;
  const tone = tie.cut !== null ? "stroke-fault" : isLooked ? "stroke-accent" : tie.kind === "tunnel" ? "stroke-ink-2" : "stroke-line-strong";
  const gap = dash === null ? {} : { strokeDasharray: dash.array, ...(dash.isExact ? {} : { pathLength: 100 }) };
  const width = tie.kind === "tunnel" ? tunnelWidth(tie.rate) : tie.kind === "peer" ? 5 : isLooked ? 2.2 : 1.4;
  return (
    <g className={cx("transition-opacity duration-150", isDim && "opacity-25")}>
      <path d={path} fill="none" strokeWidth={width} className={tone} {...gap} />
      {tie.kind !== "plain" && <path d={path} fill="none" strokeWidth={width - 3} className="stroke-surface" {...gap} />}
    </g>
  );
}

function Reason({ line: { tie, label } }: { line: Line }) {
  if (label === null || tie.cut === null) return null;
  const box = labelBox(label);
  return (
    <g>
      <title>{tie.cut}</title>
      <rect {...box} rx="4" className="fill-surface" />
      {label.words.map((words, index) => (
        <text key={words} x={label.x} y={box.y + 15 + index * 15} textAnchor="middle" className="fill-fault text-[12px] font-medium">
          {words}
        </text>
      ))}
    </g>
  );
}

/** Name of a cloud's member, above it, inside the picture. */
function NameTag({ at, text, width }: { at: Point; text: string; width: number }) {
  const half = text.length * 3.5 + 9;
  const x = Math.min(width - half - 2, Math.max(half + 2, at.x));
  return (
    <g aria-hidden="true" pointerEvents="none">
      <rect x={x - half} y={at.y - 36} width={half * 2} height="22" rx="5" className="fill-ink" />
      <text x={x} y={at.y - 21} textAnchor="middle" className="fill-surface text-[12px] font-medium">
        {text}
      </text>
    </g>
  );
}

function Legend() {
  return (
    <figcaption className="flex flex-wrap gap-x-5 gap-y-1.5 border-t border-line px-4 py-2 text-[12px] text-ink-3">
      <LegendEntry word="gateway"><path d="M3 15v-6a6 6 0 0 1 12 0v6" strokeWidth="2" /></LegendEntry>
      <LegendEntry word="relay"><path d="M1 13h22M7 13v-4a5 5 0 0 1 10 0v4" strokeWidth="2" /></LegendEntry>
      <LegendEntry word="server"><rect x="3" y="3" width="11" height="11" rx="2" strokeWidth="2" /></LegendEntry>
      <LegendEntry word="agent"><circle cx="8" cy="9" r="4.5" fill="currentColor" stroke="none" /></LegendEntry>
      <LegendEntry word="tunnel"><path d="M0 7h24M0 11h24" strokeWidth="1.4" /></LegendEntry>
      <LegendEntry word="plain TCP"><path d="M0 9h24" strokeWidth="1.4" /></LegendEntry>
      <LegendEntry word="cut, with the reason"><path d="M0 7h8M0 11h8M16 7h8M16 11h8" strokeWidth="1.4" /></LegendEntry>
    </figcaption>
  );
}

function LegendEntry({ word, children }: { word: string; children: React.ReactNode }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <svg width="24" height="18" viewBox="0 0 24 18" fill="none" stroke="currentColor" aria-hidden="true">
        {children}
      </svg>
      {word}
    </span>
  );
}
