"use client";
/**
 * The service as a picture: clients, listener, mode, pool, members, in the product's shapes. TLS is a double line, plain bytes a single one, and a member
 * that is out is a gap with its reason at it. Beside each other where there is room, below each other where there is not; the same facts stand in the tables.
 */
import Link from "next/link";
import { type ReactNode, useState } from "react";
import type { ServiceMode } from "@/contract/virtual-service.ts";
import { routes } from "@/app/_nav/routes.ts";
import { Button } from "@/app/_ui/button.tsx";
import { cx } from "@/app/_ui/cx.ts";
import { Section } from "@/app/_ui/page.tsx";
import { ArchIcon } from "@/app/_ui/shapes.tsx";
import { State, type Tone, toneText } from "@/app/_ui/state.tsx";
import { bareCause, checkWords, counted, endpoint, healthTone, MemberStateLabel, modeWords, percent, schedulingWords } from "../../_shared/service-words.tsx";
import type { ServiceDetail } from "./service-values.ts";

type Leg = "tls" | "plain";
const legs = { tcp: ["plain", "plain"], "tls-passthrough": ["tls", "tls"], "tls-offload": ["tls", "plain"], "tls-reencrypt": ["tls", "tls"] } as const satisfies Record<ServiceMode, readonly [Leg, Leg]>;
/** More members than this are shown in a list that scrolls, those in trouble first. */
const plainMax = 8;

type Member = ServiceDetail["poolDetail"]["members"][number];

export function ServiceDiagram({ service, connections }: { service: ServiceDetail; connections: number }) {
  const { poolDetail: pool, mode } = service;
  const [toGateway, toMember] = legs[mode];
  const bound = service.listeners.filter((listener) => listener.problem === null && isListening(listener.state)).length;
  const names = service.serverNames;
  return (
    <Section title="How it serves" hint="Double line: TLS. Single line: plain bytes. Gap: takes no new sessions.">
      <div className="@container">
        <div className="flex flex-col @4xl:flex-row @4xl:items-center">
          <Stage title="Clients" shape={<span aria-hidden="true" className="block size-3 rounded-full bg-ink-2" />}>
            <p className="tabular text-[17px] font-semibold">{connections.toLocaleString("en")}</p>
            <p>{connections === 1 ? "connection" : "connections"} now</p>
          </Stage>
          <Connector kind={toGateway} />
          <Stage title="Listener" shape={<ArchIcon size={22} className="text-ink" />}>
            <p className="font-mono text-[12px] break-all text-ink">{service.address === "::" ? `port ${service.port}` : endpoint(service.address, service.port)}</p>
            {mode !== "tcp" && <p className="font-mono text-[12px] wrap-anywhere">{names.length === 0 ? <span className="font-sans">every name</span> : <>{names[0]}{names.length > 1 && <span className="block font-sans" title={names.join("\n")}>and {names.length - 1} more</span>}</>}</p>}
            <p className={cx("mt-0.5", bound < service.gateways.length && "text-warn")}>{service.gateways.length === 0 ? "on no gateway" : `on ${bound} of ${counted(service.gateways.length, "gateway")}`}</p>
          </Stage>
          <Connector kind={toGateway} isThrough={mode === "tls-passthrough" || mode === "tcp"} />
          <Stage title="Mode" shape={<ModeShape mode={mode} />}>
            <p className="font-medium text-ink">{modeWords[mode].label}</p>
            <p>{service.protocol === "http" ? "HTTP is read" : mode === "tls-passthrough" ? "nothing is read" : "any bytes"}</p>
          </Stage>
          <Connector kind={toMember} />
          <Stage title="Pool" shape={<span aria-hidden="true" className="block h-5 w-6 rounded-md border-[1.7px] border-dashed border-ink-2" />}>
            <p><Link href={routes.pools.detail(pool.id)} className="font-medium text-accent hover:underline">{pool.name}</Link></p>
            <p>{schedulingWords[pool.scheduling].label}</p>
            <p>{checkWords[pool.checkKind as keyof typeof checkWords]?.label ?? pool.checkKind}{pool.checkKind === "none" ? "" : " check"}</p>
          </Stage>
          <Members members={pool.members} leg={toMember} />
        </div>
      </div>
    </Section>
  );
}

