"use client";
/** One batch: how far it is, what fails, why it halted. */
import { Prohibit } from "@phosphor-icons/react";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useState } from "react";
import type { TaskState } from "@/contract/command.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { LoadError, Skeleton } from "@/app/_ui/notice.tsx";
import { Columns, Facts, LinkList, PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
import { StateSentence } from "@/app/_ui/state.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { duration, Time, useNow } from "@/app/_ui/time.tsx";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { Loaded } from "../../_shared/loaded.tsx";
import { batchTone, taskKindWords, TaskStateLabel, taskWord } from "../../_shared/reach-words.tsx";
import { counted } from "../../_shared/service-words.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { BatchBar } from "./batch-bar.tsx";
import { batchCounts } from "./batch-counts.ts";
import { Outcome } from "./task-list-page.tsx";

type Batch = Outputs["taskBatch"]["get"];

export function TaskBatchDetailPage({ id }: { id: string }) {
  const batch = useQuery(useTRPC().taskBatch.get.queryOptions({ id }, { refetchInterval: (query) => (query.state.data?.state === "running" ? 2_000 : false) }));
  useTitle(batch.data?.name);
  return <Loaded query={batch}>{(data) => <BatchDetail batch={data} />}</Loaded>;
}

function BatchDetail({ batch }: { batch: Batch }) {
  return (
    <>
      <PageHeader crumb={{ label: "Batches", href: routes.tasks.batches }} title={batch.name} actions={<CancelBatch batch={batch} />} />
      <BatchSentence batch={batch} />
      <Columns
        main={
          <>
            <Section title="Agents">
              <BatchBar batch={batch} />
            </Section>
            <BatchTasks batch={batch} />
          </>
        }
        side={
          <>
            <Section title="Groups">
              <LinkList items={batch.groups.map((group) => ({ ...group, href: routes.groups.detail(group.id) }))} none="None: its agents were chosen one by one." />
            </Section>
            <Section title="Settings">
              <Facts
                items={[
                  { label: "Task", value: taskKindWords[batch.kind].label },
                  { label: "At once", value: counted(batch.concurrency, "agent") },
                  { label: "Halts when", value: `more than ${batch.haltAtFailurePercent} % failed, of five at least` },
                  { label: "Begun", value: <><Time at={batch.createdAt} /> by {batch.createdBy}</> },
                  { label: "Ended", value: <Time at={batch.endedAt} never="not yet" /> },
                ]}
              />
            </Section>
          </>
        }
      />
    </>
  );
}

function BatchSentence({ batch }: { batch: Batch }) {
  const now = useNow(5000);
  const counts = batchCounts(batch);
  const lasted = duration((batch.endedAt ? Date.parse(batch.endedAt) : now) - Date.parse(batch.createdAt));
  const failed = counts.failed === 0 ? "none failed" : `${counts.failed} failed`;
  const text = {
    running: `Running for ${lasted}: ${counts.done} of ${counted(batch.total, "agent")} done, ${failed}.`,
    done: `Done in ${lasted}: ${counts.done} of ${counted(batch.total, "agent")}, ${failed}.`,
    halted: `Halted after ${lasted}: ${batch.haltReason ?? "too many failed"}.`,
    cancelled: `Cancelled after ${lasted}: ${counts.done} of ${counted(batch.total, "agent")} were done.`,
  }[batch.state];
  return (
    <StateSentence tone={batch.state === "done" && counts.failed > 0 ? "warn" : batchTone[batch.state]}>
      {text.replace(/\.\.$/, ".")}
      {batch.state === "halted" && <span className="block text-[13px] font-normal text-ink-2">No further agent gets it. Those that have it already finish. Look at what failed below, then run it again over the rest.</span>}
    </StateSentence>
  );
}

function BatchTasks({ batch }: { batch: Batch }) {
  const trpc = useTRPC();
  const [state, setState] = useState<TaskState | null>(null);
  const [page, setPage] = useState(1);
  const tasks = useQuery(trpc.task.list.queryOptions({ batchId: batch.id, sort: "state", pageSize: 50, page, ...(state === null ? {} : { state }) }, { placeholderData: keepPreviousData, refetchInterval: batch.state === "running" ? 4_000 : false }));
  const choose = (next: TaskState | null) => {
    setState(next);
    setPage(1);
  };
  const present = (Object.keys(taskWord) as TaskState[]).filter((name) => (batch.counts[name] ?? 0) > 0);
  return (
    <Section title="Tasks" isFlush>
      <div role="group" aria-label="Show tasks" className="flex flex-wrap gap-2 px-4 pb-3">
        <Button size="small" look={state === null ? "primary" : "secondary"} aria-pressed={state === null} onClick={() => choose(null)}>
          All
        </Button>
        {present.map((name) => (
          <Button key={name} size="small" look={state === name ? "primary" : "secondary"} aria-pressed={state === name} onClick={() => choose(name)}>
            {taskWord[name]} {batch.counts[name]}
          </Button>
        ))}
      </div>
      {!tasks.data ? (
        <div className="px-4 pb-4">{tasks.error ? <LoadError error={tasks.error} onRetry={() => void tasks.refetch()} /> : <Skeleton lines={4} />}</div>
      ) : tasks.data.rows.length === 0 ? (
        <p className="px-4 pb-4 text-[13px] text-ink-3">None given out yet.</p>
      ) : (
        <>
          <Table
            caption="Tasks"
            rows={tasks.data.rows}
            rowId={(task) => task.id}
            rowName={(task) => task.agent.name}
            rowHref={(task) => routes.tasks.detail(task.id)}
            columns={[
              { key: "agent", title: "Agent", cell: (task) => task.agent.name },
              { key: "state", title: "State", cell: (task) => <TaskStateLabel state={task.state} isCancelWanted={task.isCancelWanted} /> },
              { key: "progress", title: "How it goes", cell: (task) => <Outcome task={task} /> },
              { key: "ended", title: "Ended", cell: (task) => <Time at={task.endedAt} never="not yet" /> },
            ]}
          />
          {tasks.data.total > 50 && (
            <div className="flex items-center justify-end gap-2 border-t border-line px-4 py-2 text-[13px] text-ink-3">
              <Button size="small" disabled={page === 1} onClick={() => setPage(page - 1)}>Previous</Button>
              Page {page} of {Math.ceil(tasks.data.total / 50)}
              <Button size="small" disabled={page >= Math.ceil(tasks.data.total / 50)} onClick={() => setPage(page + 1)}>Next</Button>
            </div>
          )}
        </>
      )}
      <p className="border-t border-line px-4 py-2 text-[13px]">
        <Link className="text-accent hover:underline" href={`${routes.tasks.list}?batchId=${batch.id}`}>
          All tasks of this batch
        </Link>
      </p>
    </Section>
  );
}

function CancelBatch({ batch }: { batch: Batch }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const cancel = useMutation(trpc.taskBatch.cancel.mutationOptions({ onSettled: () => Promise.all([client.invalidateQueries(trpc.taskBatch.pathFilter()), client.invalidateQueries(trpc.task.pathFilter())]) }));
  if (!useMay("operate") || batch.state !== "running") return null;
  const { running, waiting } = batchCounts(batch);
  return <DangerAction label="Cancel batch" icon={Prohibit} title={`Cancel batch ${batch.name}?`} name={batch.name} done={`Batch ${batch.name} cancelled.`} load={() => Promise.resolve({ agentsAffected: 0, lines: [`${counted(waiting, "agent")} that ${waiting === 1 ? "waits" : "wait"} will not get it.`, `${counted(running, "agent")} ${running === 1 ? "has" : "have"} it now and ${running === 1 ? "is" : "are"} told to stop.`], blockers: [], undo: "What is done stays done; run the task again over the rest.", needsConfirmation: false })} run={() => cancel.mutateAsync({ id: batch.id })} />;
}
