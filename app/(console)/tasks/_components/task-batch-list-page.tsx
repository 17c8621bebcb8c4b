"use client";
/** List of batches: one task over groups. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { taskBatchState } from "@/contract/task-objects.ts";
import { docs, routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { BatchStateLabel, batchWord, taskKindWords } from "../../_shared/reach-words.tsx";
import { batchCounts } from "./batch-counts.ts";
import { useRunOnGroups } from "./task-list-page.tsx";
import { TaskTabs } from "./task-tabs.tsx";

export function TaskBatchListPage() {
  const list = useListState({ sorts: ["createdAt", "name", "state"], standard: "createdAt", standardDesc: true, choices: { state: taskBatchState.options } });
  const query = useQuery(useTRPC().taskBatch.list.queryOptions(list.input, { placeholderData: keepPreviousData }));
  const create = useRunOnGroups();
  return (
    <ListPage
      title="Batches"
      purpose="One task over groups: a few agents at once, and it halts by itself when too many fail."
      noun={["batch", "batches"]}
      action={create}
      above={<TaskTabs here="batches" />}
      list={list}
      query={query}
      rowId={(batch) => batch.id}
      rowName={(batch) => batch.name}
      rowHref={(batch) => routes.tasks.batch(batch.id)}
      filters={[{ name: "state", label: "State", options: taskBatchState.options.map((state) => ({ value: state, label: batchWord[state] })) }]}
      columns={[
        { key: "name", title: "Name", sort: "name", cell: (batch) => batch.name },
        { key: "state", title: "State", sort: "state", cell: (batch) => <BatchStateLabel state={batch.state} /> },
        { key: "kind", title: "Task", cell: (batch) => taskKindWords[batch.kind].label },
        { key: "progress", title: "Agents", cell: (batch) => countsText(batch) },
        { key: "halt", title: "Why it halted", cell: (batch) => batch.haltReason ?? "" },
        { key: "created", title: "Begun", sort: "createdAt", cell: (batch) => <Time at={batch.createdAt} /> },
        { key: "by", title: "By", isWideOnly: true, cell: (batch) => batch.createdBy },
      ]}
      empty={{ title: "No batches", why: "Run a task over the agents of groups: only so many at once, and no further when more than a share of them fails.", action: create, docs: docs.tasks }}
    />
  );
}

/** "180 of 200 done, 3 failed". */
export function countsText(batch: Parameters<typeof batchCounts>[0]): string {
  const { done, failed, total } = batchCounts(batch);
  return `${done} of ${total} done${failed > 0 ? `, ${failed} failed` : ""}`;
}
