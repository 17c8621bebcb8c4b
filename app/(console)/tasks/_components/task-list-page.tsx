"use client";
/** List of tasks: what was asked of which agent, and how it went. */
import { Plus } from "@phosphor-icons/react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { taskKind, taskState } from "@/contract/command.ts";
import { docs, routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { isTaskOver, taskKindWords, TaskStateLabel, taskWord } from "../../_shared/reach-words.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { Progress } from "./progress.tsx";
import { TaskTabs } from "./task-tabs.tsx";

export type TaskRow = Outputs["task"]["list"]["rows"][number];

export function TaskListPage() {
  const list = useListState({ sorts: ["createdAt", "state", "kind"], standard: "createdAt", standardDesc: true, choices: { state: taskState.options, kind: taskKind.options, agentId: "text", batchId: "text" } });
  const query = useQuery(useTRPC().task.list.queryOptions(list.input, { placeholderData: keepPreviousData }));
  const create = useRunOnGroups();
  return (
    <ListPage
      title="Tasks"
      purpose="What agents were asked to do, now or when they next appear. Each is carried out at most once."
      noun={["task", "tasks"]}
      action={create}
      above={<TaskTabs here="tasks" />}
      list={list}
      query={query}
      rowId={(task) => task.id}
      rowName={(task) => `${taskKindWords[task.kind].label} on ${task.agent.name}`}
      rowHref={(task) => routes.tasks.detail(task.id)}
      filters={[
        { name: "state", label: "State", options: taskState.options.map((state) => ({ value: state, label: taskWord[state] })) },
        { name: "kind", label: "Kind", options: taskKind.options.map((kind) => ({ value: kind, label: taskKindWords[kind].label })) },
      ]}
      columns={[
        { key: "kind", title: "Task", sort: "kind", cell: (task) => taskKindWords[task.kind].label },
        { key: "state", title: "State", sort: "state", cell: (task) => <TaskStateLabel state={task.state} isCancelWanted={task.isCancelWanted} /> },
        { key: "agent", title: "Agent", cell: (task) => <Link className="hover:underline" href={routes.agents.detail(task.agent.id)}>{task.agent.name}</Link> },
        { key: "progress", title: "How it goes", cell: (task) => <Outcome task={task} /> },
        { key: "created", title: "Asked", sort: "createdAt", cell: (task) => <Time at={task.createdAt} /> },
        { key: "by", title: "By", cell: (task) => task.createdBy },
        { key: "batch", title: "Batch", isWideOnly: true, cell: (task) => (task.batch ? <Link className="hover:underline" href={routes.tasks.batch(task.batch.id)}>{task.batch.name}</Link> : "") },
      ]}
      empty={{ title: "No tasks", why: "Collect inventory or logs, diagnose paths, rotate certificates, upgrade or restart agents: one from its page, or many over their groups.", action: create, docs: docs.tasks }}
    />
  );
}

export function useRunOnGroups() {
  return (
    useMay("operate") && (
      <LinkButton href={routes.tasks.create} look="primary" icon={Plus}>
        Run task on groups
      </LinkButton>
    )
  );
}

/** Progress while it runs; the agent's last sentence otherwise. */
export function Outcome({ task }: { task: Pick<TaskRow, "state" | "progress" | "message" | "expiresAt" | "agent" | "exitCode"> }) {
  if (task.state === "running" && task.progress !== null) return <Progress label={`Progress of the task on ${task.agent.name}`} percent={task.progress} />;
  if (task.message !== "") return <span className="break-words">{task.message}</span>;
  if (task.exitCode !== null && isTaskOver(task.state)) return <>exit code {task.exitCode}</>;
  if (task.state === "waiting") return <span className="text-ink-3">waits for the agent until <Time at={task.expiresAt} /></span>;
  if (isTaskOver(task.state)) return <span className="text-ink-3">{task.state === "rejected" ? "the agent would not do it" : ""}</span>;
  return <span className="text-ink-3">nothing said yet</span>;
}
