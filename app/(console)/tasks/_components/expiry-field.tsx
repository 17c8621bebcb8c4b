"use client";
/** How long a task waits for an agent that is away. */
import { SelectField } from "@/app/_ui/fields.tsx";

const choices: [minutes: number, label: string][] = [[10, "10 minutes"], [60, "an hour"], [480, "8 hours"], [1_440, "a day"], [10_080, "7 days"], [43_200, "30 days"]];

export function ExpiryField({ value, onChange, error }: { value: number; onChange: (minutes: number) => void; error?: string | undefined }) {
  return (
    <SelectField label="Waits at most" value={String(value)} onChange={(event) => onChange(Number(event.target.value))} hint="An agent that appears later does not carry it out any more." error={error}>
      {choices.map(([minutes, label]) => (
        <option key={minutes} value={minutes}>
          {label}
        </option>
      ))}
    </SelectField>
  );
}
