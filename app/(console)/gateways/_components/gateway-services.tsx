"use client";
/** Virtual services that a gateway listens for. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Section } from "@/app/_ui/page.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { endpoint, modeWords, ServiceStateLabel } from "../../_shared/service-words.tsx";

export function GatewayServices({ gatewayId }: { gatewayId: string }) {
  const services = useQuery(useTRPC().virtualService.list.queryOptions({ gatewayId, pageSize: 50 }, { placeholderData: keepPreviousData }));
  if (!services.data || services.data.total === 0) return null;
  const { rows, total } = services.data;
  return (
    <Section title="Virtual services" hint={total > rows.length ? `${rows.length} of ${total}.` : undefined} actions={total > rows.length ? <Link className="text-[13px] text-accent hover:underline" href={`${routes.virtualServices.list}?gatewayId=${gatewayId}`}>All {total}</Link> : undefined} isFlush>
      <Table
        caption="Virtual services"
        rows={rows}
        rowId={(row) => row.id}
        rowName={(row) => row.name}
        rowHref={(row) => routes.virtualServices.detail(row.id)}
        columns={[
          { key: "name", title: "Name", cell: (row) => row.name },
          { key: "state", title: "State", cell: (row) => <ServiceStateLabel state={row.state} /> },
          { key: "where", title: "Listens on", cell: (row) => <span className="font-mono text-[12px]">{endpoint(row.address, row.port)}</span> },
          { key: "mode", title: "Mode", cell: (row) => modeWords[row.mode].label },
          { key: "connections", title: "Connections", isNumber: true, cell: (row) => row.connections.toLocaleString("en") },
        ]}
      />
    </Section>
  );
}
