"use client";
/** The audit: who changed what, before and after, and whether the chain of events is whole. */
import { ShieldCheck } from "@phosphor-icons/react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { docs, routeOfKind } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { ActionError, Notice } from "@/app/_ui/notice.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { actionText } from "../../_shared/audit-text.ts";
import { Changes } from "../../_shared/changes.tsx";

type AuditRow = Outputs["audit"]["list"]["rows"][number];

export function AuditListPage() {
  const trpc = useTRPC();
  const list = useListState({ sorts: ["at", "actor", "action"], standard: "at", standardDesc: true, choices: { targetId: "text", actorId: "text", action: "text" } });
  const query = useQuery(trpc.audit.list.queryOptions(list.input, { placeholderData: keepPreviousData }));
  const verify = useQuery(trpc.audit.verify.queryOptions(undefined, { enabled: false, gcTime: 0 }));
  return (
    <ListPage
      title="Audit"
      purpose="Who changed what, before and after. Events cannot be edited; each carries the hash of the one before it."
      noun={["event", "events"]}
      action={
        <Button icon={ShieldCheck} isBusy={verify.isFetching} onClick={() => void verify.refetch()}>
          Check the chain
        </Button>
      }
      above={
        <div className="mb-4 empty:hidden">
          <ActionError error={verify.error} />
          {verify.data && <Notice tone={verify.data.isIntact ? "ok" : "fault"} title={verify.data.isIntact ? `The chain of ${verify.data.events} events is whole.` : `The chain is broken at event ${verify.data.brokenAt ?? ""}.`}>{verify.data.detail}</Notice>}
        </div>
      }
      list={list}
      query={query}
      rowId={(event) => event.id}
      rowName={(event) => actionText(event.action)}
      columns={[
        { key: "action", title: "What", sort: "action", cell: (event) => actionText(event.action) },
        { key: "target", title: "On", cell: (event) => <Target target={event.target} /> },
        { key: "actor", title: "Who", sort: "actor", cell: (event) => <span>{event.actor.name} {event.actor.kind !== "user" && <span className="text-ink-3">({event.actor.kind})</span>}</span> },
        { key: "at", title: "When", sort: "at", cell: (event) => <Time at={event.at} /> },
        { key: "changes", title: "Before and after", cell: (event) => (event.changes.length === 0 ? <span className="text-ink-3">none</span> : <details><summary>{event.changes.length} {event.changes.length === 1 ? "field" : "fields"}</summary><Changes changes={event.changes} /></details>) },
        { key: "source", title: "From", isWideOnly: true, cell: (event) => <code className="font-mono text-[12px]">{event.source ?? ""}</code> },
        { key: "request", title: "Request id", isWideOnly: true, cell: (event) => <code className="font-mono text-[12px]" title={event.requestId}>{event.requestId.slice(0, 8)}</code> },
      ]}
      empty={{ title: "No events", why: "Every change appears here with who made it, from where, and what was before.", docs: docs.audit }}
    />
  );
}

function Target({ target }: { target: AuditRow["target"] }) {
  if (!target) return <span className="text-ink-3">the organisation</span>;
  const kind = target.kind as keyof typeof routeOfKind;
  const route = routeOfKind[kind];
  return route ? (
    <Link href={route(target.id)} className="text-accent hover:underline">
      {target.name}
    </Link>
  ) : (
    <span>{target.name}</span>
  );
}
