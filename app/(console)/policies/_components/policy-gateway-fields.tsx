"use client";
/** A policy's gateways in the order that agents try them: name, port and accepted fingerprints, filled in from the gateway. */
import { ArrowDown, ArrowUp, Trash } from "@phosphor-icons/react";
import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { Controller, useFieldArray } from "react-hook-form";
import { groupHex, normaliseHex } from "@/contract/fingerprint.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { cleanLines, FieldError, LinesField, TextField } from "@/app/_ui/fields.tsx";
import { errorAt, FormSection } from "@/app/_ui/form.tsx";
import { Notice } from "@/app/_ui/notice.tsx";
import type { PolicyForm } from "./policy-form.tsx";

type GatewayRow = Outputs["gateway"]["list"]["rows"][number];

export function PolicyGatewayFields({ form }: { form: PolicyForm }) {
  const { fields, append, remove, swap } = useFieldArray({ control: form.control, name: "gateways" });
  const gateways = useQuery(useTRPC().gateway.list.queryOptions({ pageSize: 200 }));
  const { errors } = form.formState;
  const known = gateways.data?.rows ?? [];
  const add = (gateway: GatewayRow) => append({ gatewayId: gateway.id, fqdn: gateway.publicNames[0] ?? "", port: gateway.publicPort, pins: gateway.fingerprint ? [groupHex(gateway.fingerprint)] : [] });
  const own = errors.gateways?.root?.message ?? errors.gateways?.message;
  return (
    <FormSection title="Gateways" hint="Tried from top to bottom when the LAN does not answer.">
      {fields.length === 0 && <p className="text-[13px] text-ink-3">None yet: agents of this policy work on the LAN only.</p>}
      <ol className="flex flex-col gap-3">
        {fields.map((entry, index) => {
          const gateway = known.find((row) => row.id === form.getValues(`gateways.${index}.gatewayId`));
          return (
            <li key={entry.id} className="flex flex-col gap-3 rounded-md border border-line p-3">
              <div className="flex flex-wrap items-center gap-2">
                <span className="tabular min-w-0 flex-1 font-semibold">
                  {index + 1}. {gateway?.name ?? "gateway"}
                </span>
                <Button size="small" icon={ArrowUp} aria-label={`Move ${gateway?.name ?? "gateway"} up`} disabled={index === 0} onClick={() => swap(index, index - 1)} />
                <Button size="small" icon={ArrowDown} aria-label={`Move ${gateway?.name ?? "gateway"} down`} disabled={index === fields.length - 1} onClick={() => swap(index, index + 1)} />
                <Button size="small" look="danger-quiet" icon={Trash} aria-label={`Remove ${gateway?.name ?? "gateway"}`} onClick={() => remove(index)} />
              </div>
              <div className="grid gap-3 sm:grid-cols-[1fr_9rem]">
                <TextField label="FQDN" isMono placeholder="gw.example.com" hint="The name agents dial; it must resolve from outside." error={errors.gateways?.[index]?.fqdn?.message} {...form.register(`gateways.${index}.fqdn`)} />
                <TextField label="Port" type="number" min={1} max={65535} error={errors.gateways?.[index]?.port?.message} {...form.register(`gateways.${index}.port`, { valueAsNumber: true })} />
              </div>
              <Controller control={form.control} name={`gateways.${index}.pins`} render={({ field }) => (
                <>
                  <LinesField label="Pins" hint="SHA-256 fingerprints of the certificates it may present, one per line. Two while a pin is being changed." value={field.value ?? []} onChange={field.onChange} error={errorAt(errors, `gateways.${index}.pins`)} />
                  {gateway?.fingerprint && !(field.value ?? []).some((pin) => normaliseHex(pin) === gateway.fingerprint) && (
                    <Notice tone="warn" title="None of these is what the gateway presents now." action={<Button size="small" onClick={() => field.onChange([...cleanLines(field.value ?? []), groupHex(gateway.fingerprint ?? "")])}>Add its fingerprint</Button>}>
                      Agents would refuse it.
                    </Notice>
                  )}
                  {gateway && !gateway.fingerprint && <p className="text-[13px] text-ink-3">The gateway has not reported its certificate yet; its fingerprint is filled in here once it has enrolled.</p>}
                </>
              )} />
            </li>
          );
        })}
      </ol>
      {own && <FieldError text={own} />}
      <AddGateway known={known} isEmpty={gateways.data?.total === 0} onAdd={add} />
    </FormSection>
  );
}

function AddGateway({ known, isEmpty, onAdd }: { known: GatewayRow[]; isEmpty: boolean; onAdd: (gateway: GatewayRow) => void }) {
  const id = useId();
  const [chosen, setChosen] = useState("");
  const gateway = known.find((row) => row.id === (chosen === "" ? known[0]?.id : chosen));
  if (isEmpty) return <p className="text-[13px] text-ink-3">There is no gateway yet. Create one first, then add it here.</p>;
  return (
    <div className="flex flex-wrap items-end gap-2">
      <div className="flex min-w-0 flex-1 flex-col gap-1.5">
        <label htmlFor={id} className="text-[13px] font-medium">
          Gateway to add
        </label>
        <select id={id} className="control" value={gateway?.id ?? ""} onChange={(event) => setChosen(event.target.value)}>
          {known.map((row) => (
            <option key={row.id} value={row.id}>
              {row.name}
            </option>
          ))}
        </select>
      </div>
      <Button disabled={!gateway} onClick={() => gateway && onAdd(gateway)}>
        Add gateway
      </Button>
    </div>
  );
}
