"use client";
/** Pickers of the domain's objects: each searches its own list on the server. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type ReactNode, useDeferredValue, useState } from "react";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Picker, type PickItem } from "@/app/_ui/picker.tsx";

type Properties = { legend: string; hint?: ReactNode; error?: string | undefined; value: readonly string[]; onChange: (ids: string[]) => void; known?: PickItem[]; none?: ReactNode };

/** What was typed, and what the server is asked for. */
function useSearch() {
  const [search, onSearch] = useState("");
  return { search, onSearch, input: { search: useDeferredValue(search).slice(0, 200), pageSize: 50 } };
}

export function SitePicker({ none = "There is no site yet.", kind, ...rest }: Properties & { kind?: "intranet" | "internet" | undefined }) {
  const { input, ...search } = useSearch();
  const found = useQuery(useTRPC().site.list.queryOptions(kind ? { ...input, kind } : input, { placeholderData: keepPreviousData }));
  return <Picker {...rest} {...search} none={none} items={found.data?.rows.map((row) => ({ id: row.id, name: row.name, note: row.kind }))} total={found.data?.total ?? 0} />;
}

export function ServerPicker({ none = "There is no server yet.", ...rest }: Properties) {
  const { input, ...search } = useSearch();
  const found = useQuery(useTRPC().server.list.queryOptions(input, { placeholderData: keepPreviousData }));
  return <Picker {...rest} {...search} none={none} items={found.data?.rows.map((row) => ({ id: row.id, name: row.name, note: row.kind === "management" ? "management" : "site server" }))} total={found.data?.total ?? 0} />;
}

export function GatewayPicker({ none = "There is no gateway yet.", ...rest }: Properties) {
  const { input, ...search } = useSearch();
  const found = useQuery(useTRPC().gateway.list.queryOptions(input, { placeholderData: keepPreviousData }));
  return <Picker {...rest} {...search} none={none} items={found.data?.rows.map((row) => ({ id: row.id, name: row.name, note: row.publicNames[0] ?? "" }))} total={found.data?.total ?? 0} />;
}

export function GroupPicker({ none = "There is no group yet.", isStaticOnly = false, ...rest }: Properties & { isStaticOnly?: boolean }) {
  const { input, ...search } = useSearch();
  const found = useQuery(useTRPC().agentGroup.list.queryOptions(input, { placeholderData: keepPreviousData }));
  const rows = found.data?.rows.filter((row) => !isStaticOnly || row.kind === "static");
  const hidden = (found.data?.rows.length ?? 0) - (rows?.length ?? 0);
  return <Picker {...rest} {...search} none={none} items={rows?.map((row) => ({ id: row.id, name: row.name, note: `${row.agentCount} ${row.agentCount === 1 ? "agent" : "agents"}` }))} total={(found.data?.total ?? 0) - hidden} />;
}

export function AgentPicker({ none = "There is no agent yet.", ...rest }: Properties) {
  const { input, ...search } = useSearch();
  const found = useQuery(useTRPC().agent.list.queryOptions(input, { placeholderData: keepPreviousData }));
  return <Picker {...rest} {...search} none={none} items={found.data?.rows.map((row) => ({ id: row.id, name: row.hostname, note: row.state }))} total={found.data?.total ?? 0} />;
}
