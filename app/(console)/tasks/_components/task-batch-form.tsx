"use client";
/** Running one task over groups: how many at once, and when to halt. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation } from "@tanstack/react-query";
import { useSearchParams } from "next/navigation";
import { useForm } from "react-hook-form";
import type { z } from "zod";
import { taskBatchCreate } from "@/contract/task-objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { NumberField, TextField } from "@/app/_ui/fields.tsx";
import { Form, FormSection, showProblem } from "@/app/_ui/form.tsx";
import { PageHeader } from "@/app/_ui/page.tsx";
import { useDraft } from "@/app/_ui/use-draft.ts";
import { AgentPicker, GroupPicker } from "../../_shared/pickers.tsx";
import { useSaved } from "../../_shared/use-saved.ts";
import { taskKindWords } from "../../_shared/reach-words.tsx";
import { ExpiryField } from "./expiry-field.tsx";
import { freshOrder, OrderFields } from "./order-fields.tsx";

type Input = z.input<typeof taskBatchCreate>;
const labels = { name: "Name", groupIds: "Groups", agentIds: "Agents", order: "Task", expiresInMinutes: "Waits at most", concurrency: "At once", haltAtFailurePercent: "Halt" };

export function TaskBatchCreatePage() {
  const groupId = useSearchParams().get("groupId");
  const form = useForm<Input, unknown, z.output<typeof taskBatchCreate>>({ resolver: zodResolver(taskBatchCreate), defaultValues: { name: "", groupIds: groupId === null ? [] : [groupId], agentIds: [], order: freshOrder, expiresInMinutes: 60, concurrency: 20, haltAtFailurePercent: 20 } });
  const { values, set, errorOf } = useDraft(form);
  const saved = useSaved();
  const create = useMutation(
    useTRPC().taskBatch.create.mutationOptions({
      onSuccess: ({ id }, { name }) => saved(`Batch ${name} begun.`, routes.tasks.batch(id)),
      onError: (error) => showProblem(form, error),
    }),
  );
  const changeOrder = (order: Input["order"]) => {
    const isOurs = values.name === "" || values.name === taskKindWords[values.order.kind].label;
    if (isOurs && order.kind !== values.order.kind) set("name", taskKindWords[order.kind].label);
    set("order", order);
  };
  return (
    <>
      <PageHeader crumb={{ label: "Batches", href: routes.tasks.batches }} title="Run task on groups" purpose="Agents that are away get it when they next appear, until it expires." />
      <Form errors={form.formState.errors} labels={labels} submit="Run task" cancelHref={routes.tasks.batches} isBusy={create.isPending} onSubmit={(event) => void form.handleSubmit((result) => create.mutate(result))(event)}>
        <OrderFields value={values.order} onChange={changeOrder} errorOf={(path) => errorOf(`order${path}`)} />
        <TextField label="Name" placeholder="Inventory of all plants" value={values.name} onChange={(event) => set("name", event.target.value)} hint="Under this name it stands in the list of batches." error={errorOf("name")} />
        <FormSection title="Which agents">
          <GroupPicker legend="Groups" hint="Every agent that is in them when it begins." value={values.groupIds ?? []} onChange={(ids) => set("groupIds", ids)} error={errorOf("groupIds")} />
          <AgentPicker legend="Single agents" hint="Besides the groups." value={values.agentIds ?? []} onChange={(ids) => set("agentIds", ids)} error={errorOf("agentIds")} />
        </FormSection>
        <FormSection title="How fast, and when to halt">
          <NumberField label="Agents at once" min={1} max={1_000} hint="The next one begins when one has ended." value={values.concurrency ?? 20} onChange={(count) => set("concurrency", count ?? Number.NaN)} error={errorOf("concurrency")} />
          <NumberField label="Halt when more than this fails (percent)" min={1} max={100} hint="Counted from five finished agents on. Those that have it already finish; no further one gets it. 100 never halts." value={values.haltAtFailurePercent ?? 20} onChange={(percent) => set("haltAtFailurePercent", percent ?? Number.NaN)} error={errorOf("haltAtFailurePercent")} />
          <ExpiryField value={values.expiresInMinutes ?? 60} onChange={(minutes) => set("expiresInMinutes", minutes)} error={errorOf("expiresInMinutes")} />
        </FormSection>
      </Form>
    </>
  );
}
