"use client";
/** Tasks of one agent: run one now, and see how the last ones went. */
import { Play } from "@phosphor-icons/react";
import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { useState } from "react";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { LoadError, Skeleton } from "@/app/_ui/notice.tsx";
import { Section } from "@/app/_ui/page.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { taskKindWords, TaskStateLabel } from "../../_shared/reach-words.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { Outcome } from "../../tasks/_components/task-list-page.tsx";
import type { Agent } from "./agent-detail-page.tsx";
import { RunTaskDialog } from "./run-task-dialog.tsx";

export function AgentTasks({ agent }: { agent: Agent }) {
  const tasks = useQuery(useTRPC().task.list.queryOptions({ agentId: agent.id, pageSize: 25, sort: "createdAt", desc: true }, { refetchInterval: (query) => (query.state.data?.rows.some((row) => row.state === "running") ? 2_000 : false) }));
  const [isRunning, setRunning] = useState(false);
  const mayRun = useMay("operate") && agent.state !== "revoked" && agent.state !== "pending" && agent.state !== "unapproved";
  const actions = (
    <>
      {tasks.data && tasks.data.total > 5 && (
        <Link className="self-center text-[13px] text-accent hover:underline" href={routes.tasks.ofAgent(agent.id)}>
          All {tasks.data.total} tasks
        </Link>
      )}
      {mayRun && (
        <Button size="small" icon={Play} onClick={() => setRunning(true)}>
          Run task
        </Button>
      )}
    </>
  );
  return (
    <Section title="Tasks" actions={actions} isFlush>
      {!tasks.data ? (
        <div className="px-4 pb-4">{tasks.error ? <LoadError error={tasks.error} onRetry={() => void tasks.refetch()} /> : <Skeleton lines={3} />}</div>
      ) : tasks.data.rows.length === 0 ? (
        <p className="px-4 pb-4 text-[13px] text-ink-3">Nothing was asked of it yet.</p>
      ) : (
        <Table
          caption="Tasks"
          rows={tasks.data.rows.slice(0, 5)}
          rowId={(task) => task.id}
          rowName={(task) => taskKindWords[task.kind].label}
          rowHref={(task) => routes.tasks.detail(task.id)}
          columns={[
            { key: "kind", title: "Task", cell: (task) => taskKindWords[task.kind].label },
            { key: "state", title: "State", cell: (task) => <TaskStateLabel state={task.state} isCancelWanted={task.isCancelWanted} /> },
            { key: "progress", title: "How it goes", cell: (task) => <Outcome task={task} /> },
            { key: "created", title: "Asked", cell: (task) => <Time at={task.createdAt} /> },
            { key: "by", title: "By", isWideOnly: true, cell: (task) => task.createdBy },
          ]}
        />
      )}
      {isRunning && <RunTaskDialog agent={agent} onClose={() => setRunning(false)} />}
    </Section>
  );
}
