"use client";
/** Creating and changing an agent group: static members, or a rule with a live preview of whom it matches. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Controller, type UseFormReturn, useForm } from "react-hook-form";
import type { z } from "zod";
import { agentGroupCreate } from "@/contract/objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { RadioField, TextAreaField, TextField } from "@/app/_ui/fields.tsx";
import { errorAt, Form, FormSection, showProblem } from "@/app/_ui/form.tsx";
import { Notice } from "@/app/_ui/notice.tsx";
import { PageHeader, useTitle } from "@/app/_ui/page.tsx";
import { LoadedOnce } from "../../_shared/loaded.tsx";
import { AgentPicker } from "../../_shared/pickers.tsx";
import { useSaved } from "../../_shared/use-saved.ts";
import { RuleFields } from "./rule-fields.tsx";

export type GroupInput = z.input<typeof agentGroupCreate>;
type Values = z.output<typeof agentGroupCreate>;
export type GroupForm = UseFormReturn<GroupInput, unknown, Values>;

const labels = { name: "Name", kind: "Kind", rule: "Rule", agentIds: "Members", note: "Note" };

function GroupFields({ initial, known, submit, cancelHref, save }: { initial: GroupInput; known: { id: string; name: string }[]; submit: string; cancelHref: string; save: (values: Values) => Promise<unknown> }) {
  const form = useForm<GroupInput, unknown, Values>({ resolver: zodResolver(agentGroupCreate), defaultValues: initial });
  const saving = useMutation({ mutationFn: save, onError: (error) => showProblem(form, error) });
  const { errors } = form.formState;
  const kind = form.watch("kind");
  const choose = (next: "static" | "dynamic") => {
    form.setValue("kind", next);
    form.setValue("rule", next === "dynamic" ? { match: "all", conditions: [{ field: "hostname", operator: "starts-with", value: "" }] } : null);
    form.setValue("agentIds", []);
  };
  return (
    <Form errors={errors} labels={labels} submit={submit} cancelHref={cancelHref} isBusy={saving.isPending} onSubmit={(event) => void form.handleSubmit((values) => saving.mutate(values))(event)}>
      <TextField label="Name" placeholder="Field staff" error={errors.name?.message} {...form.register("name")} />
      <RadioField legend="Kind" name="kind" value={kind} onChange={choose} error={errors.kind?.message} options={[
        { value: "static", label: "Static", hint: "Members are chosen here, on an agent's page, or by an enrolment token or bundle." },
        { value: "dynamic", label: "By rule", hint: "Members follow from what agents report; they come and go on their own." },
      ]} />
      {kind === "static" ? (
        <FormSection title="Members">
          <Controller control={form.control} name="agentIds" render={({ field }) => <AgentPicker legend="Agents" value={field.value ?? []} onChange={field.onChange} known={known} error={errorAt(errors, "agentIds")} none="There is no agent yet. Agents can also join with a token or a bundle made for this group." />} />
        </FormSection>
      ) : (
        <RuleFields form={form} />
      )}
      <TextAreaField label="Note" isOptional error={errors.note?.message} {...form.register("note")} />
    </Form>
  );
}

export function GroupCreatePage() {
  const create = useMutation(useTRPC().agentGroup.create.mutationOptions());
  const saved = useSaved();
  return (
    <>
      <PageHeader crumb={{ label: "Groups", href: routes.groups.list }} title="Create group" purpose="Gather agents that are treated alike." />
      <GroupFields known={[]} initial={{ name: "", kind: "static", rule: null, agentIds: [], note: "" }} submit="Create group" cancelHref={routes.groups.list} save={async (values) => {
        const { id } = await create.mutateAsync(values);
        saved(`Group ${values.name} created.`, routes.groups.detail(id));
      }} />
    </>
  );
}

export function GroupEditPage({ id }: { id: string }) {
  const trpc = useTRPC();
  const group = useQuery(trpc.agentGroup.get.queryOptions({ id }, { refetchOnMount: "always" }));
  const members = useQuery(trpc.agentGroup.members.queryOptions({ id, pageSize: 200 }, { refetchOnMount: "always" }));
  useTitle(group.data && `Change ${group.data.name}`);
  return <LoadedOnce query={group}>{(data) => <LoadedOnce query={members}>{(rows) => <GroupEdit group={data} members={rows} />}</LoadedOnce>}</LoadedOnce>;
}

function GroupEdit({ group, members }: { group: Outputs["agentGroup"]["get"]; members: Outputs["agentGroup"]["members"] }) {
  const update = useMutation(useTRPC().agentGroup.update.mutationOptions());
  const saved = useSaved();
  const href = routes.groups.detail(group.id);
  const { name, kind, rule, note } = group;
  const isTooLarge = kind === "static" && members.total > members.rows.length;
  return (
    <>
      <PageHeader crumb={{ label: name, href }} title={`Change ${name}`} purpose="Policies that target this group follow its members at once." />
      {isTooLarge ? (
        <Notice tone="warn" title={`This group has ${members.total} members, more than this form can show.`}>
          Add and remove agents from the agent list: select them and use the actions there.
        </Notice>
      ) : (
        <GroupFields known={members.rows.map((agent) => ({ id: agent.id, name: agent.hostname }))} initial={{ name, kind, rule, note, agentIds: kind === "static" ? members.rows.map((agent) => agent.id) : [] }} submit="Save group" cancelHref={href} save={async (values) => {
          await update.mutateAsync({ ...values, id: group.id, version: group.version });
          saved(`Group ${values.name} saved.`, href);
        }} />
      )}
    </>
  );
}
