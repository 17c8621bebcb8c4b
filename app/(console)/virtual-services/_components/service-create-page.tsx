"use client";
/** Creating a virtual service: first what is behind it, then the form, filled in for that. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { LinesField, RadioField, TextField } from "@/app/_ui/fields.tsx";
import { FormSection } from "@/app/_ui/form.tsx";
import { ActionError, LoadError, Notice, Skeleton } from "@/app/_ui/notice.tsx";
import { PageHeader } from "@/app/_ui/page.tsx";
import { GatewayPicker, ServiceCertificatePicker } from "../../_shared/pickers.tsx";
import { useSaved } from "../../_shared/use-saved.ts";
import { parseMembers } from "../../pools/_components/member-lines.ts";
import { type Reason, ServiceForm } from "./service-form.tsx";
import { freshService, type ServiceValues } from "./service-values.ts";

type PresetId = Outputs["virtualService"]["presets"][number]["id"];
type Start = { values: ServiceValues; reasons: Reason[]; from: string | null };

export function ServiceCreatePage() {
  const create = useMutation(useTRPC().virtualService.create.mutationOptions());
  const saved = useSaved();
  const [start, setStart] = useState<Start>();
  return (
    <>
      <PageHeader crumb={{ label: "Virtual services", href: routes.virtualServices.list }} title="Create virtual service" purpose={start ? "Every value can be changed, now and later." : "Say what is behind it, and the form is filled in for that."} />
      {start ? (
        <ServiceForm
          initial={start.values}
          reasons={start.reasons}
          submit="Create virtual service"
          cancelHref={routes.virtualServices.list}
          intro={
            <Notice tone="working" title={start.from === null ? "An empty form" : `Filled in for: ${start.from}`} action={<Button size="small" onClick={() => setStart(undefined)}>Choose again</Button>}>
              {start.from === null ? "The defaults pass TLS through to the first member that is up." : "What differs from the defaults has its reason at the field."}
            </Notice>
          }
          save={async (values) => {
            const { id } = await create.mutateAsync(values);
            saved(`Virtual service ${values.name} created.`, routes.virtualServices.detail(id));
          }}
        />
      ) : (
        <Presets onStart={setStart} />
      )}
    </>
  );
}

/** A port that fits what is behind it, for members written without one. */
const portOf: Record<PresetId, number> = { "pgp-encryption-server": 443, "exchange-client-access": 443, "mail-proxy": 25, "management-server": 4726, "generic-https": 443 };

function Presets({ onStart }: { onStart: (start: Start) => void }) {
  const trpc = useTRPC();
  const presets = useQuery(trpc.virtualService.presets.queryOptions());
  const [preset, setPreset] = useState<PresetId | "empty">("generic-https");
  const [answers, setAnswers] = useState({ name: "", stampName: "", members: [] as string[], gatewayIds: [] as string[], certificateIds: [] as string[], serverVersion: "", nextHop: "" });
  const fill = useMutation(trpc.virtualService.preset.mutationOptions());
  const set = (patch: Partial<typeof answers>) => setAnswers((before) => ({ ...before, ...patch }));
  const chosen = presets.data?.find((entry) => entry.id === preset);
  const go = async () => {
    if (preset === "empty") {
      onStart({ values: freshService, reasons: [], from: null });
      return;
    }
    const orNull = (text: string) => (text.trim() === "" ? null : text.trim());
    try {
      const { service, reasons } = await fill.mutateAsync({ preset, name: answers.name.trim() === "" ? (chosen?.name ?? "New service").slice(0, 80) : answers.name.trim(), stampName: orNull(answers.stampName), members: parseMembers(answers.members, portOf[preset]), gatewayIds: answers.gatewayIds, certificateIds: answers.certificateIds, serverVersion: orNull(answers.serverVersion), nextHop: orNull(answers.nextHop) });
      const { poolId, pool, ...rest } = service;
      onStart({ values: { ...freshService, ...rest, ...(pool ? { pool } : {}), ...(poolId ? { poolId, pool: undefined } : {}) }, reasons, from: chosen?.name ?? null });
    } catch {
      // Shown below the button.
    }
  };
  if (presets.error && !presets.data) return <LoadError error={presets.error} onRetry={() => void presets.refetch()} />;
  if (!presets.data) return <Skeleton lines={6} />;
  return (
    <form noValidate className="flex max-w-2xl flex-col gap-5" onSubmit={(event) => {
      event.preventDefault();
      void go();
    }}>
      <div className="rounded-lg border border-line bg-surface p-4">
        <RadioField legend="What is behind it?" name="preset" value={preset} onChange={setPreset} options={[...presets.data.map((entry) => ({ value: entry.id, label: entry.name, hint: entry.sentence })), { value: "empty" as const, label: "Something else", hint: "An empty form with the defaults." }]} />
      </div>
      {preset !== "empty" && (
        <FormSection title="About it" hint="What you leave out can be filled in on the form.">
          <TextField label="Name of the service" isOptional placeholder={chosen?.name ?? ""} value={answers.name} onChange={(event) => set({ name: event.target.value })} maxLength={80} />
          <TextField label="Name that clients use" isOptional isMono placeholder="keys.example.com" hint="The full name that clients connect to. It should lead to this service, not to one server." value={answers.stampName} onChange={(event) => set({ stampName: event.target.value })} />
          <LinesField label="Servers" isOptional hint={`One per line, the preferred one first: an address or name, with a port where it is not ${portOf[preset]}.`} placeholder={"10.0.1.10\n10.0.1.11"} value={answers.members} onChange={(members) => set({ members })} rows={3} />
          {preset === "pgp-encryption-server" && <TextField label="Version of the server" isOptional isMono placeholder="10.5.1" hint="From 10.5.1 on its session cookie is called ovidCookie, which persistence can follow." value={answers.serverVersion} onChange={(event) => set({ serverVersion: event.target.value })} />}
          {preset === "mail-proxy" && <TextField label="Next hop" isOptional isMono placeholder="mta1.example.com" hint="The mail server behind the proxies; the health check asks it, too." value={answers.nextHop} onChange={(event) => set({ nextHop: event.target.value })} />}
          <GatewayPicker legend="Gateways" value={answers.gatewayIds} onChange={(gatewayIds) => set({ gatewayIds })} />
          {preset !== "mail-proxy" && preset !== "management-server" && <ServiceCertificatePicker value={answers.certificateIds} onChange={(certificateIds) => set({ certificateIds })} />}
        </FormSection>
      )}
      <ActionError error={fill.error} />
      <div className="flex flex-wrap gap-2 border-t border-line pt-4">
        <Button type="submit" look="primary" isBusy={fill.isPending}>Fill in the form</Button>
      </div>
    </form>
  );
}
