"use client";
/** One policy: whom it covers, through which gateways, and whether these can be reached as written. */
import { ArrowClockwise, PencilSimple, Power, Trash } from "@phosphor-icons/react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button, LinkButton } from "@/app/_ui/button.tsx";
import { Fingerprint } from "@/app/_ui/copy.tsx";
import { ActionError } from "@/app/_ui/notice.tsx";
import { Columns, Facts, LinkList, PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
import { State, StateSentence } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { confirm } from "@/app/_ui/toast.ts";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { History } from "../../_shared/history.tsx";
import { Loaded } from "../../_shared/loaded.tsx";
import { useMay } from "../../_shell/use-person.ts";

type Policy = Outputs["policy"]["get"];

export function PolicyDetailPage({ id }: { id: string }) {
  const policy = useQuery(useTRPC().policy.get.queryOptions({ id }));
  useTitle(policy.data?.name);
  return <Loaded query={policy}>{(data) => <PolicyDetail policy={data} />}</Loaded>;
}

function PolicyDetail({ policy }: { policy: Policy }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const router = useRouter();
  const mayChange = useMay("administer");
  const remove = useMutation(trpc.policy.remove.mutationOptions());
  const setEnabled = useMutation(trpc.policy.setEnabled.mutationOptions({ onSettled: () => client.invalidateQueries(trpc.policy.pathFilter()) }));
  const load = () => client.fetchQuery(trpc.policy.impact.queryOptions({ id: policy.id }, { staleTime: 0 }));
  const agents = `${policy.agentCount} ${policy.agentCount === 1 ? "agent" : "agents"}`;
  return (
    <>
      <PageHeader
        crumb={{ label: "Policies", href: routes.policies.list }}
        title={policy.name}
        actions={mayChange && (
          <>
            {policy.isEnabled ? (
              <DangerAction label="Disable policy" icon={Power} look="secondary" title={`Disable policy ${policy.name}?`} name={policy.name} done={`Policy ${policy.name} disabled.`} load={load} run={(confirmName) => setEnabled.mutateAsync({ id: policy.id, isEnabled: false, version: policy.version, confirmName })} />
            ) : (
              <Button icon={Power} look="primary" isBusy={setEnabled.isPending} onClick={() => setEnabled.mutate({ id: policy.id, isEnabled: true, version: policy.version }, { onSuccess: () => confirm(`Policy ${policy.name} enabled.`) })}>
                Enable policy
              </Button>
            )}
            <LinkButton href={routes.policies.edit(policy.id)} icon={PencilSimple}>
              Change policy
            </LinkButton>
            <DangerAction label="Delete policy" icon={Trash} title={`Delete policy ${policy.name}?`} name={policy.name} done={`Policy ${policy.name} deleted.`} load={load} run={(confirmName) => remove.mutateAsync({ id: policy.id, confirmName })} onDone={() => router.push(routes.policies.list)} />
          </>
        )}
      />
      <StateSentence tone={!policy.isEnabled ? "idle" : policy.gateways.length === 0 || policy.groups.length === 0 ? "warn" : "ok"}>
        {!policy.isEnabled
          ? `Disabled: its ${agents} get no gateway from it.`
          : policy.groups.length === 0
            ? "Enabled, but it targets no group, so no agent gets it."
            : policy.gateways.length === 0
              ? `Enabled for ${agents}, but it names no gateway: they work on the LAN only.`
              : `Enabled: ${agents} may come in through ${policy.gateways.map((gateway) => gateway.name).join(", then ")}.`}
      </StateSentence>
      {!policy.isEnabled && <ActionError error={setEnabled.error} />}
      <Columns
        main={
          <>
            <GatewayChecks policy={policy} />
            <Section title="Settings">
              <Facts
                items={[
                  { label: "Request proxy", value: policy.requestProxy ? <code className="font-mono text-[12.5px]">{policy.requestProxy.host}:{policy.requestProxy.port}</code> : "none" },
                  { label: "Channel proxy", value: policy.channelProxy ? <code className="font-mono text-[12.5px]">{policy.channelProxy.host}:{policy.channelProxy.port}</code> : "none" },
                  { label: "Note", value: policy.note === "" ? "none" : policy.note },
                  { label: "Last changed", value: <Time at={policy.updatedAt} /> },
                ]}
              />
            </Section>
            <History targetId={policy.id} />
          </>
        }
        side={
          <Section title="Target groups">
            <LinkList items={policy.groups.map((group) => ({ id: group.id, name: group.name, href: routes.groups.detail(group.id), note: `${group.agentCount} ${group.agentCount === 1 ? "agent" : "agents"}` }))} none="No group: no agent gets this policy." />
          </Section>
        }
      />
    </>
  );
}

function GatewayChecks({ policy }: { policy: Policy }) {
  const check = useMutation(useTRPC().policy.check.mutationOptions());
  const mayCheck = useMay("operate");
  const results = new Map(check.data?.map((result) => [result.gatewayId, result]));
  return (
    <Section
      title="Gateways, in order"
      hint="A check resolves each name, dials the port and compares what is presented with the pins."
      actions={mayCheck && policy.gateways.length > 0 && (
        <Button size="small" icon={ArrowClockwise} isBusy={check.isPending} onClick={() => check.mutate({ id: policy.id })}>
          Check now
        </Button>
      )}
    >
      <ActionError error={check.error} />
      {policy.gateways.length === 0 && <p className="text-[13px] text-ink-3">None.</p>}
      <ol className="flex flex-col divide-y divide-line">
        {policy.gateways.map((gateway, index) => {
          const result = results.get(gateway.gatewayId);
          const isStale = gateway.currentFingerprint !== null && !gateway.pins.includes(gateway.currentFingerprint);
          return (
            <li key={`${gateway.fqdn}:${gateway.port}`} className="flex flex-col gap-1.5 py-3 first:pt-0 last:pb-0">
              <p className="flex flex-wrap items-baseline gap-x-2">
                <span className="tabular text-ink-3">{index + 1}.</span>
                <Link href={routes.gateways.detail(gateway.gatewayId)} className="font-medium text-accent hover:underline">
                  {gateway.name}
                </Link>
                <code className="font-mono text-[12.5px]">
                  {gateway.fqdn}:{gateway.port}
                </code>
                {gateway.currentFingerprint === null ? <State tone="idle">Not reported yet</State> : isStale ? <State tone="fault">Pin does not fit</State> : <State tone="ok">Pin fits</State>}
              </p>
              {gateway.pins.map((pin) => (
                <Fingerprint key={pin} hex={pin} name="pin" compareTo={isStale ? gateway.currentFingerprint : null} />
              ))}
              {isStale && gateway.currentFingerprint && (
                <p className="text-[13px] text-ink-2">
                  It presents <Fingerprint hex={gateway.currentFingerprint} name="presented fingerprint" compareTo={gateway.pins[0] ?? null} />
                </p>
              )}
              {result && (
                <p className="text-[13px]">
                  <State tone={result.resolves && result.answers && result.pinFits ? "ok" : "fault"}>{result.resolves && result.answers && result.pinFits ? "Checked: reachable, pin fits" : "Checked: not as written"}</State>
                  <span className="block text-ink-2">{result.detail}</span>
                </p>
              )}
            </li>
          );
        })}
      </ol>
    </Section>
  );
}
