"use client";
/** Creating an offline bundle. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation } from "@tanstack/react-query";
import { Controller, useForm } from "react-hook-form";
import type { z } from "zod";
import { bundleCreate } from "@/contract/objects.ts";
import { relayPortDefault } from "@/contract/relay.ts";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { SelectField, TextField } from "@/app/_ui/fields.tsx";
import { errorAt, Form, showProblem } from "@/app/_ui/form.tsx";
import { PageHeader } from "@/app/_ui/page.tsx";
import { AddressFields } from "../../_shared/address-fields.tsx";
import { GroupPicker } from "../../_shared/pickers.tsx";
import { useSaved } from "../../_shared/use-saved.ts";

type Input = z.input<typeof bundleCreate>;
type Values = z.output<typeof bundleCreate>;

export function BundleCreatePage() {
  const form = useForm<Input, unknown, Values>({ resolver: zodResolver(bundleCreate), defaultValues: { name: "", groupIds: [], platform: "linux-x64", usesMax: 1, daysValid: 14, relay: null } });
  const saved = useSaved();
  const create = useMutation(
    useTRPC().bundle.create.mutationOptions({
      onSuccess: ({ id }, { name }) => saved(`Bundle ${name} created. Download it from its page.`, routes.bundles.detail(id)),
      onError: (error) => showProblem(form, error),
    }),
  );
  const { errors } = form.formState;
  return (
    <>
      <PageHeader crumb={{ label: "Bundles", href: routes.bundles.list }} title="Create bundle" purpose="An installer for agents outside, with everything in it and nothing to fetch." />
      <Form errors={errors} labels={{ name: "Name", groupIds: "Groups", platform: "Platform", usesMax: "Agents", daysValid: "Days", relay: "Relay" }} submit="Create bundle" cancelHref={routes.bundles.list} isBusy={create.isPending} onSubmit={(event) => void form.handleSubmit((values) => create.mutate(values))(event)}>
        <TextField label="Name" placeholder="Field staff, November" error={errors.name?.message} {...form.register("name")} />
        <Controller control={form.control} name="groupIds" render={({ field }) => <GroupPicker legend="Groups" isStaticOnly hint="Its agents join these groups; the enabled policies of the groups say which gateways they use." value={field.value} onChange={field.onChange} error={errorAt(errors, "groupIds")} none="There is no static group yet. Create one, and a policy that targets it, first." />} />
        <SelectField label="Platform" error={errors.platform?.message} {...form.register("platform")}>
          <option value="linux-x64">Linux, x64</option>
        </SelectField>
        <TextField label="Agents" type="number" min={1} max={100000} hint="How many agents may enrol with this bundle." error={errors.usesMax?.message} {...form.register("usesMax", { valueAsNumber: true })} />
        <TextField label="Valid for (days)" type="number" min={1} max={365} hint="After that it no longer enrols; agents that did stay." error={errors.daysValid?.message} {...form.register("daysValid", { valueAsNumber: true })} />
        <Controller control={form.control} name="relay" render={({ field }) => <AddressFields label="Relay" isOptional hint="For networks without a route out: agents of this bundle connect to this relay only, for the gateway and for the agent site. Leave it empty for all others." value={field.value ?? null} onChange={field.onChange} standardPort={relayPortDefault} errorOf={(path) => errorAt(errors, `relay${path}`)} />} />
      </Form>
    </>
  );
}
