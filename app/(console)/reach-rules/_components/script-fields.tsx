"use client";
/** Scripts: off unless a rule carries this, and then as listed users and within limits only. */
import { CheckField, cleanLines, LinesField, NumberField } from "@/app/_ui/fields.tsx";
import { FormSection } from "@/app/_ui/form.tsx";
import type { RuleInput } from "./reach-rule-form.tsx";

type Scripts = NonNullable<RuleInput["scripts"]>;

export function ScriptFields({ value, onChange, errorOf }: { value: Scripts | null; onChange: (scripts: Scripts | null) => void; errorOf: (path: string) => string | undefined }) {
  return (
    <FormSection title="Scripts">
      <CheckField label="Allow scripts as tasks" hint="Off by default. The agent checks user, time and output limit against its own copy of the rule." checked={value !== null} onChange={(event) => onChange(event.target.checked ? { users: ["agent"], timeoutMaxSeconds: 300, outputMaxBytes: 1_000_000 } : null)} />
      {value !== null && (
        <>
          <LinesField label="As these users" hint="One per line. agent is the agent's own user; root gives whoever may run tasks everything on that computer." value={value.users} onChange={(users) => onChange({ ...value, users: users.length === 0 ? [] : users.some((user) => user.trim() === "") ? users : cleanLines(users) })} error={errorOf(".users")} />
          <div className="grid gap-4 sm:grid-cols-2">
            <NumberField label="Time limit (seconds)" min={1} max={86_400} value={value.timeoutMaxSeconds ?? 300} onChange={(seconds) => onChange({ ...value, timeoutMaxSeconds: seconds ?? Number.NaN })} error={errorOf(".timeoutMaxSeconds")} />
            <NumberField label="Output limit (kB)" factor={1000} min={1} max={10_000} value={value.outputMaxBytes ?? 1_000_000} onChange={(size) => onChange({ ...value, outputMaxBytes: size ?? Number.NaN })} error={errorOf(".outputMaxBytes")} />
          </div>
        </>
      )}
    </FormSection>
  );
}