/** A gateway says `bound` or `accepting` once it listens. */
export function isListening(state: string): boolean {
  return ["bound", "accepting", "full"].includes(state);
}

function Stage({ title, shape, children }: { title: string; shape: ReactNode; children: ReactNode }) {
  return (
    <div className="flex min-w-0 items-center gap-3 rounded-md border border-line px-3 py-2.5 @4xl:max-w-[11rem] @4xl:flex-1 @4xl:flex-col @4xl:items-start @4xl:justify-center @4xl:gap-2">
      <span className="flex w-7 shrink-0 justify-center @4xl:w-auto @4xl:justify-start">{shape}</span>
      <div className="min-w-0 text-[13px] text-ink-2">
        <h3 className="text-[12px] text-ink-3">{title}</h3>
        {children}
      </div>
    </div>
  );
}

/** Between two stages: lying where they stand beside each other, upright where they stand below each other. */
function Connector({ kind, isThrough = false }: { kind: Leg; isThrough?: boolean }) {
  return (
    <div aria-hidden="true" className="flex shrink-0 items-center @4xl:w-7 @4xl:min-w-4 @4xl:shrink" title={isThrough ? "the same session" : undefined}>
      <span className={cx("ml-[23px] block h-4 border-ink-2 @4xl:ml-0 @4xl:w-full", kind === "tls" ? "w-[7px] border-x-[1.5px] @4xl:h-[7px] @4xl:border-x-0 @4xl:border-y-[1.5px]" : "w-px border-l-[1.5px] @4xl:h-px @4xl:border-t-[1.5px] @4xl:border-l-0")} />
    </div>
  );
}

/** The arch with what happens to the session at it: passed through, or ended at one leg of the arch and begun again at the other. */
function ModeShape({ mode }: { mode: ServiceMode }) {
  const [left, right] = legs[mode];
  const isThrough = mode === "tls-passthrough" || mode === "tcp";
  const line = (kind: Leg, from: number, to: number) => (kind === "tls" ? [-2.5, 2.5] : [0]).map((offset) => <path key={`${from} ${offset}`} d={`M${from} ${17 + offset}H${to}`} strokeWidth="1.5" />);
  return (
    <svg width="60" height="28" viewBox="0 0 60 28" fill="none" stroke="currentColor" strokeLinecap="round" aria-hidden="true" className="text-ink">
      <path d="M19 27V13a11 11 0 0 1 22 0v14" strokeWidth="1.7" />
      {isThrough ? line(left, 1, 59) : [...line(left, 1, 18), ...line(right, 42, 59)]}
    </svg>
  );
}

/** True when new sessions can reach it. */
function takesSessions(member: Member): boolean {
  return member.state === "enabled" && member.status.state !== "down";
}

/** Those in trouble first, then in order: with 50 members the ones that matter are on top. */
function troubleFirst(members: readonly Member[]): Member[] {
  const rank = (member: Member) => (member.state !== "enabled" ? 2 : member.status.state === "down" ? 0 : member.status.state === "next-hop" ? 1 : 3);
  return members.toSorted((a, b) => rank(a) - rank(b));
}

