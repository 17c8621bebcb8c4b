"use client";
/** A pool's members as a list to edit: order is the order of fail-over, and the expected share follows what is typed. */
import { ArrowDown, ArrowUp, Plus, Trash } from "@phosphor-icons/react";
import { memo, type ReactNode, useCallback, useEffect, useId, useMemo, useRef, useState } from "react";
import type { MemberState, Scheduling } from "@/contract/pool.ts";
import { expectedShares } from "@/contract/shares.ts";
import { Button } from "@/app/_ui/button.tsx";
import { cx } from "@/app/_ui/cx.ts";
import { FieldError, Fold, LinesField } from "@/app/_ui/fields.tsx";
import { memberStateWord, percent } from "../../_shared/service-words.tsx";
import { freshMember, type MemberValues, parseMembers } from "./member-lines.ts";

/** One row where there is room, a card of three lines or four where there is less. */
const grid = "grid grid-cols-6 items-end gap-x-2 gap-y-1.5 @lg:grid-cols-12 @4xl:grid-cols-[1.5rem_minmax(0,1fr)_minmax(0,1fr)_5.25rem_4.5rem_6.5rem_7rem_3.5rem_6rem] @4xl:items-center";
const methodIsWeighted = new Set<Scheduling>(["weighted-round-robin", "least-connections", "source-hash"]);

type Properties = {
  value: readonly MemberValues[];
  onChange: (members: MemberValues[]) => void;
  scheduling: Scheduling;
  /** Messages below `members`, by dotted path such as "0.port". */
  errorOf: (path: string) => string | undefined;
  notesAt?: (index: number) => ReactNode;
  standardPort?: number;
};

export function MemberEditor({ value, onChange, scheduling, errorOf, notesAt, standardPort = 443 }: Properties) {
  const current = useRef(value);
  const send = useRef(onChange);
  useEffect(() => {
    current.current = value;
    send.current = onChange;
  });
  const [said, setSaid] = useState("");
  const shares = useMemo(() => expectedShares(scheduling, value.map((member) => ({ weight: Number.isInteger(member.weight) ? (member.weight ?? 1) : 0, state: member.state ?? "enabled" }))), [scheduling, value]);
  const change = useCallback((index: number, patch: Partial<MemberValues>) => send.current(current.current.map((member, at) => (at === index ? { ...member, ...patch } : member))), []);
  const remove = useCallback((index: number) => send.current(current.current.filter((_, at) => at !== index)), []);
  const move = useCallback((from: number, to: number) => {
    const next = [...current.current];
    const [moved] = next.splice(from, 1);
    if (!moved) return;
    next.splice(to, 0, moved);
    send.current(next);
    setSaid(`${moved.name || "The member"} is now number ${to + 1} of ${next.length}.`);
  }, []);
  return (
    <div className="@container flex flex-col gap-3">
      {value.length === 0 ? (
        <p className="text-[13px] text-ink-3">No member yet: the service answers nobody until there is one.</p>
      ) : (
        <>
          <div aria-hidden="true" className={cx(grid, "hidden text-[12px] text-ink-3 @4xl:grid")}>
            <span />
            {["Name", "Address or name", "Port", "Weight", "Max. conn.", "State", "Share"].map((title) => (
              <span key={title} className={title === "Share" ? "text-right" : undefined}>{title}</span>
            ))}
          </div>
          <ol className="flex flex-col gap-3 @4xl:gap-1.5">
            {value.map((member, index) => (
              <MemberRow key={member.id ?? `new-${index}`} member={member} index={index} count={value.length} share={shares[index] ?? 0} isWeighted={methodIsWeighted.has(scheduling)} error={errorOf(String(index))} notes={notesAt?.(index)} onPatch={change} onMove={move} onRemove={remove} />
            ))}
          </ol>
        </>
      )}
      <p role="status" className="sr-only">{said}</p>
      <div className="flex flex-wrap items-start gap-2">
        <Button size="small" icon={Plus} onClick={() => onChange([...value, { ...freshMember, port: value.at(-1)?.port ?? standardPort }])}>
          Add member
        </Button>
      </div>
      <AddMany onAdd={(members) => onChange([...value, ...members])} standardPort={value.at(-1)?.port ?? standardPort} />
    </div>
  );
}

type RowProperties = { member: MemberValues; index: number; count: number; share: number; isWeighted: boolean; error: string | undefined; notes: ReactNode; onPatch: (index: number, patch: Partial<MemberValues>) => void; onMove: (from: number, to: number) => void; onRemove: (index: number) => void };

