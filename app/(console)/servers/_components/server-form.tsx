"use client";
/** Creating and changing a server. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Controller, useForm } from "react-hook-form";
import type { z } from "zod";
import { serverCreate } from "@/contract/objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { CheckField, cleanLines, LinesField, NumbersField, RadioField, TextAreaField, TextField } from "@/app/_ui/fields.tsx";
import { errorAt, Form, showProblem } from "@/app/_ui/form.tsx";
import { PageHeader, useTitle } from "@/app/_ui/page.tsx";
import { LoadedOnce } from "../../_shared/loaded.tsx";
import { GatewayPicker, SitePicker } from "../../_shared/pickers.tsx";
import { useSaved } from "../../_shared/use-saved.ts";

type Input = z.input<typeof serverCreate>;
type Values = z.output<typeof serverCreate>;
type Named = { id: string; name: string }[];

const labels = { name: "Name", kind: "Kind", names: "Names", ports: "Ports", addresses: "Addresses", siteIds: "Sites", gatewayIds: "Gateways", note: "Note" };

function ServerFields({ initial, known, submit, cancelHref, save }: { initial: Input; known: { sites: Named; gateways: Named }; submit: string; cancelHref: string; save: (values: Values) => Promise<unknown> }) {
  const form = useForm<Input, unknown, Values>({ resolver: zodResolver(serverCreate), defaultValues: initial });
  const saving = useMutation({ mutationFn: save, onError: (error) => showProblem(form, error) });
  const { errors } = form.formState;
  const kind = form.watch("kind");
  return (
    <Form errors={errors} labels={labels} submit={submit} cancelHref={cancelHref} isBusy={saving.isPending} onSubmit={(event) => {
      form.setValue("names", cleanLines(form.getValues("names")));
      form.setValue("addresses", cleanLines(form.getValues("addresses") ?? []));
      void form.handleSubmit((values) => saving.mutate(values))(event);
    }}>
      <TextField label="Name" error={errors.name?.message} {...form.register("name")} />
      <Controller control={form.control} name="kind" render={({ field }) => (
        <RadioField legend="Kind" name="kind" value={field.value} onChange={field.onChange} error={errors.kind?.message} options={[
          { value: "management", label: "Management server", hint: "Holds policy and inventory. Never assigned to an internet site." },
          { value: "site", label: "Site server", hint: "Serves the agents of its sites." },
        ]} />
      )} />
      <Controller control={form.control} name="names" render={({ field }) => (
        <LinesField label="Names" hint="Host names or IP addresses that agents use, one per line. The first one is what policies hand out; a gateway forwards only to names listed here." placeholder="mgmt.corp.example" value={field.value} onChange={field.onChange} error={errorAt(errors, "names")} />
      )} />
      <Controller control={form.control} name="ports" render={({ field }) => <NumbersField label="Ports" hint="Separated by commas. 4726 is the standard binding port." value={field.value ?? []} onChange={field.onChange} error={errorAt(errors, "ports")} />} />
      <Controller control={form.control} name="addresses" render={({ field }) => (
        <LinesField label="Addresses" isOptional hint="What the gateway dials, in this order, one per line. Leave empty to let the gateway resolve the name." placeholder="10.20.1.15" value={field.value ?? []} onChange={field.onChange} error={errorAt(errors, "addresses")} />
      )} />
      <Controller control={form.control} name="siteIds" render={({ field }) => (
        <SitePicker legend="Sites" hint="Whose agents use this server directly." kind={kind === "management" ? "intranet" : undefined} value={field.value ?? []} onChange={field.onChange} known={known.sites} error={errorAt(errors, "siteIds")} />
      )} />
      <Controller control={form.control} name="gatewayIds" render={({ field }) => (
        <GatewayPicker legend="Gateways" hint="Only these gateways forward to this server." value={field.value ?? []} onChange={field.onChange} known={known.gateways} error={errorAt(errors, "gatewayIds")} />
      )} />
      {kind === "site" && <CheckField label="Use a certificate of this organisation's CA" hint="Issue it from the server's page. Switch off when the server has a third party's certificate." {...form.register("installCertificate")} />}
      <TextAreaField label="Note" isOptional error={errors.note?.message} {...form.register("note")} />
    </Form>
  );
}

export function ServerCreatePage() {
  const trpc = useTRPC();
  const settings = useQuery(trpc.organisation.view.queryOptions());
  const create = useMutation(trpc.server.create.mutationOptions());
  const saved = useSaved();
  return (
    <>
      <PageHeader crumb={{ label: "Servers", href: routes.servers.list }} title="Create server" purpose="Name what agents reach inside, and through which gateways." />
      <LoadedOnce query={settings}>
        {({ siteServers }) => (
          <ServerFields known={{ sites: [], gateways: [] }} initial={{ name: "", kind: "management", names: [], ports: [siteServers.port], addresses: [], siteIds: [], gatewayIds: [], installCertificate: siteServers.installCertificate, note: "" }} submit="Create server" cancelHref={routes.servers.list} save={async (values) => {
            const { id } = await create.mutateAsync(values);
            saved(`Server ${values.name} created.`, routes.servers.detail(id));
          }} />
        )}
      </LoadedOnce>
    </>
  );
}

export function ServerEditPage({ id }: { id: string }) {
  const server = useQuery(useTRPC().server.get.queryOptions({ id }, { refetchOnMount: "always" }));
  useTitle(server.data && `Change ${server.data.name}`);
  return <LoadedOnce query={server}>{(data) => <ServerEdit server={data} />}</LoadedOnce>;
}

function ServerEdit({ server }: { server: Outputs["server"]["get"] }) {
  const update = useMutation(useTRPC().server.update.mutationOptions());
  const saved = useSaved();
  const href = routes.servers.detail(server.id);
  const { name, kind, names, ports, addresses, installCertificate, note } = server;
  return (
    <>
      <PageHeader crumb={{ label: name, href }} title={`Change ${name}`} />
      <ServerFields known={{ sites: server.sites, gateways: server.gateways }} initial={{ name, kind, names, ports, addresses, installCertificate, note, siteIds: server.sites.map((site) => site.id), gatewayIds: server.gateways.map((gateway) => gateway.id) }} submit="Save server" cancelHref={href} save={async (values) => {
        await update.mutateAsync({ ...values, id: server.id, version: server.version });
        saved(`Server ${values.name} saved.`, href);
      }} />
    </>
  );
}
