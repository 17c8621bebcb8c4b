"use client";
/** Pickers of the domain's objects: each searches its own list on the server. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { type ReactNode, useDeferredValue, useState } from "react";
import { routes } from "@/app/_nav/routes.ts";
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

/** Certificates with a key that a virtual service can present: imported ones, and those issued for services. The order chosen is the order of preference. */
export function ServiceCertificatePicker({ value, onChange, error }: Pick<Properties, "value" | "onChange" | "error">) {
  const { input, ...search } = useSearch();
  const list = useTRPC().certificate.list;
  const issued = useQuery(list.queryOptions({ ...input, purpose: "service" }, { placeholderData: keepPreviousData }));
  const imported = useQuery(list.queryOptions({ ...input, purpose: "imported" }, { placeholderData: keepPreviousData }));
  const rows = issued.data && imported.data ? [...issued.data.rows, ...imported.data.rows.filter((row) => row.hasKey)] : undefined;
  const none = <>There is no certificate with a key yet: <Link href={routes.certificates.issue} className="text-accent underline">issue one</Link> or <Link href={routes.certificates.import} className="text-accent underline">import one</Link> first.</>;
  return <Picker legend="Certificates" hint="Presented to clients: the first that fits the name they ask for, in the order chosen. Only certificates whose key is here." value={value} onChange={onChange} {...search} none={none} items={rows?.map((row) => ({ id: row.id, name: row.name || row.subject, note: row.names.slice(0, 2).join(", ") }))} total={(issued.data?.total ?? 0) + (rows?.filter((row) => row.purpose === "imported").length ?? 0)} error={error} />;
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
