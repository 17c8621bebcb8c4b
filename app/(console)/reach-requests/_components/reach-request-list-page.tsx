"use client";
/** Requests for approval: who wants to reach what and why; whoever may, decides here. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { useState } from "react";
import { reachRequestState } from "@/contract/reach-objects.ts";
import { docs, routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button, LinkButton } from "@/app/_ui/button.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { Tag } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { ReachTabs } from "../../_shared/reach-tabs.tsx";
import { RequestStateLabel, requestWord, serviceText } from "../../_shared/reach-words.tsx";
import { DecideDialog } from "./decide-dialog.tsx";

export type RequestRow = Outputs["reachRequest"]["list"]["rows"][number];

export function ReachRequestListPage() {
  const list = useListState({ sorts: ["createdAt", "state"], standard: "createdAt", standardDesc: true, choices: { state: reachRequestState.options } });
  const query = useQuery(useTRPC().reachRequest.list.queryOptions(list.input, { placeholderData: keepPreviousData }));
  const [decided, setDecided] = useState<RequestRow>();
  return (
    <>
      <ListPage
        title="Requests"
        purpose="People who want to reach an agent, and why. A rule says whose approval they need and how long it lasts."
        noun={["request", "requests"]}
        above={<ReachTabs here="requests" />}
        list={list}
        query={query}
        rowId={(request) => request.id}
        rowName={(request) => `${request.requestedBy} to ${request.agent.name}`}
        filters={[{ name: "state", label: "State", options: reachRequestState.options.map((state) => ({ value: state, label: requestWord[state] })) }]}
        columns={[
          { key: "who", title: "Who", cell: (request) => <span className="inline-flex items-center gap-2 font-medium">{request.requestedBy}{request.isYours && <Tag>you</Tag>}</span> },
          { key: "state", title: "State", sort: "state", cell: (request) => <RequestStateLabel state={request.state} /> },
          { key: "agent", title: "Agent", cell: (request) => <Link className="hover:underline" href={routes.agents.detail(request.agent.id)}>{request.agent.name}</Link> },
          { key: "service", title: "Service", cell: (request) => serviceText(request.service) },
          { key: "reason", title: "Why", cell: (request) => <span className="break-words">{request.reason}</span> },
          { key: "asked", title: "Asked", sort: "createdAt", cell: (request) => <Time at={request.createdAt} /> },
          { key: "decided", title: "Decided", cell: (request) => <Decided request={request} /> },
          { key: "rule", title: "Rule", isWideOnly: true, cell: (request) => <Link className="hover:underline" href={routes.reachRules.detail(request.rule.id)}>{request.rule.name}</Link> },
        ]}
        rowActions={(request) =>
          request.mayDecide ? (
            <Button size="small" onClick={() => setDecided(request)}>
              Decide request
            </Button>
          ) : null
        }
        empty={{ title: "No requests", why: "Where a reach rule asks for approval, callers ask with a reason and whoever may decides here.", action: <LinkButton href={routes.reachRules.list}>See reach rules</LinkButton>, docs: docs.reach }}
      />
      {decided && <DecideDialog request={decided} onClose={() => setDecided(undefined)} />}
    </>
  );
}

function Decided({ request }: { request: RequestRow }) {
  if (request.state === "open") return <span className="text-ink-3">until <Time at={request.expiresAt} /></span>;
  return (
    <span className="flex flex-col">
      <span>{request.decidedBy === null ? "by nobody in time" : <>by {request.decidedBy}{request.state === "approved" && <>, ends <Time at={request.expiresAt} /></>}</>}</span>
      {request.decisionNote !== "" && <span className="text-ink-3">{request.decisionNote}</span>}
    </span>
  );
}
