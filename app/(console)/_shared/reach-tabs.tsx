"use client";
/** Sessions, and the requests that somebody has to decide, as two tabs of one matter. */
import { useQuery } from "@tanstack/react-query";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Tabs } from "@/app/_ui/tabs.tsx";

export function ReachTabs({ here }: { here: "sessions" | "requests" }) {
  const open = useQuery(useTRPC().reachRequest.list.queryOptions({ state: "open", pageSize: 25 }));
  return (
    <Tabs
      label="Sessions and requests"
      tabs={[
        { label: "Sessions", href: routes.reachSessions, isHere: here === "sessions" },
        { label: "Requests", href: routes.reachRequests, isHere: here === "requests", count: open.data?.total },
      ]}
    />
  );
}
