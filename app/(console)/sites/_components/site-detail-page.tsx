"use client";
/** One site: what it holds and which servers serve it. */
import { PencilSimple, Trash } from "@phosphor-icons/react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { Columns, Facts, LinkList, PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
import { StateSentence } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { History } from "../../_shared/history.tsx";
import { Loaded } from "../../_shared/loaded.tsx";
import { useMay } from "../../_shell/use-person.ts";

export function SiteDetailPage({ id }: { id: string }) {
  const site = useQuery(useTRPC().site.get.queryOptions({ id }));
  useTitle(site.data?.name);
  return <Loaded query={site}>{(data) => <SiteDetail site={data} />}</Loaded>;
}

function SiteDetail({ site }: { site: Outputs["site"]["get"] }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const router = useRouter();
  const remove = useMutation(trpc.site.remove.mutationOptions());
  const mayChange = useMay("administer");
  const isEmpty = site.servers.length === 0;
  return (
    <>
      <PageHeader
        crumb={{ label: "Sites", href: routes.sites.list }}
        title={site.name}
        actions={mayChange && (
          <>
            <LinkButton href={routes.sites.edit(site.id)} icon={PencilSimple}>
              Change site
            </LinkButton>
            <DangerAction label="Delete site" icon={Trash} title={`Delete site ${site.name}?`} name={site.name} done={`Site ${site.name} deleted.`} load={() => client.fetchQuery(trpc.site.impact.queryOptions({ id: site.id }, { staleTime: 0 }))} run={(confirmName) => remove.mutateAsync({ id: site.id, confirmName })} onDone={() => router.push(routes.sites.list)} />
          </>
        )}
      />
      <StateSentence tone={isEmpty && site.kind === "intranet" ? "warn" : "ok"}>
        {site.kind === "internet" ? "Holds every agent that is on no intranet site." : `${site.subnets.length === 0 ? "Has no subnets yet" : `Holds ${site.subnets.length} ${site.subnets.length === 1 ? "subnet" : "subnets"}`}, served by ${site.servers.length === 0 ? "no server" : `${site.servers.length} ${site.servers.length === 1 ? "server" : "servers"}`}.`}
      </StateSentence>
      <Columns
        main={
          <>
            <Section title="Settings">
              <Facts
                items={[
                  { label: "Kind", value: site.kind === "intranet" ? "Intranet" : "Internet" },
                  { label: "Subnets", value: site.subnets.length === 0 ? "none" : <ul className="font-mono text-[12.5px]">{site.subnets.map((subnet) => <li key={subnet}>{subnet}</li>)}</ul> },
                  { label: "Note", value: site.note === "" ? "none" : site.note },
                  { label: "Created", value: <Time at={site.createdAt} /> },
                  { label: "Last changed", value: <Time at={site.updatedAt} /> },
                ]}
              />
            </Section>
            <History targetId={site.id} />
          </>
        }
        side={
          <Section title="Servers of this site">
            <LinkList items={site.servers.map((server) => ({ id: server.id, name: server.name, href: routes.servers.detail(server.id), note: server.kind === "management" ? "management" : "site server" }))} none="No server is assigned to this site." />
          </Section>
        }
      />
    </>
  );
}
