"use client";
/** A gateway's listeners: address, port, and what a connection may ask for. */
import { Plus, Trash } from "@phosphor-icons/react";
import { useQuery } from "@tanstack/react-query";
import { Controller, useFieldArray } from "react-hook-form";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { RadioField, SelectField, TextField } from "@/app/_ui/fields.tsx";
import { errorAt, FormSection } from "@/app/_ui/form.tsx";
import { AcceptProxyFields } from "../../_shared/accept-proxy-fields.tsx";
import type { GatewayForm } from "./gateway-form.tsx";

export function ListenerFields({ form }: { form: GatewayForm }) {
  const { fields, append, remove } = useFieldArray({ control: form.control, name: "listeners" });
  const servers = useQuery(useTRPC().server.list.queryOptions({ pageSize: 200 }));
  const { errors } = form.formState;
  return (
    <FormSection title="Listeners" hint="Where it accepts connections on its own machine.">
      {fields.map((listener, index) => (
        <div key={listener.id} className="flex flex-col gap-4 border-t border-line pt-4 first-of-type:border-t-0 first-of-type:pt-0">
          <div className="grid gap-4 sm:grid-cols-[1fr_9rem]">
            <TextField label="Address" isMono hint=":: for all addresses" error={errors.listeners?.[index]?.address?.message} {...form.register(`listeners.${index}.address`)} />
            <TextField label="Port" type="number" min={1} max={65535} error={errors.listeners?.[index]?.port?.message} {...form.register(`listeners.${index}.port`, { valueAsNumber: true })} />
          </div>
          <Controller control={form.control} name={`listeners.${index}.mode`} render={({ field }) => {
            const mode = field.value ?? { kind: "connect" as const };
            return (
              <>
                <RadioField legend="Mode" name={`mode-${index}`} value={mode.kind} onChange={(kind) => field.onChange(kind === "connect" ? { kind } : { kind, serverId: servers.data?.rows[0]?.id ?? "", port: servers.data?.rows[0]?.ports[0] ?? 4726 })} error={errorAt(errors, `listeners.${index}.mode`)} options={[
                  { value: "connect", label: "The client names the server (HTTP CONNECT)", hint: "What agents and curl use." },
                  { value: "direct", label: "One fixed server", hint: "TCP to it opens as soon as the handshake is accepted." },
                ]} />
                {mode.kind === "direct" && (
                  <div className="grid gap-4 sm:grid-cols-[1fr_9rem]">
                    <SelectField label="Server" value={mode.serverId} onChange={(event) => field.onChange({ ...mode, serverId: event.target.value })}>
                      {servers.data?.rows.map((server) => <option key={server.id} value={server.id}>{server.name}</option>)}
                    </SelectField>
                    <TextField label="Server port" type="number" min={1} max={65535} value={mode.port} onChange={(event) => field.onChange({ ...mode, port: event.target.valueAsNumber })} />
                  </div>
                )}
              </>
            );
          }} />
          <Controller control={form.control} name={`listeners.${index}.acceptProxy`} render={({ field }) => (
            <AcceptProxyFields id={`listener-${index}`} value={field.value ?? { kind: "off" }} onChange={field.onChange} error={errorAt(errors, `listeners.${index}.acceptProxy`)} />
          )} />
          {fields.length > 1 && (
            <div>
              <Button look="danger-quiet" size="small" icon={Trash} onClick={() => remove(index)}>
                Remove listener {index + 1}
              </Button>
            </div>
          )}
        </div>
      ))}
      <div>
        <Button size="small" icon={Plus} onClick={() => append({ address: "::", port: 8443, mode: { kind: "connect" }, acceptProxy: { kind: "off" }, limits: {} })}>
          Add listener
        </Button>
      </div>
    </FormSection>
  );
}
