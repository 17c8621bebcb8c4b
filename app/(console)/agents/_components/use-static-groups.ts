"use client";
/** Ids of the static groups: only these can be given to an agent by hand. */
import { useQuery } from "@tanstack/react-query";
import { useTRPC } from "@/app/_trpc/client.tsx";

export function useStaticGroupIds(): ReadonlySet<string> | undefined {
  const groups = useQuery(useTRPC().agentGroup.list.queryOptions({ pageSize: 200 }));
  return groups.data && new Set(groups.data.rows.filter((group) => group.kind === "static").map((group) => group.id));
}
