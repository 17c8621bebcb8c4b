"use client";
/** Single tasks and batches over groups, as two tabs. */
import { useQuery } from "@tanstack/react-query";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Tabs } from "@/app/_ui/tabs.tsx";

export function TaskTabs({ here }: { here: "tasks" | "batches" }) {
  const running = useQuery(useTRPC().taskBatch.list.queryOptions({ state: "running", pageSize: 25 }));
  return (
    <Tabs
      label="Tasks and batches"
      tabs={[
        { label: "Tasks", href: routes.tasks.list, isHere: here === "tasks" },
        { label: "Batches", href: routes.tasks.batches, isHere: here === "batches", count: running.data?.total },
      ]}
    />
  );
}
