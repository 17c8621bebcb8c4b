"use client";
/** One task: how it goes, what the agent says as it says it, and why it was not done when it was not. */
import { Prohibit } from "@phosphor-icons/react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { ActionError, Notice } from "@/app/_ui/notice.tsx";
import { Columns, Facts, PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
import { bytes } from "@/app/_ui/spark-line.tsx";
import { StateSentence } from "@/app/_ui/state.tsx";
import { duration, ExactTime, Time, useNow } from "@/app/_ui/time.tsx";
import { confirm } from "@/app/_ui/toast.ts";
import { Loaded } from "../../_shared/loaded.tsx";
import { isTaskOver, taskKindWords, taskTone } from "../../_shared/reach-words.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { Progress } from "./progress.tsx";
import { TaskFindings, TaskOutput } from "./task-output.tsx";

export type Task = Outputs["task"]["get"];

export function TaskDetailPage({ id }: { id: string }) {
  // Results come as events; while it runs it is asked for as well, so that output is never more than a second late.
  const task = useQuery(useTRPC().task.get.queryOptions({ id }, { refetchInterval: (query) => (query.state.data && isTaskOver(query.state.data.state) ? false : 1_000) }));
  useTitle(task.data && `${taskKindWords[task.data.kind].label} on ${task.data.agent.name}`);
  return <Loaded query={task}>{(data) => <TaskDetail task={data} />}</Loaded>;
}

function TaskDetail({ task }: { task: Task }) {
  return (
    <>
      <PageHeader crumb={{ label: "Tasks", href: routes.tasks.list }} title={`${taskKindWords[task.kind].label} on ${task.agent.name}`} actions={<CancelTask task={task} />} />
      <div className="flex flex-col gap-3">
        <TaskSentence task={task} />
        {task.rejection && (
          <Notice tone="fault" title={task.rejection.sentence}>
            {task.rejection.detail} {task.rejection.cure} <span className="text-ink-3">(code {task.rejection.code})</span>
          </Notice>
        )}
      </div>
      <Columns
        main={
          <>
            <TaskFindings task={task} />
            <TaskOutput task={task} />
            {task.order.kind === "run-script" && (
              <Section title="Script">
                <pre tabIndex={0} aria-label="Script" className="max-h-80 overflow-auto rounded-md border border-line bg-sunken p-3 font-mono text-[12.5px] leading-5">{task.order.script}</pre>
              </Section>
            )}
          </>
        }
        side={
          <Section title="Facts">
            <Facts
              items={[
                { label: "Agent", value: <Link className="text-accent hover:underline" href={routes.agents.detail(task.agent.id)}>{task.agent.name}</Link> },
                ...(task.batch ? [{ label: "Batch", value: <Link className="text-accent hover:underline" href={routes.tasks.batch(task.batch.id)}>{task.batch.name}</Link> }] : []),
                { label: "Asked by", value: task.createdBy },
                { label: "Asked", value: <ExactTime at={task.createdAt} /> },
                { label: "Given to it", value: task.sentAt ? <ExactTime at={task.sentAt} /> : "not yet" },
                { label: "Begun", value: task.startedAt ? <ExactTime at={task.startedAt} /> : "not yet" },
                { label: "Ended", value: task.endedAt ? <ExactTime at={task.endedAt} /> : "not yet" },
                { label: "Holds until", value: <ExactTime at={task.expiresAt} /> },
                ...(task.exitCode === null ? [] : [{ label: "Exit code", value: task.exitCode }]),
                ...(task.order.kind === "run-script" ? [{ label: "Runs as", value: task.order.user }, { label: "Limits", value: `${duration((task.order.timeoutSeconds ?? 300) * 1000)}, ${bytes(task.order.outputMaxBytes ?? 1_000_000)} of output` }] : []),
                { label: "Task id", value: <code className="font-mono text-[12px] break-all">{task.id}</code> },
              ]}
            />
          </Section>
        }
      />
    </>
  );
}

function TaskSentence({ task }: { task: Task }) {
  const now = useNow(1000);
  const ran = task.startedAt ? duration((task.endedAt ? Date.parse(task.endedAt) : now) - Date.parse(task.startedAt)) : null;
  const said = task.message === "" ? "" : ` ${task.message}${/[.!?]$/.test(task.message) ? "" : "."}`;
  const text = {
    waiting: `Waits for ${task.agent.name} to appear.`,
    sent: `Handed to ${task.agent.name}; it has not begun.`,
    running: `Running${ran ? ` for ${ran}` : ""}.${said}`,
    done: `Done${ran ? ` in ${ran}` : ""}.${said}`,
    failed: `Failed${ran ? ` after ${ran}` : ""}.${said}`,
    cancelled: `Cancelled.${said}`,
    expired: `Expired: ${task.agent.name} did not take it in time, and will not take it any more.`,
    rejected: `${task.agent.name} rejected it; nothing was done.`,
  }[task.state];
  return (
    <StateSentence tone={taskTone[task.state]} aside={task.state === "running" && task.progress !== null ? <Progress label="Progress" percent={task.progress} /> : undefined}>
      {task.isCancelWanted && !isTaskOver(task.state) ? `${text} Cancelling was asked for; the agent stops it as soon as it hears of it.` : text}
      <span className="block text-[13px] font-normal text-ink-2">
        {task.state === "waiting" || task.state === "sent" ? <>Expires <Time at={task.expiresAt} />. It is sealed for this agent alone and carried out at most once.</> : taskKindWords[task.kind].text}
      </span>
    </StateSentence>
  );
}

function CancelTask({ task }: { task: Task }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const cancel = useMutation(
    trpc.task.cancel.mutationOptions({
      onSuccess: () => {
        confirm(task.state === "waiting" ? "The task was cancelled." : "The agent is told to stop.");
        void client.invalidateQueries(trpc.task.pathFilter());
      },
    }),
  );
  if (!useMay("operate") || isTaskOver(task.state) || task.isCancelWanted) return null;
  return (
    <>
      <Button look="danger-quiet" icon={Prohibit} isBusy={cancel.isPending} onClick={() => cancel.mutate({ id: task.id })}>
        Cancel task
      </Button>
      <ActionError error={cancel.error} />
    </>
  );
}