const MemberRow = memo(function MemberRow({ member, index, count, share, isWeighted, error, notes, onPatch, onMove, onRemove }: RowProperties) {
  const who = member.name === "" ? `member ${index + 1}` : member.name;
  const number = (text: string) => (text === "" ? Number.NaN : Number(text));
  return (
    <li className="rounded-md border border-line p-2.5 @4xl:border-0 @4xl:p-0">
      <div className={grid}>
        <span className="tabular col-span-3 font-semibold text-ink-3 @lg:col-span-6 @4xl:col-span-1">{index + 1}.</span>
        <span className="col-span-3 flex justify-end gap-1 @lg:col-span-6 @4xl:order-last @4xl:col-span-1">
          <Button size="small" look="quiet" icon={ArrowUp} aria-label={`Move ${who} up`} disabled={index === 0} onClick={() => onMove(index, index - 1)} />
          <Button size="small" look="quiet" icon={ArrowDown} aria-label={`Move ${who} down`} disabled={index === count - 1} onClick={() => onMove(index, index + 1)} />
          <Button size="small" look="danger-quiet" icon={Trash} aria-label={`Remove ${who}`} onClick={() => onRemove(index)} />
        </span>
        <Cell label="Name" who={who} wide="col-span-6 @lg:col-span-4">
          {(id) => <input id={id} className="control" value={member.name} onChange={(event) => onPatch(index, { name: event.target.value })} placeholder="mail1" autoComplete="off" spellCheck={false} />}
        </Cell>
        <Cell label="Address or name" who={who} wide="col-span-4 @lg:col-span-5">
          {(id) => <input id={id} className="control font-mono text-[13px]" value={member.host} onChange={(event) => onPatch(index, member.name === "" || member.name === member.host ? { host: event.target.value, name: event.target.value } : { host: event.target.value })} placeholder="10.0.1.10" autoComplete="off" spellCheck={false} />}
        </Cell>
        <Cell label="Port" who={who} wide="col-span-2 @lg:col-span-3">
          {(id) => <input id={id} className="control tabular" type="number" min={1} max={65535} value={Number.isNaN(member.port) ? "" : member.port} onChange={(event) => onPatch(index, { port: number(event.target.value) })} />}
        </Cell>
        <Cell label="Weight" who={who} wide="col-span-2 @lg:col-span-3">
          {(id) => <input id={id} className="control tabular" type="number" min={0} max={256} title={isWeighted ? "0 takes no new sessions" : "This method does not look at weights"} value={Number.isNaN(member.weight) ? "" : (member.weight ?? 1)} onChange={(event) => onPatch(index, { weight: number(event.target.value) })} />}
        </Cell>
        <Cell label="Max. conn." who={who} wide="col-span-2 @lg:col-span-3">
          {(id) => <input id={id} className="control tabular" type="number" min={1} max={1_000_000} placeholder="no limit" value={member.maxConnections ?? ""} onChange={(event) => onPatch(index, { maxConnections: event.target.value === "" ? null : Number(event.target.value) })} />}
        </Cell>
        <Cell label="State" who={who} wide="col-span-2 @lg:col-span-3">
          {(id) => (
            <select id={id} className="control" value={member.state ?? "enabled"} onChange={(event) => onPatch(index, { state: event.target.value as MemberState })}>
              {Object.entries(memberStateWord).map(([state, word]) => (
                <option key={state} value={state}>{word}</option>
              ))}
            </select>
          )}
        </Cell>
        <span className="tabular col-span-6 text-[13px] text-ink-2 @lg:col-span-3 @lg:pb-2 @4xl:col-span-1 @4xl:pb-0 @4xl:text-right">
          <span className="text-ink-3 @4xl:sr-only">Expected share: </span>
          {percent(share)}
        </span>
      </div>
      {error && <FieldError text={error} />}
      {notes}
    </li>
  );
});

function Cell({ label, who, wide, children }: { label: string; who: string; wide: string; children: (id: string) => ReactNode }) {
  const id = useId();
  return (
    <span className={cx("flex min-w-0 flex-col gap-1 @4xl:col-span-1", wide)}>
      <label htmlFor={id} className="truncate text-[12px] text-ink-3 @4xl:sr-only">
        {label}
        <span className="sr-only"> of {who}</span>
      </label>
      {children(id)}
    </span>
  );
}

function AddMany({ onAdd, standardPort }: { onAdd: (members: MemberValues[]) => void; standardPort: number }) {
  const [lines, setLines] = useState<string[]>([]);
  const members = parseMembers(lines, standardPort);
  return (
    <Fold title="Add several at once">
      <LinesField label="Members, one per line" hint={`An address or name, with a name before it and a port behind it where you like: "mail1 10.0.1.10:8443". Port ${standardPort} when there is none.`} value={lines} onChange={setLines} rows={4} placeholder={"mail1 10.0.1.10:443\nmail2 10.0.1.11:443"} />
      <div>
        <Button size="small" disabled={members.length === 0} onClick={() => {
          onAdd(members);
          setLines([]);
        }}>
          Add {members.length === 1 ? "1 member" : `${members.length} members`}
        </Button>
      </div>
    </Fold>
  );
}
