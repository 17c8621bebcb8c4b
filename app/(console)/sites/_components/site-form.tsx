"use client";
/** Creating and changing a site. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Controller, useForm } from "react-hook-form";
import type { z } from "zod";
import { siteCreate } from "@/contract/objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { cleanLines, LinesField, RadioField, TextAreaField, TextField } from "@/app/_ui/fields.tsx";
import { errorAt, Form, showProblem } from "@/app/_ui/form.tsx";
import { PageHeader, useTitle } from "@/app/_ui/page.tsx";
import { LoadedOnce } from "../../_shared/loaded.tsx";
import { useSaved } from "../../_shared/use-saved.ts";

type Input = z.input<typeof siteCreate>;
type Values = z.output<typeof siteCreate>;

const labels = { name: "Name", kind: "Kind", subnets: "Subnets", note: "Note" };

function SiteFields({ initial, submit, cancelHref, save }: { initial: Input; submit: string; cancelHref: string; save: (values: Values) => Promise<unknown> }) {
  const form = useForm<Input, unknown, Values>({ resolver: zodResolver(siteCreate), defaultValues: initial });
  const saving = useMutation({ mutationFn: save, onError: (error) => showProblem(form, error) });
  const { errors } = form.formState;
  const kind = form.watch("kind");
  return (
    <Form errors={errors} labels={labels} submit={submit} cancelHref={cancelHref} isBusy={saving.isPending} onSubmit={(event) => {
      form.setValue("subnets", cleanLines(form.getValues("subnets") ?? []));
      void form.handleSubmit((values) => saving.mutate(values))(event);
    }}>
      <TextField label="Name" error={errors.name?.message} {...form.register("name")} />
      <Controller control={form.control} name="kind" render={({ field }) => (
        <RadioField legend="Kind" name="kind" value={field.value} onChange={(value) => { field.onChange(value); if (value === "internet") form.setValue("subnets", []); }} error={errors.kind?.message} options={[
          { value: "intranet", label: "Intranet", hint: "A set of subnets. Management servers and site servers belong here." },
          { value: "internet", label: "Internet", hint: "Whoever is on no intranet site. A management server may never be assigned to it." },
        ]} />
      )} />
      {kind === "intranet" && (
        <Controller control={form.control} name="subnets" render={({ field }) => (
          <LinesField label="Subnets" hint="One per line, such as 10.20.0.0/16 or 2001:db8:1::/48." placeholder="10.20.0.0/16" value={field.value ?? []} onChange={field.onChange} error={errorAt(errors, "subnets")} isOptional />
        )} />
      )}
      <TextAreaField label="Note" isOptional error={errors.note?.message} {...form.register("note")} />
    </Form>
  );
}

export function SiteCreatePage() {
  const create = useMutation(useTRPC().site.create.mutationOptions());
  const saved = useSaved();
  return (
    <>
      <PageHeader crumb={{ label: "Sites", href: routes.sites.list }} title="Create site" purpose="Say which networks are inside." />
      <SiteFields initial={{ name: "", kind: "intranet", subnets: [], note: "" }} submit="Create site" cancelHref={routes.sites.list} save={async (values) => {
        const { id } = await create.mutateAsync(values);
        saved(`Site ${values.name} created.`, routes.sites.detail(id));
      }} />
    </>
  );
}

export function SiteEditPage({ id }: { id: string }) {
  const site = useQuery(useTRPC().site.get.queryOptions({ id }, { refetchOnMount: "always" }));
  useTitle(site.data && `Change ${site.data.name}`);
  return <LoadedOnce query={site}>{(data) => <SiteEdit site={data} />}</LoadedOnce>;
}

function SiteEdit({ site }: { site: Outputs["site"]["get"] }) {
  const update = useMutation(useTRPC().site.update.mutationOptions());
  const saved = useSaved();
  const href = routes.sites.detail(site.id);
  return (
    <>
      <PageHeader crumb={{ label: site.name, href }} title={`Change ${site.name}`} />
      <SiteFields initial={{ name: site.name, kind: site.kind, subnets: site.subnets, note: site.note }} submit="Save site" cancelHref={href} save={async (values) => {
        await update.mutateAsync({ ...values, id: site.id, version: site.version });
        saved(`Site ${values.name} saved.`, href);
      }} />
    </>
  );
}
