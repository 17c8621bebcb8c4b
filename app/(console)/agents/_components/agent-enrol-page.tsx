"use client";
/** A token for installing agents by hand. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation } from "@tanstack/react-query";
import { Controller, useForm } from "react-hook-form";
import type { z } from "zod";
import { agentTokenCreate } from "@/contract/objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { TextField } from "@/app/_ui/fields.tsx";
import { errorAt, Form, showProblem } from "@/app/_ui/form.tsx";
import { PageHeader, Section } from "@/app/_ui/page.tsx";
import { GroupPicker } from "../../_shared/pickers.tsx";
import { TokenShown } from "./token-shown.tsx";

type Input = z.input<typeof agentTokenCreate>;
type Values = z.output<typeof agentTokenCreate>;

export function AgentEnrolPage() {
  const form = useForm<Input, unknown, Values>({ resolver: zodResolver(agentTokenCreate), defaultValues: { groupIds: [], agentId: null, usesMax: 1, hoursValid: 24 } });
  const create = useMutation(useTRPC().agent.createToken.mutationOptions({ onError: (error) => showProblem(form, error) }));
  const { errors } = form.formState;
  return (
    <>
      <PageHeader crumb={{ label: "Agents", href: routes.agents.list }} title="Create enrolment token" purpose="For agents that can reach the agent site while they are installed. For agents outside, make an offline bundle instead." />
      {create.data ? (
        <Section title="Token">
          <TokenShown reply={create.data} />
          <div className="mt-4">
            <LinkButton href={routes.agents.list}>Go to agents</LinkButton>
          </div>
        </Section>
      ) : (
        <Form errors={errors} labels={{ groupIds: "Groups", usesMax: "Uses", hoursValid: "Hours" }} submit="Create enrolment token" cancelHref={routes.agents.list} isBusy={create.isPending} onSubmit={(event) => void form.handleSubmit((values) => create.mutate(values))(event)}>
          <Controller control={form.control} name="groupIds" render={({ field }) => <GroupPicker legend="Groups" isStaticOnly hint="Static groups that each agent joins when it enrols. Groups by rule take it in on their own." value={field.value ?? []} onChange={field.onChange} error={errorAt(errors, "groupIds")} />} />
          <TextField label="Uses" type="number" min={1} max={10000} hint="How many agents may enrol with it." error={errors.usesMax?.message} {...form.register("usesMax", { valueAsNumber: true })} />
          <TextField label="Valid for (hours)" type="number" min={1} max={8760} error={errors.hoursValid?.message} {...form.register("hoursValid", { valueAsNumber: true })} />
        </Form>
      )}
    </>
  );
}
