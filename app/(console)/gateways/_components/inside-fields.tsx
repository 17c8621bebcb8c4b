"use client";
/** A gateway's inside listener: where people and orchestrators ask it for a service on an agent. Off unless wanted. */
import { Controller } from "react-hook-form";
import { insidePortDefault } from "@/contract/reach.ts";
import { CheckField, LinesField, TextField } from "@/app/_ui/fields.tsx";
import { errorAt, FormSection } from "@/app/_ui/form.tsx";
import type { GatewayForm } from "./gateway-form.tsx";

export function InsideFields({ form }: { form: GatewayForm }) {
  const { errors } = form.formState;
  return (
    <FormSection title="Inside listener">
      <Controller control={form.control} name="inside" render={({ field }) => {
        const inside = field.value ?? null;
        const port = inside?.port ?? insidePortDefault;
        const errorOf = (path: string) => errorAt(errors, `inside.${path}`);
        return (
          <>
            <CheckField label="Agents are reached through this gateway" hint="It then listens on the inside as well, for ssh and other clients that name an agent. A gateway without it still carries channels: another one asks it." checked={inside !== null} onChange={(event) => field.onChange(event.target.checked ? { address: "::", port: insidePortDefault, names: [] } : null)} />
            {inside !== null && (
              <>
                <div className="grid gap-4 sm:grid-cols-[1fr_9rem]">
                  <TextField label="Inside address" isMono hint="An address of its inside interface, or :: for all of them." value={inside.address} onChange={(event) => field.onChange({ ...inside, address: event.target.value.trim() })} error={errorOf("address")} />
                  <TextField label="Inside port" type="number" min={1} max={65535} value={Number.isNaN(port) ? "" : port} onChange={(event) => field.onChange({ ...inside, port: event.target.valueAsNumber })} error={errorOf("port")} />
                </div>
                <LinesField label="Inside names" hint="How clients and other gateways reach it from inside, one per line. They stand in its certificate, which this organisation's CA issues." placeholder="gw-berlin.inside.example" value={inside.names} onChange={(names) => field.onChange({ ...inside, names })} error={errorOf("names")} />
              </>
            )}
          </>
        );
      }} />
    </FormSection>
  );
}
