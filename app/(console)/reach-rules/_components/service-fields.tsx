"use client";
/** The services a rule opens: a name that people see, and where the agent dials. */
import { Plus, Trash } from "@phosphor-icons/react";
import { Button } from "@/app/_ui/button.tsx";
import { FieldError, TextField } from "@/app/_ui/fields.tsx";
import { FormSection } from "@/app/_ui/form.tsx";
import type { RuleInput } from "./reach-rule-form.tsx";

type Service = NonNullable<RuleInput["services"]>[number];

const presets: Service[] = [
  { name: "ssh", host: "127.0.0.1", port: 22 },
  { name: "postgres", host: "127.0.0.1", port: 5432 },
  { name: "rdp", host: "127.0.0.1", port: 3389 },
  { name: "https", host: "127.0.0.1", port: 443 },
];

export function ServiceFields({ value, onChange, errorOf }: { value: readonly Service[]; onChange: (services: Service[]) => void; errorOf: (path: string) => string | undefined }) {
  const change = (index: number, part: Partial<Service>) => onChange(value.map((service, at) => (at === index ? { ...service, ...part } : service)));
  const own = value.some((_, index) => errorOf(`.${index}.name`) ?? errorOf(`.${index}.host`) ?? errorOf(`.${index}.port`));
  const whole = own ? undefined : errorOf("");
  const missing = presets.filter((preset) => value.every((service) => service.port !== preset.port));
  return (
    <FormSection title="Which services" hint="The agent dials them on its own computer, or on a device beside it that you name by address.">
      {value.map((service, index) => (
        <div key={index} className="grid items-start gap-3 border-t border-line pt-4 first-of-type:border-t-0 first-of-type:pt-0 sm:grid-cols-[1fr_1.4fr_7rem_auto]">
          <TextField label="Name" value={service.name} onChange={(event) => change(index, { name: event.target.value })} error={errorOf(`.${index}.name`)} />
          <TextField label="Address seen from the agent" isMono value={service.host ?? "127.0.0.1"} onChange={(event) => change(index, { host: event.target.value.trim() })} error={errorOf(`.${index}.host`)} />
          <TextField label="Port" type="number" min={1} max={65535} value={Number.isNaN(service.port) ? "" : service.port} onChange={(event) => change(index, { port: event.target.valueAsNumber })} error={errorOf(`.${index}.port`)} />
          <div className="sm:pt-[1.65rem]">
            <Button look="quiet" icon={Trash} aria-label={`Remove service ${service.name || index + 1}`} onClick={() => onChange(value.filter((_, at) => at !== index))} />
          </div>
        </div>
      ))}
      {whole && <FieldError text={whole} />}
      <div className="flex flex-wrap gap-2">
        {missing.map((preset) => (
          <Button key={preset.port} size="small" icon={Plus} onClick={() => onChange([...value, preset])}>
            Add {preset.name}
          </Button>
        ))}
        <Button size="small" icon={Plus} onClick={() => onChange([...value, { name: "", host: "127.0.0.1", port: 8080 }])}>
          Add another
        </Button>
      </div>
    </FormSection>
  );
}