function Members({ members, leg }: { members: readonly Member[]; leg: Leg }) {
  const [isTroubleOnly, setTroubleOnly] = useState(false);
  const isMany = members.length > plainMax;
  const wrong = members.filter((member) => member.state !== "enabled" || member.status.state !== "up");
  const shown = isMany ? troubleFirst(isTroubleOnly && wrong.length > 0 ? wrong : members) : members;
  return (
    <div className="relative mt-1 min-w-0 @4xl:mt-0 @4xl:flex-[2.6]">
      {members.length === 0 ? (
        <p className="flex h-full items-center pl-9 text-[13px] @4xl:pl-6"><State tone="warn">No member</State></p>
      ) : (
        <>
          {isMany && <Summary members={members} isTroubleOnly={isTroubleOnly} mayNarrow={wrong.length > 0 && wrong.length < members.length} onNarrow={setTroubleOnly} />}
          <ul aria-label="Members" tabIndex={isMany ? 0 : undefined} className={cx("relative ml-[25px] border-l border-ink-2 py-0.5 @4xl:ml-4", isMany && "max-h-[19rem] overflow-y-auto")}>
            {shown.map((member) => (
              <MemberRow key={member.id} member={member} leg={leg} />
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

function Summary({ members, isTroubleOnly, mayNarrow, onNarrow }: { members: readonly Member[]; isTroubleOnly: boolean; mayNarrow: boolean; onNarrow: (only: boolean) => void }) {
  const count = (wanted: (member: Member) => boolean) => members.filter(wanted).length;
  const lines: [Tone, number, string][] = [
    ["ok", count((member) => member.state === "enabled" && member.status.state === "up"), "up"],
    ["warn", count((member) => member.state === "enabled" && member.status.state === "next-hop"), "up, next hop down"],
    ["fault", count((member) => member.state === "enabled" && member.status.state === "down"), "down"],
    ["idle", count((member) => member.state === "drain"), "draining"],
    ["idle", count((member) => member.state === "disabled"), "disabled"],
    ["idle", count((member) => member.state === "enabled" && member.status.state === "unknown"), "not checked"],
  ];
  return (
    <p className="mb-1.5 ml-[25px] flex flex-wrap items-center gap-x-3 gap-y-1 pl-2 text-[13px] @4xl:ml-4">
      {lines.filter(([, some]) => some > 0).map(([tone, some, word]) => <State key={word} tone={tone}>{some} {word}</State>)}
      {mayNarrow && <Button size="small" look="quiet" aria-pressed={isTroubleOnly} onClick={() => onNarrow(!isTroubleOnly)}>{isTroubleOnly ? "Show all" : "Only those not up"}</Button>}
    </p>
  );
}

function MemberRow({ member, leg }: { member: Member; leg: Leg }) {
  const isOpen = takesSessions(member);
  const tone = member.state === "enabled" ? healthTone[member.status.state] : "idle";
  return (
    <li className="flex min-w-0 items-start gap-2 py-1">
      <span aria-hidden="true" className="mt-[7px] flex w-7 shrink-0 items-center">
        {isOpen ? <Tick kind={leg} className="w-full" /> : <><Tick kind={leg} className="w-2" /><span className={cx("mx-1 text-[11px] leading-none font-bold", toneText[tone])}>×</span></>}
      </span>
      <span aria-hidden="true" className={cx("mt-[5px] block size-3 shrink-0 rounded-[2px] border-[1.7px] border-current", toneText[tone])} />
      <div className="min-w-0 flex-1 text-[13px]">
        <p className="flex flex-wrap items-center gap-x-3">
          <span className="min-w-0 font-medium wrap-anywhere" title={endpoint(member.host, member.port)}>{member.name}</span>
          <MemberStateLabel state={member.state} health={member.status.state} />
          <span className="tabular ml-auto whitespace-nowrap text-ink-2">{percent(member.share)} <span className="text-ink-3">of new,</span> {counted(member.status.connections, "connection")}</span>
        </p>
        {(member.status.state === "down" || member.status.state === "next-hop") && member.state !== "disabled" && <p className="break-words text-ink-2">{bareCause(member.name, member.status.cause)}</p>}
      </div>
    </li>
  );
}

function Tick({ kind, className }: { kind: Leg; className: string }) {
  return <span className={cx("block border-ink-2", kind === "tls" ? "h-[7px] border-y-[1.5px]" : "h-px border-t-[1.5px]", className)} />;
}
