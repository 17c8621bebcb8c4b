"use client";
/** The agent site of this console, and what new site servers start with. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Controller, useForm } from "react-hook-form";
import type { z } from "zod";
import { agentSiteSettings, siteServerSettings } from "@/contract/objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { CheckField, cleanLines, LinesField, SelectField, TextField } from "@/app/_ui/fields.tsx";
import { errorAt, Form, showProblem } from "@/app/_ui/form.tsx";
import { PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
import { LoadedOnce } from "../../_shared/loaded.tsx";
import { useSaved } from "../../_shared/use-saved.ts";

type View = Outputs["organisation"]["view"];
type AgentSiteInput = z.input<typeof agentSiteSettings>;
type AgentSiteValues = z.output<typeof agentSiteSettings>;

export function AgentSitePage() {
  useTitle("Agent site");
  const organisation = useQuery(useTRPC().organisation.view.queryOptions(undefined, { refetchOnMount: "always" }));
  return (
    <>
      <PageHeader title="Agent site" purpose="The listener that agents talk to, over mutual TLS. No console page is ever served there." />
      <LoadedOnce query={organisation}>
        {(data) => (
          <div className="flex flex-col gap-4">
            <AgentSiteForm organisation={data} />
            <SiteServerForm organisation={data} />
          </div>
        )}
      </LoadedOnce>
    </>
  );
}

function AgentSiteForm({ organisation }: { organisation: View }) {
  const trpc = useTRPC();
  const imported = useQuery(trpc.certificate.list.queryOptions({ purpose: "imported", pageSize: 200, sort: "subject" }));
  const form = useForm<AgentSiteInput, unknown, AgentSiteValues>({ resolver: zodResolver(agentSiteSettings), defaultValues: organisation.agentSite });
  const saved = useSaved();
  const update = useMutation(trpc.organisation.updateAgentSite.mutationOptions({ onSuccess: () => saved("Agent site saved.", routes.settings.agentSite), onError: (error) => showProblem(form, error) }));
  const { errors } = form.formState;
  return (
    <Section title="Agent site">
      <Form errors={errors} labels={{ name: "Name", names: "Names", port: "Port", certificateId: "Certificate" }} submit="Save agent site" isBusy={update.isPending} onSubmit={(event) => {
        form.setValue("names", cleanLines(form.getValues("names")));
        void form.handleSubmit((values) => update.mutate(values))(event);
      }}>
        <TextField label="Name" error={errors.name?.message} {...form.register("name")} />
        <Controller control={form.control} name="names" render={({ field }) => <LinesField label="Names" hint="Host names or IP addresses under which agents find it, one per line; they stand in its certificate. The first one goes into bundles." value={field.value} onChange={field.onChange} error={errorAt(errors, "names")} />} />
        <TextField label="Port" type="number" min={1} max={65535} hint="What agents are told. The port the console listens on is set where it is started." error={errors.port?.message} {...form.register("port", { valueAsNumber: true })} />
        <Controller control={form.control} name="certificateId" render={({ field }) => (
          <SelectField label="Certificate" value={field.value ?? ""} onChange={(event) => field.onChange(event.target.value === "" ? null : event.target.value)} error={errors.certificateId?.message}>
            <option value="">Issued by this organisation&apos;s CA</option>
            {imported.data?.rows.map((row) => (
              <option key={row.id} value={row.id}>
                Imported: {row.subject}
              </option>
            ))}
          </SelectField>
        )} />
      </Form>
    </Section>
  );
}

function SiteServerForm({ organisation }: { organisation: View }) {
  const form = useForm<z.input<typeof siteServerSettings>, unknown, z.output<typeof siteServerSettings>>({ resolver: zodResolver(siteServerSettings), defaultValues: organisation.siteServers });
  const saved = useSaved();
  const update = useMutation(useTRPC().organisation.updateSiteServers.mutationOptions({ onSuccess: () => saved("Defaults of site servers saved.", routes.settings.agentSite), onError: (error) => showProblem(form, error) }));
  const { errors } = form.formState;
  return (
    <Section title="New site servers" hint="What the form starts with; servers that exist keep their settings.">
      <Form errors={errors} labels={{ port: "Port" }} submit="Save defaults" isBusy={update.isPending} onSubmit={(event) => void form.handleSubmit((values) => update.mutate(values))(event)}>
        <TextField label="Binding port" type="number" min={1} max={65535} error={errors.port?.message} {...form.register("port", { valueAsNumber: true })} />
        <CheckField label="Use certificates of this organisation's CA" {...form.register("installCertificate")} />
      </Form>
    </Section>
  );
}
