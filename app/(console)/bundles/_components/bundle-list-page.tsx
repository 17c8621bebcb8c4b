"use client";
/** List of offline bundles. */
import { Plus } from "@phosphor-icons/react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { bundleState } from "@/contract/objects.ts";
import { docs, routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { BundleStateLabel, bundleWord } from "../../_shared/states.tsx";
import { useMay } from "../../_shell/use-person.ts";

export function BundleListPage() {
  const list = useListState({ sorts: ["name", "createdAt", "expiresAt"], standard: "createdAt", standardDesc: true, choices: { state: bundleState.options } });
  const query = useQuery(useTRPC().bundle.list.queryOptions(list.input, { placeholderData: keepPreviousData }));
  const create = useMay("operate") && (
    <LinkButton href={routes.bundles.create} look="primary" icon={Plus}>
      Create bundle
    </LinkButton>
  );
  return (
    <ListPage
      title="Bundles"
      purpose="Signed offline installers: an agent installed from one can enrol from anywhere, through the gateway."
      noun={["bundle", "bundles"]}
      action={create}
      list={list}
      query={query}
      rowId={(bundle) => bundle.id}
      rowName={(bundle) => bundle.name}
      rowHref={(bundle) => routes.bundles.detail(bundle.id)}
      filters={[{ name: "state", label: "State", options: bundleState.options.map((state) => ({ value: state, label: bundleWord[state] })) }]}
      columns={[
        { key: "name", title: "Name", sort: "name", cell: (bundle) => bundle.name },
        { key: "state", title: "State", cell: (bundle) => <BundleStateLabel state={bundle.state} /> },
        { key: "uses", title: "Used", isNumber: true, cell: (bundle) => `${bundle.uses} of ${bundle.usesMax}` },
        { key: "expires", title: "Expires", sort: "expiresAt", cell: (bundle) => <Time at={bundle.expiresAt} /> },
        { key: "groups", title: "Groups", cell: (bundle) => bundle.groups.map((group) => group.name).join(", ") },
        { key: "platform", title: "Platform", isWideOnly: true, cell: (bundle) => bundle.platform },
        { key: "by", title: "Created by", isWideOnly: true, cell: (bundle) => bundle.createdBy },
        { key: "created", title: "Created", sort: "createdAt", isWideOnly: true, cell: (bundle) => <Time at={bundle.createdAt} /> },
      ]}
      empty={{ title: "No bundles", why: "A bundle holds agent, policy, CA, pins and a one-time token. Hand it to people outside: it installs without a network and needs no VPN.", action: create, docs: docs.bundles }}
    />
  );
}
