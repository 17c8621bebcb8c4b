"use client";
/** One server: is it ready, which gateways reach it, its certificate. */
import { ArrowClockwise, Certificate, PencilSimple, Trash } from "@phosphor-icons/react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button, LinkButton } from "@/app/_ui/button.tsx";
import { Fingerprint } from "@/app/_ui/copy.tsx";
import { ActionError } from "@/app/_ui/notice.tsx";
import { Columns, Facts, LinkList, PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
import { State, StateSentence } from "@/app/_ui/state.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { History } from "../../_shared/history.tsx";
import { Loaded } from "../../_shared/loaded.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { IssueDialog } from "./issue-dialog.tsx";

export function ServerDetailPage({ id }: { id: string }) {
  const server = useQuery(useTRPC().server.get.queryOptions({ id }));
  useTitle(server.data?.name);
  return <Loaded query={server}>{(data) => <ServerDetail server={data} />}</Loaded>;
}

type Server = Outputs["server"]["get"];

function ServerDetail({ server }: { server: Server }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const router = useRouter();
  const mayChange = useMay("administer");
  const remove = useMutation(trpc.server.remove.mutationOptions());
  const [isIssuing, setIssuing] = useState(false);
  return (
    <>
      <PageHeader
        crumb={{ label: "Servers", href: routes.servers.list }}
        title={server.name}
        actions={mayChange && (
          <>
            <LinkButton href={routes.servers.edit(server.id)} icon={PencilSimple}>
              Change server
            </LinkButton>
            {!server.isAgentSite && (
              <Button icon={Certificate} onClick={() => setIssuing(true)}>
                Issue certificate
              </Button>
            )}
            {!server.isAgentSite && <DangerAction label="Delete server" icon={Trash} title={`Delete server ${server.name}?`} name={server.name} done={`Server ${server.name} deleted.`} load={() => client.fetchQuery(trpc.server.impact.queryOptions({ id: server.id }, { staleTime: 0 }))} run={(confirmName) => remove.mutateAsync({ id: server.id, confirmName })} onDone={() => router.push(routes.servers.list)} />}
          </>
        )}
      />
      <Readiness server={server} />
      <Columns
        main={
          <>
            <Reach server={server} />
            <Section title="Settings">
              <Facts
                items={[
                  { label: "Kind", value: server.isAgentSite ? "Agent site of this console (management server)" : server.kind === "management" ? "Management server" : "Site server" },
                  { label: "Names", value: <span className="font-mono text-[12.5px]">{server.names.join(", ")}</span> },
                  { label: "Ports", value: <span className="font-mono text-[12.5px]">{server.ports.join(", ")}</span> },
                  { label: "Addresses to dial", value: server.addresses.length === 0 ? "the gateway resolves the name" : <span className="font-mono text-[12.5px]">{server.addresses.join(", ")}</span> },
                  ...(server.kind === "site" ? [{ label: "Certificate", value: server.installCertificate ? "issued by this organisation's CA" : "a third party's" }] : []),
                  { label: "Note", value: server.note === "" ? "none" : server.note },
                  { label: "Last changed", value: <Time at={server.updatedAt} /> },
                ]}
              />
            </Section>
            <History targetId={server.id} />
          </>
        }
        side={
          <>
            <Section title="Sites it serves">
              <LinkList items={server.sites.map((site) => ({ id: site.id, name: site.name, href: routes.sites.detail(site.id), note: site.kind }))} none="Assigned to no site." />
            </Section>
            <Section title="Gateways that forward to it">
              <LinkList items={server.gateways.map((gateway) => ({ id: gateway.id, name: gateway.name, href: routes.gateways.detail(gateway.id) }))} none="No gateway forwards to it: agents outside cannot reach it." />
            </Section>
          </>
        }
      />
      {isIssuing && <IssueDialog serverId={server.id} onClose={() => setIssuing(false)} />}
    </>
  );
}

function Readiness({ server }: { server: Server }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const mayCheck = useMay("operate");
  const check = useMutation(trpc.server.checkReadiness.mutationOptions({ onSettled: () => client.invalidateQueries(trpc.server.pathFilter()) }));
  const { readiness } = server;
  return (
    <div className="flex flex-col gap-2">
      <StateSentence
        tone={readiness.checkedAt === null ? "idle" : readiness.isReady ? "ok" : "fault"}
        aside={mayCheck && (
          <Button size="small" icon={ArrowClockwise} isBusy={check.isPending} onClick={() => check.mutate({ id: server.id })}>
            Check now
          </Button>
        )}
      >
        {readiness.checkedAt === null ? "Binding and certificate were not checked yet." : readiness.isReady ? "Ready: the binding answers and its certificate fits." : `Not ready: ${readiness.detail}`}
        {readiness.checkedAt !== null && (
          <span className="block text-[13px] font-normal text-ink-2">
            Checked <Time at={readiness.checkedAt} /> from {readiness.from}. {readiness.isReady && readiness.detail}
          </span>
        )}
      </StateSentence>
      {readiness.fingerprint && (
        <div className="flex flex-wrap items-start gap-x-2 px-4 text-[13px]">
          <span className="pt-0.5 text-ink-3">Presents SHA-256</span>
          <Fingerprint hex={readiness.fingerprint} name="SHA-256 fingerprint" />
        </div>
      )}
      <ActionError error={check.error} />
    </div>
  );
}

function Reach({ server }: { server: Server }) {
  return (
    <Section title="Reached from gateways" hint="Each gateway dials the server on its own, whether or not an agent asks." isFlush>
      {server.reach.length === 0 ? (
        <p className="px-4 pb-4 text-[13px] text-ink-3">No gateway has reported yet.</p>
      ) : (
        <Table
          caption="Reached from gateways"
          rows={server.reach}
          rowId={(row) => row.gateway.id}
          rowName={(row) => row.gateway.name}
          columns={[
            { key: "gateway", title: "Gateway", cell: (row) => <Link className="font-medium hover:underline" href={routes.gateways.detail(row.gateway.id)}>{row.gateway.name}</Link> },
            { key: "state", title: "State", cell: (row) => (row.isReachable ? <State tone="ok">Reached</State> : <State tone="fault">Not reached</State>) },
            { key: "detail", title: "Detail", cell: (row) => row.detail },
            { key: "at", title: "Checked", cell: (row) => <Time at={row.checkedAt} /> },
          ]}
        />
      )}
    </Section>
  );
}
