"use client";
/** One virtual service: how it is, how it serves, what runs through it, what was found, and how it is set. */
import { PencilSimple, Power, Trash } from "@phosphor-icons/react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { endsTls } from "@/contract/virtual-service.ts";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button, LinkButton } from "@/app/_ui/button.tsx";
import { ActionError } from "@/app/_ui/notice.tsx";
import { Columns, LinkList, PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
import { State, StateSentence } from "@/app/_ui/state.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { confirm } from "@/app/_ui/toast.ts";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { FindingList } from "../../_shared/findings.tsx";
import { History } from "../../_shared/history.tsx";
import { Loaded } from "../../_shared/loaded.tsx";
import { serviceTone } from "../../_shared/service-words.tsx";
import { type SheetFormat, SheetSection } from "../../_shared/sheet.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { MembersTable } from "../../pools/_components/members-table.tsx";
import { NameTarget } from "./name-target.tsx";
import { isListening, ServiceDiagram } from "./service-diagram.tsx";
import { ServiceFacts } from "./service-facts.tsx";
import { ServiceNumbers } from "./service-numbers.tsx";
import type { ServiceDetail } from "./service-values.ts";

export function ServiceDetailPage({ id }: { id: string }) {
  const service = useQuery(useTRPC().virtualService.get.queryOptions({ id }, { refetchInterval: 5_000 }));
  useTitle(service.data?.name);
  return <Loaded query={service}>{(data) => <Detail service={data} />}</Loaded>;
}

function Detail({ service }: { service: ServiceDetail }) {
  const trpc = useTRPC();
  const stats = useQuery(trpc.virtualService.stats.queryOptions({ id: service.id }, { refetchInterval: 2_000 }));
  const connections = stats.data?.load.connections ?? service.connections;
  return (
    <>
      <PageHeader crumb={{ label: "Virtual services", href: routes.virtualServices.list }} title={service.name} actions={<Actions service={service} />} />
      <StateSentence tone={serviceTone[service.state]}>{service.cause}</StateSentence>
      <div className="mt-4 flex flex-col gap-4">
        <ServiceDiagram service={service} connections={connections} />
        <ServiceNumbers stats={stats.data} answeredAt={stats.dataUpdatedAt} isHttp={service.protocol === "http"} />
        <MembersTable pool={service.poolDetail} title="Members, as a table" hint={<>Of pool <Link className="text-accent underline" href={routes.pools.detail(service.pool.id)}>{service.pool.name}</Link>, where their health history is. Shares are of new sessions, as things stand now.</>} />
      </div>
      <Columns
        main={
          <>
            <Findings service={service} />
            <Listeners service={service} />
            <Sheet service={service} />
            <History targetId={service.id} />
          </>
        }
        side={
          <>
            {endsTls(service.mode) && (
              <Section title="Certificates">
                <LinkList items={service.certificates.map((certificate) => ({ id: certificate.id, name: certificate.name, href: routes.certificates.detail(certificate.id), note: <>{certificate.names.join(", ")}, until <Time at={certificate.notAfter} /></> }))} none="None: no client can connect." />
              </Section>
            )}
            <NameTarget service={service} />
            <Section title="Settings">
              <ServiceFacts service={service} />
            </Section>
          </>
        }
      />
    </>
  );
}

function Actions({ service }: { service: ServiceDetail }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const router = useRouter();
  const mayChange = useMay("administer");
  const remove = useMutation(trpc.virtualService.remove.mutationOptions());
  const setEnabled = useMutation(trpc.virtualService.setEnabled.mutationOptions({ onSettled: () => client.invalidateQueries(trpc.virtualService.pathFilter()) }));
  const load = () => client.fetchQuery(trpc.virtualService.impact.queryOptions({ id: service.id }, { staleTime: 0 }));
  if (!mayChange) return null;
  return (
    <>
      {service.isEnabled ? (
        <DangerAction label="Disable service" icon={Power} look="secondary" title={`Disable virtual service ${service.name}?`} name={service.name} done={`Virtual service ${service.name} disabled.`} load={load} run={(confirmName) => setEnabled.mutateAsync({ id: service.id, isEnabled: false, version: service.version, confirmName })} />
      ) : (
        <Button icon={Power} look="primary" isBusy={setEnabled.isPending} onClick={() => setEnabled.mutate({ id: service.id, isEnabled: true, version: service.version }, { onSuccess: () => confirm(`Virtual service ${service.name} enabled.`) })}>
          Enable service
        </Button>
      )}
      <LinkButton href={routes.virtualServices.edit(service.id)} icon={PencilSimple}>
        Change service
      </LinkButton>
      <DangerAction label="Delete service" icon={Trash} title={`Delete virtual service ${service.name}?`} name={service.name} done={`Virtual service ${service.name} deleted.`} load={load} run={(confirmName) => remove.mutateAsync({ id: service.id, confirmName })} onDone={() => router.push(routes.virtualServices.list)} />
      {!service.isEnabled && <ActionError error={setEnabled.error} />}
    </>
  );
}

function Findings({ service }: { service: ServiceDetail }) {
  return (
    <Section title="Findings" hint="What works today and hurts tomorrow, and what hurts now.">
      {service.findings.length === 0 ? <p className="text-[13px]"><State tone="ok">Nothing found</State></p> : <FindingList findings={service.findings} />}
    </Section>
  );
}

const listenerWord: Record<string, string> = { new: "On its way", bound: "Listening", accepting: "Listening", full: "Full", draining: "Draining", closed: "Closed", refused: "Refused", disabled: "Disabled", "not-connected": "Not connected" };

function Listeners({ service }: { service: ServiceDetail }) {
  return (
    <Section title="Listeners" hint="What each gateway says of it." isFlush>
      {service.listeners.length === 0 ? (
        <p className="px-4 pb-4 text-[13px]"><State tone="warn">On no gateway: nobody can connect</State></p>
      ) : (
        <Table
          caption="Listeners"
          rows={service.listeners}
          rowId={(row) => row.gateway.id}
          rowName={(row) => row.gateway.name}
          columns={[
            { key: "gateway", title: "Gateway", cell: (row) => <Link className="font-medium hover:underline" href={routes.gateways.detail(row.gateway.id)}>{row.gateway.name}</Link> },
            { key: "state", title: "State", cell: (row) => <State tone={row.state === "refused" ? "fault" : isListening(row.state) ? "ok" : row.state === "new" ? "working" : row.state === "disabled" ? "idle" : "warn"}>{listenerWord[row.state] ?? row.state}</State> },
            { key: "problem", title: "Problem", cell: (row) => row.problem ?? <span className="text-ink-3">none</span> },
          ]}
        />
      )}
    </Section>
  );
}

function Sheet({ service }: { service: ServiceDetail }) {
  const [format, setFormat] = useState<SheetFormat | null>(null);
  const query = useQuery(useTRPC().virtualService.sheet.queryOptions({ id: service.id, format: format ?? "neutral" }, { enabled: format !== null }));
  return <SheetSection title="Settings for another balancer" hint="The same service elsewhere: as a sheet to type from, or as a ready configuration." id="service" format={format} onFormat={setFormat} query={query} />;
}
