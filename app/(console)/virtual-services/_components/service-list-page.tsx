"use client";
/** List of virtual services, with the switch for many at once. */
import { Plus, Power, Prohibit } from "@phosphor-icons/react";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { serviceModes } from "@/contract/virtual-service.ts";
import { docs, routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { counted, endpoint, modeWords, ServiceStateLabel } from "../../_shared/service-words.tsx";
import { useMay } from "../../_shell/use-person.ts";

type ServiceRow = Outputs["virtualService"]["list"]["rows"][number];

export function ServiceListPage() {
  const trpc = useTRPC();
  const list = useListState({ sorts: ["name", "mode", "port", "createdAt"], standard: "name", choices: { mode: serviceModes, gatewayId: "text", poolId: "text" } });
  const query = useQuery(trpc.virtualService.list.queryOptions(list.input, { placeholderData: keepPreviousData, refetchInterval: 5_000 }));
  const gateways = useQuery(trpc.gateway.list.queryOptions({ pageSize: 200 }));
  const pools = useQuery(trpc.pool.list.queryOptions({ pageSize: 200 }));
  const mayChange = useMay("administer");
  const create = mayChange && (
    <LinkButton href={routes.virtualServices.create} look="primary" icon={Plus}>
      Create virtual service
    </LinkButton>
  );
  return (
    <ListPage
      title="Virtual services"
      purpose="What clients connect to: an address, a port and names on your gateways, with a pool of servers behind."
      noun={["virtual service", "virtual services"]}
      action={create}
      list={list}
      query={query}
      rowId={(service) => service.id}
      rowName={(service) => service.name}
      rowHref={(service) => routes.virtualServices.detail(service.id)}
      filters={[
        { name: "mode", label: "Mode", options: serviceModes.map((mode) => ({ value: mode, label: modeWords[mode].label })) },
        { name: "gatewayId", label: "Gateway", options: (gateways.data?.rows ?? []).map((gateway) => ({ value: gateway.id, label: gateway.name })) },
        { name: "poolId", label: "Pool", options: (pools.data?.rows ?? []).map((pool) => ({ value: pool.id, label: pool.name })) },
      ]}
      columns={[
        { key: "name", title: "Name", sort: "name", cell: (service) => service.name },
        { key: "state", title: "State", cell: (service) => <span title={service.cause}><ServiceStateLabel state={service.state} /></span> },
        { key: "where", title: "Clients connect to", sort: "port", cell: (service) => <Where service={service} /> },
        { key: "mode", title: "Mode", sort: "mode", cell: (service) => <span className="whitespace-nowrap">{modeWords[service.mode].label}{service.protocol === "http" && <span className="text-ink-3">, HTTP</span>}</span> },
        { key: "pool", title: "Pool, members up", cell: (service) => <span>{service.pool.name} <span className="tabular whitespace-nowrap text-ink-3">{service.membersUp} of {service.memberCount}</span></span> },
        { key: "gateways", title: "Gateways", isWideOnly: true, cell: (service) => (service.gateways.length === 0 ? <span className="text-ink-3">none</span> : service.gateways.length <= 2 ? service.gateways.map((gateway) => gateway.name).join(", ") : <span title={service.gateways.map((gateway) => gateway.name).join("\n")}>{service.gateways.length} gateways</span>) },
        { key: "connections", title: "Connections", isNumber: true, cell: (service) => service.connections.toLocaleString("en") },
      ]}
      {...(mayChange ? { bulk: (selected: ServiceRow[], clear: () => void) => <BulkActions selected={selected} onDone={clear} /> } : {})}
      empty={{ title: "No virtual services", why: "A virtual service is what clients connect to on a gateway. It chooses a server of its pool for each of them, and leaves out the ones that are down.", action: create, docs: docs.virtualServices }}
    />
  );
}

function Where({ service }: { service: ServiceRow }) {
  const [first, ...rest] = service.serverNames;
  return (
    <span className="block min-w-0 font-mono text-[12px]" title={service.serverNames.join("\n")}>
      {first ?? (service.mode === "tcp" ? "" : <span className="font-sans text-ink-3">every name</span>)}
      {rest.length > 0 && <span className="font-sans text-ink-3"> and {rest.length} more</span>} <span className="whitespace-nowrap text-ink-2">{service.address === "::" ? `port ${service.port}` : endpoint(service.address, service.port)}</span>
    </span>
  );
}

function BulkActions({ selected, onDone }: { selected: ServiceRow[]; onDone: () => void }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const setEnabled = useMutation(trpc.virtualService.setEnabled.mutationOptions());
  const switchTo = async (services: ServiceRow[], isEnabled: boolean) => {
    try {
      for (const { id, name } of services) {
        const { version } = await client.fetchQuery(trpc.virtualService.get.queryOptions({ id }, { staleTime: 0 }));
        await setEnabled.mutateAsync({ id, isEnabled, version, confirmName: name });
      }
    } finally {
      await client.invalidateQueries(trpc.virtualService.pathFilter());
    }
  };
  return ([true, false] as const).map((isEnabled) => {
    const concerned = selected.filter((service) => service.isEnabled !== isEnabled);
    const verb = isEnabled ? "Enable" : "Disable";
    const count = counted(concerned.length, "virtual service");
    return (
      <DangerAction
        key={verb}
        label={`${verb} ${count}`}
        look={isEnabled ? "secondary" : "danger-quiet"}
        size="small"
        icon={isEnabled ? Power : Prohibit}
        title={`${verb} ${count}?`}
        name={`${verb.toLowerCase()} ${concerned.length}`}
        done={`${count} ${isEnabled ? "enabled" : "disabled"}.`}
        onDone={onDone}
        load={() =>
          Promise.resolve({
            agentsAffected: 0,
            lines: concerned.slice(0, 20).map((service) => (isEnabled ? `${service.name} takes clients on port ${service.port}` : `${service.name}, ${counted(service.connections, "connection")} now`)),
            blockers: concerned.length === 0 ? [`All selected services are ${isEnabled ? "enabled" : "disabled"} already.`] : [],
            undo: `${isEnabled ? "Disable" : "Enable"} them again here.`,
            needsConfirmation: !isEnabled && concerned.length > 0,
          })
        }
        run={() => switchTo(concerned, isEnabled)}
      />
    );
  });
}
