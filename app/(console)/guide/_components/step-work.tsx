"use client";
/** What one does in a step: the objects it needs, as they are now, and the shortest way to make them. */
import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import type { ReactNode } from "react";
import type { GuideStepId } from "@/contract/objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { CopyBlock } from "@/app/_ui/copy.tsx";
import { AgentStateLabel, EnabledLabel, GatewayStateLabel, ReadyLabel } from "../../_shared/states.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { QuickBundle } from "./quick-bundle.tsx";
import { QuickPolicy } from "./quick-policy.tsx";

const back = (href: string) => `${href}?from=guide`;

export function StepWork({ id }: { id: GuideStepId }) {
  switch (id) {
    case "direct-tls":
      return null;
    case "agent-site":
      return (
        <div>
          <LinkButton href={back(routes.settings.agentSite)}>Change agent site</LinkButton>
        </div>
      );
    case "gateway":
      return <GatewayWork />;
    case "servers":
      return <ServerWork />;
    case "policy":
      return <PolicyWork />;
    case "first-agent":
      return <AgentWork />;
    case "verify":
      return <VerifyWork />;
  }
}

function Objects({ items }: { items: { id: string; name: string; href: string; state: ReactNode }[] }) {
  if (items.length === 0) return null;
  return (
    <ul className="flex flex-col gap-1 text-[13px]">
      {items.map((item) => (
        <li key={item.id} className="flex flex-wrap items-center gap-x-3">
          <Link href={item.href} className="font-medium text-accent hover:underline">
            {item.name}
          </Link>
          {item.state}
        </li>
      ))}
    </ul>
  );
}

function GatewayWork() {
  const gateways = useQuery(useTRPC().gateway.list.queryOptions({ pageSize: 25 }));
  const mayCreate = useMay("administer");
  return (
    <>
      <Objects items={(gateways.data?.rows ?? []).map((gateway) => ({ id: gateway.id, name: gateway.name, href: routes.gateways.detail(gateway.id), state: <GatewayStateLabel state={gateway.state} /> }))} />
      {mayCreate && (
        <div className="flex flex-wrap gap-2">
          <LinkButton href={back(routes.gateways.create)}>Create gateway</LinkButton>
          {gateways.data?.rows[0] && <LinkButton href={routes.gateways.detail(gateways.data.rows[0].id)}>Install package of {gateways.data.rows[0].name}</LinkButton>}
        </div>
      )}
    </>
  );
}

function ServerWork() {
  const servers = useQuery(useTRPC().server.list.queryOptions({ pageSize: 25 }));
  const mayCreate = useMay("administer");
  return (
    <>
      <Objects items={(servers.data?.rows ?? []).map((server) => ({ id: server.id, name: server.name, href: routes.servers.detail(server.id), state: <><ReadyLabel readiness={server.readiness} /><span className="text-ink-3">{server.gatewayCount === 0 ? "assigned to no gateway" : `assigned to ${server.gatewayCount} ${server.gatewayCount === 1 ? "gateway" : "gateways"}`}</span></> }))} />
      {mayCreate && (
        <div className="flex flex-wrap gap-2">
          {servers.data?.rows.slice(0, 1).map((server) => (
            <LinkButton key={server.id} href={back(routes.servers.edit(server.id))}>
              Assign {server.name}
            </LinkButton>
          ))}
          <LinkButton href={back(routes.servers.create)}>Create server</LinkButton>
        </div>
      )}
    </>
  );
}

function PolicyWork() {
  const policies = useQuery(useTRPC().policy.list.queryOptions({ pageSize: 25 }));
  const mayCreate = useMay("administer");
  if (!policies.data) return null;
  return (
    <>
      <Objects items={policies.data.rows.map((policy) => ({ id: policy.id, name: policy.name, href: routes.policies.detail(policy.id), state: <EnabledLabel isEnabled={policy.isEnabled} /> }))} />
      {mayCreate && policies.data.total === 0 && <QuickPolicy />}
      {mayCreate && (
        <div>
          <LinkButton href={back(routes.policies.create)} look="quiet">
            Create policy with every setting
          </LinkButton>
        </div>
      )}
    </>
  );
}

function AgentWork() {
  const agents = useQuery(useTRPC().agent.list.queryOptions({ pageSize: 25, sort: "createdAt", desc: true }));
  const mayCreate = useMay("operate");
  return (
    <>
      {mayCreate && <QuickBundle />}
      <Objects items={(agents.data?.rows ?? []).slice(0, 5).map((agent) => ({ id: agent.id, name: agent.hostname, href: routes.agents.detail(agent.id), state: <AgentStateLabel state={agent.state} /> }))} />
    </>
  );
}

function VerifyWork() {
  const agents = useQuery(useTRPC().agent.list.queryOptions({ pageSize: 25, via: "gateway" }));
  return (
    <>
      <p className="text-[13px]">On the endpoint, ask the agent itself:</p>
      <CopyBlock text="sallyport-agent status" what="status command" />
      <Objects items={(agents.data?.rows ?? []).map((agent) => ({ id: agent.id, name: agent.hostname, href: routes.agents.detail(agent.id), state: <AgentStateLabel state={agent.state} /> }))} />
    </>
  );
}
