"use client";
/** Creating and changing a gateway. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Controller, type UseFormReturn, useForm } from "react-hook-form";
import type { z } from "zod";
import { gatewayCreate } from "@/contract/objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { CheckField, cleanLines, LinesField, RadioField, SelectField, TextAreaField, TextField } from "@/app/_ui/fields.tsx";
import { errorAt, Form, FormSection, showProblem } from "@/app/_ui/form.tsx";
import { PageHeader, useTitle } from "@/app/_ui/page.tsx";
import { LoadedOnce } from "../../_shared/loaded.tsx";
import { ServerPicker } from "../../_shared/pickers.tsx";
import { useSaved } from "../../_shared/use-saved.ts";
import { InsideFields } from "./inside-fields.tsx";
import { ListenerFields } from "./listener-fields.tsx";

export type GatewayInput = z.input<typeof gatewayCreate>;
type Values = z.output<typeof gatewayCreate>;
export type GatewayForm = UseFormReturn<GatewayInput, unknown, Values>;

const labels = { name: "Name", publicNames: "Public names", publicPort: "Public port", listeners: "Listener", certificate: "Certificate", serverIds: "Servers", drainTimeoutSeconds: "Drain deadline", serviceAccount: "Service account", inside: "Inside listener", note: "Note" };

function GatewayFields({ initial, known, submit, cancelHref, save }: { initial: GatewayInput; known: { id: string; name: string }[]; submit: string; cancelHref: string; save: (values: Values) => Promise<unknown> }) {
  const form = useForm<GatewayInput, unknown, Values>({ resolver: zodResolver(gatewayCreate), defaultValues: initial });
  const saving = useMutation({ mutationFn: save, onError: (error) => showProblem(form, error) });
  const { errors } = form.formState;
  return (
    <Form errors={errors} labels={labels} submit={submit} cancelHref={cancelHref} isBusy={saving.isPending} onSubmit={(event) => {
      form.setValue("publicNames", cleanLines(form.getValues("publicNames") ?? []));
      const inside = form.getValues("inside");
      if (inside) form.setValue("inside", { ...inside, names: cleanLines(inside.names) });
      for (const [index, listener] of (form.getValues("listeners") ?? []).entries()) {
        if (listener.acceptProxy?.kind === "required") form.setValue(`listeners.${index}.acceptProxy`, { kind: "required", sources: cleanLines(listener.acceptProxy.sources) });
      }
      void form.handleSubmit((values) => saving.mutate(values))(event);
    }}>
      <TextField label="Name" placeholder="gw-berlin" error={errors.name?.message} {...form.register("name")} />
      <FormSection title="How agents reach it">
        <Controller control={form.control} name="publicNames" render={({ field }) => (
          <LinesField label="Public names" hint="Names that agents dial from the Internet, one per line. They stand in the certificate and are offered to policies." placeholder="gw.example.com" value={field.value ?? []} onChange={field.onChange} error={errorAt(errors, "publicNames")} />
        )} />
        <TextField label="Public port" type="number" min={1} max={65535} hint="Differs from the listener's port behind a port mapping." error={errors.publicPort?.message} {...form.register("publicPort", { valueAsNumber: true })} />
        <CheckField label="A load balancer stands in front" hint="It must pass TLS through untouched; one that ends TLS breaks the client certificate check. Its settings are on the gateway's page; when it sends PROXY protocol, say so at the listener." {...form.register("isBehindLoadBalancer")} />
      </FormSection>
      <ListenerFields form={form} />
      <InsideFields form={form} />
      <FormSection title="Servers">
        <Controller control={form.control} name="serverIds" render={({ field }) => <ServerPicker legend="Servers it forwards to" hint="Anything else is refused without a DNS lookup." value={field.value ?? []} onChange={field.onChange} known={known} error={errorAt(errors, "serverIds")} />} />
      </FormSection>
      <CertificateFields form={form} />
      <FormSection title="Running">
        <TextField label="Drain deadline (seconds)" type="number" min={0} max={3600} hint="From the stop signal until the last tunnels are cut." error={errors.drainTimeoutSeconds?.message} {...form.register("drainTimeoutSeconds", { valueAsNumber: true })} />
        <CheckField label="FIPS algorithms only" hint="Offers and accepts only TLS suites and curves approved by FIPS 140: AES-GCM over P-256 or P-384. Clients that have none are refused from the next connection on. It makes no validated module of the gateway." {...form.register("isFipsOnly")} />
        <TextField label="Service account" isMono hint="The account on its machine that the installed service runs under; install.sh makes it when it is missing." error={errors.serviceAccount?.message} {...form.register("serviceAccount")} />
        <CheckField label="Send log lines to the console" hint="Warnings and errors; connection contents are never logged." {...form.register("forwardLogs")} />
        <TextAreaField label="Note" isOptional error={errors.note?.message} {...form.register("note")} />
      </FormSection>
    </Form>
  );
}

function CertificateFields({ form }: { form: GatewayForm }) {
  const imported = useQuery(useTRPC().certificate.list.queryOptions({ purpose: "imported", pageSize: 200, sort: "subject" }));
  const { errors } = form.formState;
  return (
    <FormSection title="Certificate" hint="What its listener presents. Agents accept it by fingerprint (pin), not by its name.">
      <Controller control={form.control} name="certificate" render={({ field }) => {
        const choice = field.value ?? { kind: "self-signed" as const };
        const first = imported.data?.rows[0]?.id ?? "";
        return (
          <>
            <RadioField legend="Kind" name="certificate-kind" value={choice.kind} onChange={(kind) => field.onChange(kind === "imported" ? { kind, certificateId: first } : { kind, keyType: "ec-p256" })} error={errorAt(errors, "certificate")} options={[
              { value: "self-signed", label: "Self-signed", hint: "The key is made on the gateway and never leaves it. Enough, because agents pin the fingerprint." },
              { value: "ca-issued", label: "Issued by this organisation's CA", hint: "The key is made on the gateway; the issuing CA signs." },
              { value: "imported", label: "Imported", hint: imported.data?.total === 0 ? "A third party's. None is imported yet: import it under Certificates first." : "A third party's, with its key, imported under Certificates." },
            ]} />
            {choice.kind === "imported" ? (
              <SelectField label="Imported certificate" value={choice.certificateId} onChange={(event) => field.onChange({ kind: "imported", certificateId: event.target.value })}>
                {imported.data?.rows.length === 0 && <option value="">none imported</option>}
                {imported.data?.rows.map((row) => <option key={row.id} value={row.id}>{row.subject}</option>)}
              </SelectField>
            ) : (
              <SelectField label="Key" value={choice.keyType ?? "ec-p256"} onChange={(event) => field.onChange({ ...choice, keyType: event.target.value })} hint="RSA only for clients that cannot do ECDSA; its handshakes cost several times more.">
                <option value="ec-p256">ECDSA P-256</option>
                <option value="rsa-2048">RSA 2048</option>
              </SelectField>
            )}
          </>
        );
      }} />
    </FormSection>
  );
}

const fresh: GatewayInput = { name: "", publicNames: [], publicPort: 443, listeners: [{ address: "::", port: 443, mode: { kind: "connect" }, acceptProxy: { kind: "off" }, limits: {} }], certificate: { kind: "self-signed", keyType: "ec-p256" }, serverIds: [], isBehindLoadBalancer: false, drainTimeoutSeconds: 30, forwardLogs: true, isFipsOnly: false, serviceAccount: "sallyport-gateway", inside: null, note: "" };

export function GatewayCreatePage() {
  const create = useMutation(useTRPC().gateway.create.mutationOptions());
  const saved = useSaved();
  return (
    <>
      <PageHeader crumb={{ label: "Gateways", href: routes.gateways.list }} title="Create gateway" purpose="Afterwards you download its package, with a one-time token, and start it in the DMZ." />
      <GatewayFields known={[]} initial={fresh} submit="Create gateway" cancelHref={routes.gateways.list} save={async (values) => {
        const { id } = await create.mutateAsync(values);
        saved(`Gateway ${values.name} created. Next: download its package.`, routes.gateways.detail(id));
      }} />
    </>
  );
}

export function GatewayEditPage({ id }: { id: string }) {
  const gateway = useQuery(useTRPC().gateway.get.queryOptions({ id }, { refetchOnMount: "always" }));
  useTitle(gateway.data && `Change ${gateway.data.name}`);
  return <LoadedOnce query={gateway}>{(data) => <GatewayEdit gateway={data} />}</LoadedOnce>;
}

function GatewayEdit({ gateway }: { gateway: Outputs["gateway"]["get"] }) {
  const update = useMutation(useTRPC().gateway.update.mutationOptions());
  const saved = useSaved();
  const href = routes.gateways.detail(gateway.id);
  const { name, publicNames, publicPort, certificate, isBehindLoadBalancer, drainTimeoutSeconds, forwardLogs, isFipsOnly, serviceAccount, inside, note } = gateway;
  const listeners = gateway.listeners.map(({ address, port, mode, acceptProxy, limits }) => ({ address, port, mode, acceptProxy, limits }));
  return (
    <>
      <PageHeader crumb={{ label: name, href }} title={`Change ${name}`} purpose="A change reaches a connected gateway in under a second; tunnels that stand stay." />
      <GatewayFields known={gateway.servers} initial={{ name, publicNames, publicPort, certificate, isBehindLoadBalancer, drainTimeoutSeconds, forwardLogs, isFipsOnly, serviceAccount, inside, note, listeners, serverIds: gateway.servers.map((server) => server.id) }} submit="Save gateway" cancelHref={href} save={async (values) => {
        await update.mutateAsync({ ...values, id: gateway.id, version: gateway.rowVersion });
        saved(`Gateway ${values.name} saved.`, href);
      }} />
    </>
  );
}
