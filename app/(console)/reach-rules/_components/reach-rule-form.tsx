"use client";
/** Creating and changing a reach rule: which services, of which agents, for whom, for how long, and with whose approval. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import type { z } from "zod";
import { reachRuleCreate } from "@/contract/reach-objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { CheckField, NumberField, TextAreaField, TextField } from "@/app/_ui/fields.tsx";
import { Form, FormSection, showProblem } from "@/app/_ui/form.tsx";
import { PageHeader, useTitle } from "@/app/_ui/page.tsx";
import { type Draft, useDraft } from "@/app/_ui/use-draft.ts";
import { LoadedOnce } from "../../_shared/loaded.tsx";
import { GroupPicker } from "../../_shared/pickers.tsx";
import { useSaved } from "../../_shared/use-saved.ts";
import { ScriptFields } from "./script-fields.tsx";
import { ServiceFields } from "./service-fields.tsx";
import { RoleChecks, WhoFields } from "./who-fields.tsx";

export type RuleInput = z.input<typeof reachRuleCreate>;
type Values = z.output<typeof reachRuleCreate>;
type Rule = Outputs["reachRule"]["get"];

const fresh: RuleInput = { name: "", isEnabled: true, groupIds: [], services: [{ name: "ssh", host: "127.0.0.1", port: 22 }], who: { roles: ["owner", "administrator"], userIds: [], apiKeyIds: [] }, sessionMinutes: 480, approval: null, scripts: null, note: "" };
const labels = { name: "Name", groupIds: "Groups", services: "Service", who: "Who", sessionMinutes: "Session length", approval: "Approval", scripts: "Scripts", note: "Note" };

function RuleFields({ initial, own, submit, cancelHref, save }: { initial: RuleInput; own?: Rule; submit: string; cancelHref: string; save: (values: Values) => Promise<unknown> }) {
  const form = useForm<RuleInput, unknown, Values>({ resolver: zodResolver(reachRuleCreate), defaultValues: initial });
  const draft = useDraft(form);
  const saving = useMutation({ mutationFn: save, onError: (error) => showProblem(form, error) });
  const { values, set, errorOf } = draft;
  return (
    <Form errors={form.formState.errors} labels={labels} submit={submit} cancelHref={cancelHref} isBusy={saving.isPending} onSubmit={(event) => void form.handleSubmit((result) => saving.mutate(result))(event)}>
      <TextField label="Name" placeholder="Administrators to plant computers" value={values.name} onChange={(event) => set("name", event.target.value)} error={errorOf("name")} />
      <FormSection title="Of which agents">
        <GroupPicker legend="Groups" hint="Every agent of these groups. The agents get the list too, and refuse what is not on it, whoever asks." value={values.groupIds} onChange={(ids) => set("groupIds", ids)} known={own?.groups ?? []} error={errorOf("groupIds")} />
      </FormSection>
      <ServiceFields value={values.services ?? []} onChange={(services) => set("services", services)} errorOf={(path) => errorOf(`services${path}`)} />
      <FormSection title="For whom" hint="Any of these. Auditors read everything and reach nothing.">
        <WhoFields value={values.who ?? {}} onChange={(who) => set("who", who)} error={errorOf("who")} {...(own ? { people: own.people, apiKeys: own.apiKeys } : {})} />
      </FormSection>
      <FormSection title="How long, and with whose approval">
        <NumberField label="A session lasts at most (minutes)" min={1} max={10_080} hint={`Then it is ended, whatever runs in it. ${lengthText(values.sessionMinutes)}`} value={values.sessionMinutes} onChange={(minutes) => set("sessionMinutes", minutes ?? Number.NaN)} error={errorOf("sessionMinutes")} />
        <Approval draft={draft} />
      </FormSection>
      <ScriptFields value={values.scripts ?? null} onChange={(scripts) => set("scripts", scripts)} errorOf={(path) => errorOf(`scripts${path}`)} />
      <CheckField label="Enabled" hint="Disabling ends its open sessions and closes it for new ones; nothing else is lost." checked={values.isEnabled ?? true} onChange={(event) => set("isEnabled", event.target.checked)} />
      <TextAreaField label="Note" isOptional value={values.note ?? ""} onChange={(event) => set("note", event.target.value)} error={errorOf("note")} />
    </Form>
  );
}

function lengthText(minutes: number | undefined): string {
  if (minutes === undefined || Number.isNaN(minutes) || minutes < 60) return "";
  const hours = minutes / 60;
  return `${Number.isInteger(hours) ? "" : "About "}${hours >= 48 ? `${Math.round(hours / 24)} days` : `${Math.round(hours)} ${Math.round(hours) === 1 ? "hour" : "hours"}`}.`;
}

function Approval({ draft: { values, set, errorOf } }: { draft: Draft<RuleInput> }) {
  const approval = values.approval ?? null;
  return (
    <>
      <CheckField label="Each caller needs an approval first" hint="They ask with a reason; one of these roles decides. An approval ends by itself." checked={approval !== null} onChange={(event) => set("approval", event.target.checked ? { roles: ["owner", "administrator"], minutes: 480 } : null)} />
      {approval !== null && (
        <>
          <RoleChecks legend="Who may approve" value={approval.roles} onChange={(roles) => set("approval", { ...approval, roles })} error={errorOf("approval.roles")} />
          <NumberField label="An approval lasts (minutes)" min={1} max={43_200} value={approval.minutes ?? 480} onChange={(minutes) => set("approval", { ...approval, minutes: minutes ?? Number.NaN })} error={errorOf("approval.minutes")} hint={lengthText(approval.minutes)} />
        </>
      )}
    </>
  );
}

export function ReachRuleCreatePage() {
  const create = useMutation(useTRPC().reachRule.create.mutationOptions());
  const saved = useSaved();
  return (
    <>
      <PageHeader crumb={{ label: "Reach rules", href: routes.reachRules.list }} title="Create reach rule" purpose="Opens services on agents to people and programs, by identity and never by address." />
      <RuleFields initial={fresh} submit="Create reach rule" cancelHref={routes.reachRules.list} save={async (values) => {
        const { id } = await create.mutateAsync(values);
        saved(`Reach rule ${values.name} created.`, routes.reachRules.detail(id));
      }} />
    </>
  );
}

export function ReachRuleEditPage({ id }: { id: string }) {
  const rule = useQuery(useTRPC().reachRule.get.queryOptions({ id }, { refetchOnMount: "always" }));
  useTitle(rule.data && `Change ${rule.data.name}`);
  return <LoadedOnce query={rule}>{(data) => <RuleEdit rule={data} />}</LoadedOnce>;
}

function RuleEdit({ rule }: { rule: Rule }) {
  const update = useMutation(useTRPC().reachRule.update.mutationOptions());
  const saved = useSaved();
  const href = routes.reachRules.detail(rule.id);
  const { name, isEnabled, services, who, sessionMinutes, approval, scripts, note } = rule;
  return (
    <>
      <PageHeader crumb={{ label: name, href }} title={`Change ${name}`} purpose="Holds for new sessions at once. Open sessions that the rule no longer allows are ended." />
      <RuleFields own={rule} initial={{ name, isEnabled, services, who, sessionMinutes, approval, scripts, note, groupIds: rule.groups.map((group) => group.id) }} submit="Save reach rule" cancelHref={href} save={async (values) => {
        await update.mutateAsync({ ...values, id: rule.id, version: rule.version });
        saved(`Reach rule ${values.name} saved.`, href);
      }} />
    </>
  );
}
