"use client";
/** One reach rule: whom it lets into what, how many agents that concerns, and what is open through it now. */
import { PencilSimple, Power, Trash } from "@phosphor-icons/react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button, LinkButton } from "@/app/_ui/button.tsx";
import { ActionError } from "@/app/_ui/notice.tsx";
import { Columns, Facts, LinkList, PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
import { bytes } from "@/app/_ui/spark-line.tsx";
import { StateSentence } from "@/app/_ui/state.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { duration, Time } from "@/app/_ui/time.tsx";
import { confirm } from "@/app/_ui/toast.ts";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { History } from "../../_shared/history.tsx";
import { Loaded } from "../../_shared/loaded.tsx";
import { counted } from "../../_shared/service-words.tsx";
import { useMay } from "../../_shell/use-person.ts";

type Rule = Outputs["reachRule"]["get"];

export function ReachRuleDetailPage({ id }: { id: string }) {
  const rule = useQuery(useTRPC().reachRule.get.queryOptions({ id }));
  useTitle(rule.data?.name);
  return <Loaded query={rule}>{(data) => <RuleDetail rule={data} />}</Loaded>;
}

/** "Administrators, Ana Petrova": whom it lets in. */
function whoText(rule: Rule): string {
  return [...rule.who.roles.map((role) => `${role}s`), ...rule.people.map((person) => person.name), ...rule.apiKeys.map((key) => `API key ${key.name}`)].join(", ");
}

function RuleDetail({ rule }: { rule: Rule }) {
  const sentence = !rule.isEnabled
    ? "Disabled: it lets nobody in."
    : rule.agentCount === 0
      ? "Enabled, but its groups hold no agent: it opens nothing."
      : `Opens ${[...(rule.services.length > 0 ? [counted(rule.services.length, "service")] : []), ...(rule.scripts ? ["scripts"] : [])].join(" and ")} on ${counted(rule.agentCount, "agent")} to ${whoText(rule)}${rule.approval ? ", after an approval" : ""}.`;
  return (
    <>
      <PageHeader crumb={{ label: "Reach rules", href: routes.reachRules.list }} title={rule.name} actions={<RuleActions rule={rule} />} />
      <StateSentence tone={!rule.isEnabled ? "idle" : rule.agentCount === 0 ? "warn" : "ok"}>
        {sentence}
        <span className="block text-[13px] font-normal text-ink-2">{rule.openSessions === 0 ? "No session is open through it now." : `${counted(rule.openSessions, "session")} ${rule.openSessions === 1 ? "is" : "are"} open through it now.`}</span>
      </StateSentence>
      <Columns
        main={
          <>
            <Section title="Services it opens" isFlush>
              {rule.services.length === 0 ? (
                <p className="px-4 pb-4 text-[13px] text-ink-3">None: it allows scripts only.</p>
              ) : (
                <Table
                  caption="Services it opens"
                  rows={rule.services}
                  rowId={(service) => `${service.host} ${service.port}`}
                  rowName={(service) => service.name}
                  columns={[
                    { key: "name", title: "Service", cell: (service) => <span className="font-medium">{service.name}</span> },
                    { key: "host", title: "Address seen from the agent", cell: (service) => <code className="font-mono text-[12px]">{service.host}</code> },
                    { key: "port", title: "Port", isNumber: true, cell: (service) => service.port },
                  ]}
                />
              )}
            </Section>
            <History targetId={rule.id} />
          </>
        }
        side={
          <>
            <Section title="Groups">
              <LinkList items={rule.groups.map((group) => ({ ...group, href: routes.groups.detail(group.id) }))} none="None: it opens nothing." />
            </Section>
            <Section title="For whom">
              <Facts
                items={[
                  { label: "Roles", value: rule.who.roles.length === 0 ? "none" : rule.who.roles.join(", ") },
                  { label: "People", value: rule.people.length === 0 ? "none by name" : rule.people.map((person) => person.name).join(", ") },
                  { label: "API keys", value: rule.apiKeys.length === 0 ? "none" : rule.apiKeys.map((key) => key.name).join(", ") },
                ]}
              />
            </Section>
            <Section title="Settings">
              <Facts
                items={[
                  { label: "A session lasts", value: `at most ${duration(rule.sessionMinutes * 60_000)}` },
                  { label: "Approval", value: rule.approval ? `by ${rule.approval.roles.join(" or ")}, for ${duration(rule.approval.minutes * 60_000)}` : "not needed" },
                  { label: "Scripts", value: rule.scripts ? `as ${rule.scripts.users.join(", ")}; at most ${duration(rule.scripts.timeoutMaxSeconds * 1000)} and ${bytes(rule.scripts.outputMaxBytes)} of output` : "not allowed" },
                  { label: "Note", value: rule.note === "" ? "none" : rule.note },
                  { label: "Last changed", value: <Time at={rule.updatedAt} /> },
                ]}
              />
            </Section>
          </>
        }
      />
    </>
  );
}

function RuleActions({ rule }: { rule: Rule }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const router = useRouter();
  const stale = { onSettled: () => client.invalidateQueries(trpc.reachRule.pathFilter()) };
  const enable = useMutation(trpc.reachRule.setEnabled.mutationOptions({ ...stale, onSuccess: () => confirm(`Reach rule ${rule.name} enabled.`) }));
  const disable = useMutation(trpc.reachRule.setEnabled.mutationOptions(stale));
  const remove = useMutation(trpc.reachRule.remove.mutationOptions());
  const load = () => client.fetchQuery(trpc.reachRule.impact.queryOptions({ id: rule.id }, { staleTime: 0 }));
  if (!useMay("administer")) return null;
  return (
    <>
      {rule.isEnabled ? (
        <DangerAction label="Disable reach rule" look="secondary" icon={Power} title={`Disable reach rule ${rule.name}?`} name={rule.name} done={`Reach rule ${rule.name} disabled.`} load={async () => ({ ...(await load()), undo: "Enable it again; sessions that were ended are opened anew by their callers.", needsConfirmation: rule.openSessions > 0 })} run={() => disable.mutateAsync({ id: rule.id, isEnabled: false, version: rule.version })} />
      ) : (
        <Button icon={Power} isBusy={enable.isPending} onClick={() => enable.mutate({ id: rule.id, isEnabled: true, version: rule.version })}>
          Enable reach rule
        </Button>
      )}
      <LinkButton href={routes.reachRules.edit(rule.id)} icon={PencilSimple}>
        Change reach rule
      </LinkButton>
      <DangerAction label="Delete reach rule" icon={Trash} title={`Delete reach rule ${rule.name}?`} name={rule.name} done={`Reach rule ${rule.name} deleted.`} load={load} run={(confirmName) => remove.mutateAsync({ id: rule.id, confirmName })} onDone={() => router.push(routes.reachRules.list)} />
      <ActionError error={enable.error} />
    </>
  );
}
