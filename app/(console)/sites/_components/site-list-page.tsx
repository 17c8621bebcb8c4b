"use client";
/** List of sites. */
import { Plus } from "@phosphor-icons/react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { docs, routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { Tag } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { useMay } from "../../_shell/use-person.ts";

export function SiteListPage() {
  const list = useListState({ sorts: ["name", "kind", "serverCount", "createdAt"], standard: "name", choices: { kind: ["intranet", "internet"] } });
  const query = useQuery(useTRPC().site.list.queryOptions(list.input, { placeholderData: keepPreviousData }));
  const create = useMay("administer") && (
    <LinkButton href={routes.sites.create} look="primary" icon={Plus}>
      Create site
    </LinkButton>
  );
  return (
    <ListPage
      title="Sites"
      purpose="Where agents are: an intranet site is a set of subnets, the internet site is everywhere else."
      noun={["site", "sites"]}
      action={create}
      list={list}
      query={query}
      rowId={(site) => site.id}
      rowName={(site) => site.name}
      rowHref={(site) => routes.sites.detail(site.id)}
      filters={[{ name: "kind", label: "Kind", options: [{ value: "intranet", label: "Intranet" }, { value: "internet", label: "Internet" }] }]}
      columns={[
        { key: "name", title: "Name", sort: "name", cell: (site) => site.name },
        { key: "kind", title: "Kind", sort: "kind", cell: (site) => <Tag>{site.kind}</Tag> },
        { key: "subnets", title: "Subnets", cell: (site) => <Subnets list={site.subnets} /> },
        { key: "servers", title: "Servers", sort: "serverCount", isNumber: true, cell: (site) => site.serverCount },
        { key: "createdAt", title: "Created", sort: "createdAt", isWideOnly: true, cell: (site) => <Time at={site.createdAt} /> },
      ]}
      empty={{ title: "No sites", why: "A site tells which agents are inside and which servers they use there. Start with one intranet site that holds your networks.", action: create, docs: docs.sites }}
    />
  );
}

function Subnets({ list }: { list: string[] }) {
  if (list.length === 0) return <span className="text-ink-3">none</span>;
  return (
    <span className="font-mono text-[12px]" title={list.join("\n")}>
      {list.slice(0, 3).join(", ")}
      {list.length > 3 && <span className="text-ink-3"> and {list.length - 3} more</span>}
    </span>
  );
}
