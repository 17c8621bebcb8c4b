"use client";
/** Sessions of reverse access: who reached what, when, how much went through, and why it ended. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { useState } from "react";
import { reachSessionState } from "@/contract/reach.ts";
import { docs, routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { bytes } from "@/app/_ui/spark-line.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { EndSession } from "../../_shared/end-session.tsx";
import { ReachTabs } from "../../_shared/reach-tabs.tsx";
import { serviceText, SessionStateLabel, sessionWord } from "../../_shared/reach-words.tsx";
import { SessionDialog } from "./session-dialog.tsx";

export type SessionRow = Outputs["reachSession"]["list"]["rows"][number];

export function ReachSessionListPage() {
  const list = useListState({ sorts: ["createdAt", "state", "bytes"], standard: "createdAt", standardDesc: true, choices: { state: reachSessionState.options, agentId: "text" } });
  const query = useQuery(useTRPC().reachSession.list.queryOptions(list.input, { placeholderData: keepPreviousData, refetchInterval: 10_000 }));
  const [shown, setShown] = useState<SessionRow>();
  return (
    <>
      <ListPage
        title="Sessions"
        purpose="Every connection into an agent's computer: who, what, when, how much, and why it ended."
        noun={["session", "sessions"]}
        above={<ReachTabs here="sessions" />}
        list={list}
        query={query}
        rowId={(session) => session.id}
        rowName={(session) => `${session.actor.name} to ${session.agent.name}`}
        filters={[{ name: "state", label: "State", options: reachSessionState.options.map((state) => ({ value: state, label: sessionWord[state] })) }]}
        columns={[
          {
            key: "who",
            title: "Who",
            cell: (session) => (
              <button type="button" onClick={() => setShown(session)} className="text-left font-medium hover:text-accent hover:underline">
                {session.actor.name}
                {session.actor.kind === "api-key" && <span className="font-normal text-ink-3"> (API key)</span>}
              </button>
            ),
          },
          { key: "state", title: "State", sort: "state", cell: (session) => <SessionStateLabel state={session.state} /> },
          { key: "agent", title: "Agent", cell: (session) => <Link className="hover:underline" href={routes.agents.detail(session.agent.id)}>{session.agent.name}</Link> },
          { key: "service", title: "Service", cell: (session) => serviceText(session.service) },
          { key: "at", title: "When", sort: "createdAt", cell: (session) => <Time at={session.openedAt ?? session.createdAt} /> },
          { key: "bytes", title: "Up, down", sort: "bytes", isNumber: true, cell: (session) => <span className="whitespace-nowrap">{bytes(session.bytesUp)}, {bytes(session.bytesDown)}</span> },
          { key: "end", title: "Why it ended", cell: (session) => session.endReason ?? <span className="text-ink-3">{session.endedAt === null ? "has not" : "not said"}</span> },
        ]}
        rowActions={(session) => (session.state === "open" || session.state === "granted" ? <EndSession session={session} /> : null)}
        empty={{ title: "No sessions", why: "When somebody reaches a service on an agent, it appears here, and in the audit with its end.", action: <LinkButton href={routes.reachRules.list}>See reach rules</LinkButton>, docs: docs.reach }}
      />
      {shown && <SessionDialog session={query.data?.rows.find((row) => row.id === shown.id) ?? shown} onClose={() => setShown(undefined)} />}
    </>
  );
}
