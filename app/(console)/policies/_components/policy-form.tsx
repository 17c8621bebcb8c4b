"use client";
/** Creating and changing a policy. Before it is saved, who gains and who loses access is shown. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Controller, type UseFormReturn, useForm } from "react-hook-form";
import type { z } from "zod";
import { groupHex } from "@/contract/fingerprint.ts";
import { policyCreate } from "@/contract/objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { Dialog } from "@/app/_ui/dialog.tsx";
import { CheckField, cleanLines, TextAreaField, TextField } from "@/app/_ui/fields.tsx";
import { errorAt, Form, FormSection, showProblem } from "@/app/_ui/form.tsx";
import { ActionError } from "@/app/_ui/notice.tsx";
import { PageHeader, useTitle } from "@/app/_ui/page.tsx";
import { LoadedOnce } from "../../_shared/loaded.tsx";
import { GroupPicker } from "../../_shared/pickers.tsx";
import { useSaved } from "../../_shared/use-saved.ts";
import { PolicyGatewayFields } from "./policy-gateway-fields.tsx";

export type PolicyInput = z.input<typeof policyCreate>;
type Values = z.output<typeof policyCreate>;
export type PolicyForm = UseFormReturn<PolicyInput, unknown, Values>;
type Preview = Outputs["policy"]["preview"];

const labels = { name: "Name", gateways: "Gateway", groupIds: "Groups", requestProxy: "Request proxy", channelProxy: "Channel proxy", note: "Note" };

function PolicyFields({ initial, known, id, submit, cancelHref, save }: { initial: PolicyInput; known: { id: string; name: string }[]; id?: string; submit: string; cancelHref: string; save: (values: Values) => Promise<unknown> }) {
  const form = useForm<PolicyInput, unknown, Values>({ resolver: zodResolver(policyCreate), defaultValues: initial });
  const preview = useMutation(useTRPC().policy.preview.mutationOptions({ onError: (error) => showProblem(form, error) }));
  const [pending, setPending] = useState<{ values: Values; preview: Preview }>();
  const saving = useMutation({
    mutationFn: save,
    onError: (error) => {
      setPending(undefined);
      showProblem(form, error);
    },
  });
  const { errors } = form.formState;
  const check = form.handleSubmit(async (values) => {
    try {
      const answer = await preview.mutateAsync(id === undefined ? values : { ...values, id });
      if (answer.gain === 0 && answer.lose === 0 && answer.lines.length === 0) saving.mutate(values);
      else setPending({ values, preview: answer });
    } catch {
      // Shown at its field by onError.
    }
  });
  return (
    <>
      <Form errors={errors} labels={labels} submit={submit} cancelHref={cancelHref} isBusy={preview.isPending || saving.isPending} onSubmit={(event) => {
        for (const [index, gateway] of (form.getValues("gateways") ?? []).entries()) form.setValue(`gateways.${index}.pins`, cleanLines(gateway.pins));
        void check(event);
      }}>
        <TextField label="Name" placeholder="Field staff" error={errors.name?.message} {...form.register("name")} />
        <CheckField label="Enabled" hint="While it is disabled, it counts as if it were not there; its agents are refused unless another policy covers them." {...form.register("isEnabled")} />
        <FormSection title="Target groups">
          <Controller control={form.control} name="groupIds" render={({ field }) => <GroupPicker legend="Groups" hint="Every agent in any of these groups gets this policy." value={field.value ?? []} onChange={field.onChange} known={known} error={errorAt(errors, "groupIds")} />} />
        </FormSection>
        <PolicyGatewayFields form={form} />
        <ProxyFields form={form} />
        <TextAreaField label="Note" isOptional error={errors.note?.message} {...form.register("note")} />
      </Form>
      {pending && <PreviewDialog preview={pending.preview} submit={submit} isBusy={saving.isPending} error={saving.error} onClose={() => setPending(undefined)} onSave={() => saving.mutate(pending.values)} />}
    </>
  );
}

function ProxyFields({ form }: { form: PolicyForm }) {
  const { errors } = form.formState;
  return (
    <FormSection title="HTTP proxies" hint="Only for networks that let nothing out without one.">
      {(["requestProxy", "channelProxy"] as const).map((name) => (
        <Controller key={name} control={form.control} name={name} render={({ field }) => (
          <>
            <CheckField label={name === "requestProxy" ? "Requests go through a proxy" : "The long-lived channel goes through a proxy"} hint={name === "requestProxy" ? "Direct mode only: refused together with gateways, because a gateway takes the proxy's place." : "May stand in front of a gateway."} checked={field.value !== null && field.value !== undefined} onChange={(event) => field.onChange(event.target.checked ? { host: "", port: 3128 } : null)} />
            {field.value && (
              <div className="grid gap-4 sm:grid-cols-[1fr_9rem]">
                <TextField label="Proxy host" isMono value={field.value.host} onChange={(event) => field.onChange({ ...field.value, host: event.target.value })} error={errorAt(errors, `${name}.host`)} />
                <TextField label="Proxy port" type="number" min={1} max={65535} value={Number.isNaN(field.value.port) ? "" : field.value.port} onChange={(event) => field.onChange({ ...field.value, port: event.target.valueAsNumber })} error={errorAt(errors, `${name}.port`)} />
              </div>
            )}
          </>
        )} />
      ))}
    </FormSection>
  );
}

function PreviewDialog({ preview, submit, isBusy, error, onClose, onSave }: { preview: Preview; submit: string; isBusy: boolean; error: unknown; onClose: () => void; onSave: () => void }) {
  const people = (count: number) => `${count} ${count === 1 ? "agent" : "agents"}`;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="What this changes"
      actions={
        <>
          <Button onClick={onClose}>Go back to the form</Button>
          <Button look={preview.lose > 0 ? "danger" : "primary"} isBusy={isBusy} onClick={onSave}>
            {submit}
          </Button>
        </>
      }
    >
      <p>
        <strong>{people(preview.gain)}</strong> gain access from outside, <strong className={preview.lose > 0 ? "text-fault" : ""}>{people(preview.lose)}</strong> lose it.
      </p>
      {preview.loseSample.length > 0 && (
        <p className="text-[13px] text-ink-2">
          Losing: {preview.loseSample.map((agent) => agent.name).join(", ")}
          {preview.lose > preview.loseSample.length && ` and ${preview.lose - preview.loseSample.length} more`}
        </p>
      )}
      {preview.lines.length > 0 && (
        <ul className="list-disc pl-5 text-[13px] text-ink-2">
          {preview.lines.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
      <ActionError error={error} />
    </Dialog>
  );
}

export function PolicyCreatePage() {
  const create = useMutation(useTRPC().policy.create.mutationOptions());
  const saved = useSaved();
  return (
    <>
      <PageHeader crumb={{ label: "Policies", href: routes.policies.list }} title="Create policy" purpose="Give the agents of a group a way in from outside." />
      <PolicyFields known={[]} initial={{ name: "", isEnabled: true, gateways: [], groupIds: [], requestProxy: null, channelProxy: null, note: "" }} submit="Create policy" cancelHref={routes.policies.list} save={async (values) => {
        const { id } = await create.mutateAsync(values);
        saved(`Policy ${values.name} created.`, routes.policies.detail(id));
      }} />
    </>
  );
}

export function PolicyEditPage({ id }: { id: string }) {
  const policy = useQuery(useTRPC().policy.get.queryOptions({ id }, { refetchOnMount: "always" }));
  useTitle(policy.data && `Change ${policy.data.name}`);
  return <LoadedOnce query={policy}>{(data) => <PolicyEdit policy={data} />}</LoadedOnce>;
}

function PolicyEdit({ policy }: { policy: Outputs["policy"]["get"] }) {
  const update = useMutation(useTRPC().policy.update.mutationOptions());
  const saved = useSaved();
  const href = routes.policies.detail(policy.id);
  const { name, isEnabled, requestProxy, channelProxy, note } = policy;
  const gateways = policy.gateways.map(({ gatewayId, fqdn, port, pins }) => ({ gatewayId, fqdn, port, pins: pins.map(groupHex) }));
  return (
    <>
      <PageHeader crumb={{ label: name, href }} title={`Change ${name}`} />
      <PolicyFields id={policy.id} known={policy.groups} initial={{ name, isEnabled, requestProxy, channelProxy, note, gateways, groupIds: policy.groups.map((group) => group.id) }} submit="Save policy" cancelHref={href} save={async (values) => {
        await update.mutateAsync({ ...values, id: policy.id, version: policy.version });
        saved(`Policy ${values.name} saved.`, href);
      }} />
    </>
  );
}
