"use client";
/** One gateway: how it is, what it presents, what it serves, and how to install it. */
import { ArrowsClockwise, Package, PencilSimple, Trash } from "@phosphor-icons/react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { docs, routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button, LinkButton } from "@/app/_ui/button.tsx";
import { Fingerprint } from "@/app/_ui/copy.tsx";
import { ActionError, Notice } from "@/app/_ui/notice.tsx";
import { Columns, Facts, LinkList, PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
import { StateSentence } from "@/app/_ui/state.tsx";
import { duration, Time, useNow } from "@/app/_ui/time.tsx";
import { confirm } from "@/app/_ui/toast.ts";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { History } from "../../_shared/history.tsx";
import { Loaded } from "../../_shared/loaded.tsx";
import { counted, endpoint } from "../../_shared/service-words.tsx";
import { gatewayTone } from "../../_shared/states.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { GatewayLogs } from "./gateway-logs.tsx";
import { GatewayServices } from "./gateway-services.tsx";
import { EnginesTable, ListenersTable, ReachTable } from "./gateway-status.tsx";
import { FrontBalancer } from "./front-balancer.tsx";
import { PackageDialog } from "./package-dialog.tsx";

export type Gateway = Outputs["gateway"]["get"];

export function GatewayDetailPage({ id }: { id: string }) {
  const gateway = useQuery(useTRPC().gateway.get.queryOptions({ id }));
  useTitle(gateway.data?.name);
  return <Loaded query={gateway}>{(data) => <GatewayDetail gateway={data} />}</Loaded>;
}

function GatewayDetail({ gateway }: { gateway: Gateway }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const router = useRouter();
  const mayChange = useMay("administer");
  const [isPackaging, setPackaging] = useState(false);
  const remove = useMutation(trpc.gateway.remove.mutationOptions());
  const packageButton = (
    <Button icon={Package} look={gateway.state === "waiting" ? "primary" : "secondary"} onClick={() => setPackaging(true)}>
      Install package
    </Button>
  );
  return (
    <>
      <PageHeader
        crumb={{ label: "Gateways", href: routes.gateways.list }}
        title={gateway.name}
        actions={mayChange && (
          <>
            {packageButton}
            <LinkButton href={routes.gateways.edit(gateway.id)} icon={PencilSimple}>
              Change gateway
            </LinkButton>
            <DangerAction label="Delete gateway" icon={Trash} title={`Delete gateway ${gateway.name}?`} name={gateway.name} done={`Gateway ${gateway.name} deleted.`} load={() => client.fetchQuery(trpc.gateway.impact.queryOptions({ id: gateway.id }, { staleTime: 0 }))} run={(confirmName) => remove.mutateAsync({ id: gateway.id, confirmName })} onDone={() => router.push(routes.gateways.list)} />
          </>
        )}
      />
      <div className="flex flex-col gap-3">
        <GatewaySentence gateway={gateway} />
        {gateway.problems.length > 0 && (
          <Notice tone="fault" title={`Revision ${gateway.revision} was refused; it serves revision ${gateway.appliedRevision}.`}>
            <ul className="list-disc pl-5">
              {gateway.problems.map((problem) => (
                <li key={`${problem.path}-${problem.code}`}>
                  <code className="font-mono text-[12px]">{problem.path}</code>: {problem.message}
                </li>
              ))}
            </ul>
          </Notice>
        )}
        {gateway.clockSkewMs !== null && Math.abs(gateway.clockSkewMs) > 60_000 && <Notice tone="warn" title={`Its clock differs from the console's by ${duration(Math.abs(gateway.clockSkewMs))}.`}>Certificates are judged by it; correct the clock on the gateway's machine.</Notice>}
      </div>
      <Columns
        main={
          <>
            <Presented gateway={gateway} />
            <ReachTable gateway={gateway} />
            <ListenersTable gateway={gateway} />
            <GatewayServices gatewayId={gateway.id} />
            <EnginesTable gateway={gateway} />
            <FrontBalancer gateway={gateway} />
            <Settings gateway={gateway} />
            <GatewayLogs id={gateway.id} isForwarding={gateway.forwardLogs} />
            <History targetId={gateway.id} />
          </>
        }
        side={
          <>
            <Section title="Servers it forwards to">
              <LinkList items={gateway.servers.map((server) => ({ ...server, href: routes.servers.detail(server.id) }))} none="None: every CONNECT is refused." />
            </Section>
            <Section title="Policies that use it">
              <LinkList items={gateway.policies.map((policy) => ({ ...policy, href: routes.policies.detail(policy.id) }))} none="No policy sends agents here." />
            </Section>
            <Section title="Refused connections">
              <Link className="text-[13px] text-accent hover:underline" href={routes.refusals.ofGateway(gateway.id)}>
                Refusals of this gateway
              </Link>
            </Section>
          </>
        }
      />
      {isPackaging && <PackageDialog gateway={gateway} onClose={() => setPackaging(false)} />}
    </>
  );
}

function GatewaySentence({ gateway }: { gateway: Gateway }) {
  const now = useNow();
  const since = gateway.connectedSince ? duration(now - Date.parse(gateway.connectedSince)) : null;
  const tunnels = `${counted(gateway.tunnels, "tunnel")}${gateway.channels > 0 ? ` and ${counted(gateway.channels, "channel")}` : ""}`;
  const text = {
    waiting: "Waiting to enrol: install its package and start it.",
    connected: `Connected${since ? ` for ${since}` : ""}, serving revision ${gateway.appliedRevision} with ${tunnels}.`,
    "refused-snapshot": `Connected, but refused revision ${gateway.revision}; it goes on serving revision ${gateway.appliedRevision} with ${tunnels}.`,
    draining: `Draining: takes no new tunnels and ends its ${tunnels}.`,
    disconnected: "No control connection. It goes on serving its last good revision; changes reach it when it is back.",
  }[gateway.state];
  return (
    <StateSentence tone={gatewayTone[gateway.state]}>
      {text}
      {gateway.lastSeenAt && (
        <span className="block text-[13px] font-normal text-ink-2">
          Last seen <Time at={gateway.lastSeenAt} />
          {gateway.version && `, version ${gateway.version}`}
        </span>
      )}
    </StateSentence>
  );
}

function Presented({ gateway }: { gateway: Gateway }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const mayChange = useMay("administer");
  const renew = useMutation(
    trpc.gateway.renewCertificate.mutationOptions({
      onSuccess: () => {
        confirm("A new certificate was asked for. Update the pins of its policies when it arrives.");
        void client.invalidateQueries(trpc.gateway.pathFilter());
      },
    }),
  );
  const kind = gateway.certificate.kind;
  return (
    <Section
      title="Certificate it presents"
      hint={kind === "self-signed" ? "Self-signed; its key never leaves the gateway." : kind === "ca-issued" ? "Issued by this organisation's CA; its key never leaves the gateway." : "Imported."}
      actions={mayChange && kind !== "imported" && gateway.presented && <DangerAction label="Renew certificate" look="secondary" size="small" icon={ArrowsClockwise} title={`Renew the certificate of ${gateway.name}?`} name={gateway.name} done="A new certificate was asked for." load={() => Promise.resolve({ agentsAffected: 0, needsConfirmation: gateway.policies.length > 0, blockers: [], lines: gateway.policies.map((policy) => `Policy ${policy.name} pins the present fingerprint; its agents are refused here until the new one is added.`), undo: "The old key is gone after the change; add the new fingerprint to the policies instead." })} run={() => renew.mutateAsync({ id: gateway.id })} />}
    >
      {gateway.presented ? (
        <Facts
          items={[
            { label: "SHA-256 fingerprint (pin)", value: <Fingerprint hex={gateway.presented.fingerprint} name="SHA-256 fingerprint" /> },
            { label: "SHA-1 thumbprint", value: <Fingerprint hex={gateway.presented.thumbprintSha1} name="SHA-1 thumbprint" /> },
            { label: "Subject", value: gateway.presented.subject },
            { label: "Valid until", value: <Time at={gateway.presented.notAfter} /> },
            { label: "", value: <Link className="text-accent hover:underline" href={routes.certificates.detail(gateway.presented.certificateId)}>Show certificate</Link> },
          ]}
        />
      ) : (
        <p className="text-[13px] text-ink-3">Known once the gateway has enrolled and its listener accepts.</p>
      )}
      <ActionError error={renew.error} />
    </Section>
  );
}

function Settings({ gateway }: { gateway: Gateway }) {
  return (
    <Section title="Settings">
      <Facts
        items={[
          { label: "Public names", value: gateway.publicNames.length === 0 ? "none" : <span className="font-mono text-[12.5px]">{gateway.publicNames.join(", ")}</span> },
          { label: "Public port", value: gateway.publicPort },
          { label: "Load balancer in front", value: gateway.isBehindLoadBalancer ? "yes" : "no" },
          { label: "Inside listener", value: gateway.inside ? <span className="font-mono text-[12.5px]">{gateway.inside.names.map((name) => endpoint(name, gateway.inside?.port ?? 0)).join(", ")}</span> : "none: agents cannot be reached through it" },
          { label: "Drain deadline", value: `${gateway.drainTimeoutSeconds} s` },
          { label: "FIPS algorithms only", value: gateway.isFipsOnly ? "yes" : "no" },
          { label: "Service account", value: <code className="font-mono text-[12.5px]">{gateway.serviceAccount}</code> },
          { label: "Log forwarding", value: gateway.logForwarding.detail },
          { label: "Note", value: gateway.note === "" ? "none" : gateway.note },
          { label: "Last changed", value: <Time at={gateway.updatedAt} /> },
          { label: "Documentation", value: <a className="text-accent hover:underline" href={docs.gateways} target="_blank" rel="noreferrer">Running a gateway</a> },
        ]}
      />
    </Section>
  );
}
