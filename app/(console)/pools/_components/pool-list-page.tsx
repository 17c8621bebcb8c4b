"use client";
/** List of pools. */
import { Plus } from "@phosphor-icons/react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { docs, routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { Tag } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { checkWords, schedulingWords, ServiceStateLabel } from "../../_shared/service-words.tsx";
import { useMay } from "../../_shell/use-person.ts";

export function PoolListPage() {
  const list = useListState({ sorts: ["name", "scheduling", "memberCount", "createdAt"], standard: "name" });
  const query = useQuery(useTRPC().pool.list.queryOptions(list.input, { placeholderData: keepPreviousData }));
  const create = useMay("administer") && (
    <LinkButton href={routes.pools.create} look="primary" icon={Plus}>
      Create pool
    </LinkButton>
  );
  return (
    <ListPage
      title="Pools"
      purpose="Servers that can serve the same thing, how one is chosen, and how a gateway finds out whether it works."
      noun={["pool", "pools"]}
      action={create}
      list={list}
      query={query}
      rowId={(pool) => pool.id}
      rowName={(pool) => pool.name}
      rowHref={(pool) => routes.pools.detail(pool.id)}
      columns={[
        { key: "name", title: "Name", sort: "name", cell: (pool) => pool.name },
        { key: "state", title: "State", cell: (pool) => <ServiceStateLabel state={pool.state} /> },
        { key: "members", title: "Members up", sort: "memberCount", isNumber: true, cell: (pool) => (pool.memberCount === 0 ? <span className="text-ink-3">no member</span> : `${pool.membersUp} of ${pool.memberCount}`) },
        { key: "scheduling", title: "Scheduling", sort: "scheduling", cell: (pool) => <span className="inline-flex flex-wrap items-center gap-x-2">{schedulingWords[pool.scheduling].label} {pool.isSessionBound && <Tag>session-bound</Tag>}</span> },
        { key: "check", title: "Check", cell: (pool) => checkWords[pool.checkKind as keyof typeof checkWords]?.label ?? pool.checkKind },
        { key: "services", title: "Services", isNumber: true, cell: (pool) => pool.serviceCount },
        { key: "createdAt", title: "Created", sort: "createdAt", isWideOnly: true, cell: (pool) => <Time at={pool.createdAt} /> },
      ]}
      empty={{ title: "No pools", why: "A pool lists the servers behind a virtual service and checks their health. It can serve several services.", action: create, docs: docs.pools }}
    />
  );
}
