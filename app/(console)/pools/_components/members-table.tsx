"use client";
/** A pool's members: state and its cause by gateway, share, connections, and what can be done about each. */
import { Pause, Play, Prohibit } from "@phosphor-icons/react";
import { type ReactNode, useState } from "react";
import type { MemberState } from "@/contract/pool.ts";
import { Button } from "@/app/_ui/button.tsx";
import { Section } from "@/app/_ui/page.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { bareCause, endpoint, MemberStateLabel, percent } from "../../_shared/service-words.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { MemberStateDialog } from "./member-state-dialog.tsx";
import type { Pool } from "./pool-detail-page.tsx";

export type Member = Pool["members"][number];

/** What gateways found, in words: once when they agree, by gateway when they do not. */
export function Causes({ member }: { member: Member }) {
  const views = member.status.views;
  const causes = new Set(views.map((view) => view.health.cause));
  if (views.length === 0) return <span className="text-ink-3">{member.status.cause === "" ? "no gateway checks it" : member.status.cause}</span>;
  if (causes.size === 1) return <span className="text-ink-2">{bareCause(member.name, member.status.cause)}{views.length > 1 && <span className="text-ink-3"> (all {views.length} gateways)</span>}</span>;
  return (
    <ul className="text-ink-2">
      {views.map((view) => (
        <li key={view.gateway.id}>
          <span className="text-ink-3">{view.gateway.name}: </span>
          {bareCause(member.name, view.health.cause)}
        </li>
      ))}
    </ul>
  );
}

/** Time of the newest check of any gateway, ISO; null: none. */
function lastCheck(member: Member): string | null {
  return member.status.views.map((view) => view.health.checkedAt).filter((at) => at !== null).toSorted().at(-1) ?? null;
}

export function MembersTable({ pool, title = "Members", hint }: { pool: Pool; title?: string; hint?: ReactNode }) {
  const mayOperate = useMay("operate");
  const [changing, setChanging] = useState<{ member: Member; state: MemberState }>();
  const action = (member: Member, state: MemberState) => {
    const { label, icon } = { enabled: { label: "Enable", icon: Play }, drain: { label: "Drain", icon: Pause }, disabled: { label: "Disable", icon: Prohibit } }[state];
    return (
      <Button key={state} size="small" look="quiet" icon={icon} aria-label={`${label} ${member.name}`} onClick={() => setChanging({ member, state })}>
        {label}
      </Button>
    );
  };
  return (
    <Section title={title} hint={hint ?? "In the order of fail-over. Shares are of new sessions, as things stand now."} isFlush>
      {pool.members.length === 0 ? (
        <p className="px-4 pb-4 text-[13px] text-ink-3">None yet. Change the pool to add some.</p>
      ) : (
        <div className="max-h-[40rem] overflow-y-auto">
          <Table
            caption={title}
            rows={pool.members}
            rowId={(member) => member.id}
            rowName={(member) => member.name}
            columns={[
              { key: "name", title: "Member", cell: (member) => <span><span className="font-medium">{member.name}</span>{member.name !== member.host && <span className="block font-mono text-[12px] font-normal text-ink-3">{endpoint(member.host, member.port)}</span>}</span> },
              { key: "state", title: "State", cell: (member) => <MemberStateLabel state={member.state} health={member.status.state} /> },
              { key: "cause", title: "What checks found", cell: (member) => <Causes member={member} /> },
              { key: "since", title: "Since", cell: (member) => <Time at={member.status.since} never="–" /> },
              { key: "share", title: "Share", isNumber: true, cell: (member) => percent(member.share) },
              { key: "weight", title: "Weight", isNumber: true, isWideOnly: true, cell: (member) => member.weight },
              { key: "connections", title: "Connections", isNumber: true, cell: (member) => `${member.status.connections.toLocaleString("en")}${member.maxConnections === null ? "" : ` of ${member.maxConnections.toLocaleString("en")}`}` },
              { key: "checked", title: "Last check", isWideOnly: true, cell: (member) => <Time at={lastCheck(member)} never="–" /> },
            ]}
            {...(mayOperate ? { rowActions: (member: Member) => <span className="inline-flex flex-wrap justify-end gap-1 md:flex-nowrap">{(["enabled", "drain", "disabled"] as const).filter((state) => state !== member.state).map((state) => action(member, state))}</span> } : {})}
          />
        </div>
      )}
      {changing && <MemberStateDialog pool={pool} member={changing.member} state={changing.state} onClose={() => setChanging(undefined)} />}
    </Section>
  );
}
