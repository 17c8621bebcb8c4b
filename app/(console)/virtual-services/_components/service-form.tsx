"use client";
/** The form of a virtual service, planned while one types: findings stand at their fields, what belongs to none in the plan beside it. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useCallback, useMemo } from "react";
import { useForm } from "react-hook-form";
import type { Finding } from "@/contract/finding.ts";
import { serviceCreate } from "@/contract/service-objects.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { CheckField, TextAreaField, TextField } from "@/app/_ui/fields.tsx";
import { Form } from "@/app/_ui/form.tsx";
import { useDraft } from "@/app/_ui/use-draft.ts";
import { ConfirmSave, useConfirmedSave } from "../../_shared/confirm-save.tsx";
import { FieldFindings } from "../../_shared/findings.tsx";
import { FrontFields, LimitFields } from "./front-fields.tsx";
import { placeOf } from "./form-places.ts";
import { MemberLegFields } from "./member-leg-fields.tsx";
import { ModeFields } from "./mode-fields.tsx";
import { PersistenceFields } from "./persistence-fields.tsx";
import { PlanPanel } from "./plan-panel.tsx";
import { PoolFields } from "./pool-fields.tsx";
import type { ServiceDraft } from "./service-draft.ts";
import { type ServiceSettings, type ServiceValues, serviceLabels, tidied } from "./service-values.ts";
import { useServicePlan } from "./use-service-plan.ts";
import { WhereFields } from "./where-fields.tsx";

export type Reason = { field: string; sentence: string };

/** A finding's path in this form: those about the pool begin with `pool`. */
function pathOf({ field, object }: Finding): string | null {
  if (object.kind !== "pool") return field;
  if (field === null) return "pool";
  return field.startsWith("pool") ? field : `pool.${field}`;
}

type Properties = { initial: ServiceValues; reasons?: readonly Reason[]; saved?: { id: string; version: number; name: string; knownGateways: { id: string; name: string }[] }; submit: string; cancelHref: string; intro?: ReactNode; save: (values: ServiceSettings, confirmName: string | undefined) => Promise<unknown> };

export function ServiceForm({ initial, reasons = [], saved, submit, cancelHref, intro, save }: Properties) {
  const form = useForm<ServiceValues, unknown, ServiceSettings>({ resolver: zodResolver(serviceCreate), defaultValues: initial });
  const { values, set, errorOf } = useDraft(form);
  const view = useServicePlan(values, saved);
  const saving = useConfirmedSave(form, save);
  const isDescribed = values.pool !== undefined;
  const findings = useMemo(() => (view.plan?.findings ?? []).map((finding) => ({ finding, place: placeOf(pathOf(finding), values) })), [view.plan, values]);
  const notesAt = useCallback((path: string) => <Notes findings={findings.filter(({ place }) => place === path).map(({ finding }) => finding)} reasons={reasons.filter((reason) => placeOf(reason.field, values) === path)} />, [findings, reasons, values]);
  const draft: ServiceDraft = { values, set, errorOf, notesAt };
  const existing = useQuery(useTRPC().pool.get.queryOptions({ id: values.poolId ?? "" }, { enabled: !isDescribed && values.poolId !== undefined }));
  const members = (isDescribed ? (values.pool?.members ?? []) : (existing.data?.members ?? [])).filter((member) => member.host !== "" && Number.isInteger(member.port));
  return (
    <div className="grid grid-cols-1 items-start gap-6 xl:grid-cols-[minmax(0,1fr)_23rem]">
      <Form isWide errors={form.formState.errors} labels={serviceLabels} submit={submit} cancelHref={cancelHref} isBusy={saving.isBusy} onSubmit={(event) => {
        const clean = tidied(form.getValues());
        for (const key of ["serverNames", "acceptProxy", "pool"] as const) form.setValue(key, clean[key]);
        void form.handleSubmit((settings) => saving.start(settings))(event);
      }}>
        {intro}
        <TextField label="Name" placeholder="Encryption web" value={values.name} onChange={(event) => set("name", event.target.value)} error={errorOf("name")} notes={notesAt("name")} />
        <CheckField label="Enabled" hint="While it is disabled, gateways do not listen for it." checked={values.isEnabled ?? true} onChange={(event) => set("isEnabled", event.target.checked)} />
        <ModeFields draft={draft} isSaved={saved !== undefined} />
        <WhereFields draft={draft} known={saved?.knownGateways ?? []} />
        <PoolFields draft={draft} mayDescribe={saved === undefined} />
        <PersistenceFields draft={draft} />
        <MemberLegFields draft={draft} />
        <FrontFields draft={draft} />
        <LimitFields draft={draft} />
        <TextAreaField label="Note" isOptional value={values.note ?? ""} onChange={(event) => set("note", event.target.value)} error={errorOf("note")} />
      </Form>
      <aside aria-label="Plan" className="xl:sticky xl:top-17 xl:max-h-[calc(100dvh-5.5rem)] xl:overflow-y-auto">
        <PlanPanel view={view} unplaced={findings.filter(({ place }) => place === null).map(({ finding }) => finding)} members={members} draft={draft} />
      </aside>
      {saved && <ConfirmSave saving={saving} title={`Change virtual service ${saved.name}?`} verb={submit} name={saved.name} />}
    </div>
  );
}

function Notes({ findings, reasons }: { findings: Finding[]; reasons: readonly Reason[] }) {
  return (
    <>
      {reasons.map((reason) => (
        <p key={`${reason.field}-${reason.sentence}`} className="border-l-2 border-line-strong pl-2 text-[13px] text-ink-2">
          <span className="text-ink-3">Why: </span>
          {reason.sentence}
        </p>
      ))}
      <FieldFindings findings={findings} />
    </>
  );
}
