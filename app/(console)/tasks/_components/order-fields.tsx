"use client";
/** What is to be done: each kind of task with its consequence, and what it needs to know. */
import { type TaskKind, taskKind } from "@/contract/command.ts";
import type { z } from "zod";
import type { taskOrder } from "@/contract/command.ts";
import { NumberField, SelectField, TextAreaField, TextField } from "@/app/_ui/fields.tsx";
import { taskKindWords } from "../../_shared/reach-words.tsx";

export type Order = z.input<typeof taskOrder>;
export const freshOrder: Order = { kind: "collect-inventory" };

/** A fresh order of a kind. */
export function orderOf(kind: TaskKind): Order {
  if (kind === "collect-logs") return { kind, lines: 2_000 };
  if (kind === "run-script") return { kind, script: "#!/bin/sh\n", user: "agent", timeoutSeconds: 300, outputMaxBytes: 1_000_000 };
  return { kind };
}

/** `errorOf` gets "" for the whole and ".script" and so on for its parts. */
export function OrderFields({ value, onChange, errorOf }: { value: Order; onChange: (order: Order) => void; errorOf: (path: string) => string | undefined }) {
  return (
    <>
      <SelectField label="Task" value={value.kind} onChange={(event) => onChange(orderOf(event.target.value as TaskKind))} hint={taskKindWords[value.kind].text} error={value.kind === "run-script" || value.kind === "collect-logs" ? undefined : errorOf("")}>
        {taskKind.options.map((kind) => (
          <option key={kind} value={kind}>
            {taskKindWords[kind].label}
          </option>
        ))}
      </SelectField>
      {value.kind === "collect-logs" && <NumberField label="Lines" min={1} max={20_000} hint="The newest ones." value={value.lines ?? 2_000} onChange={(lines) => onChange({ ...value, lines: lines ?? Number.NaN })} error={errorOf(".lines")} />}
      {value.kind === "run-script" && (
        <>
          <TextAreaField label="Script" isMono rows={8} value={value.script} onChange={(event) => onChange({ ...value, script: event.target.value })} hint="The first line names the interpreter; without one it is /bin/sh. It is sealed for the agent: no gateway or relay can read it." error={errorOf(".script")} />
          <div className="grid gap-4 sm:grid-cols-3">
            <TextField label="Run as" isMono value={value.user ?? "agent"} onChange={(event) => onChange({ ...value, user: event.target.value.trim() })} hint="agent: its own user" error={errorOf(".user")} />
            <NumberField label="Time limit (seconds)" min={1} max={86_400} value={value.timeoutSeconds ?? 300} onChange={(seconds) => onChange({ ...value, timeoutSeconds: seconds ?? Number.NaN })} error={errorOf(".timeoutSeconds")} />
            <NumberField label="Output limit (kB)" factor={1000} min={1} max={10_000} value={value.outputMaxBytes ?? 1_000_000} onChange={(size) => onChange({ ...value, outputMaxBytes: size ?? Number.NaN })} error={errorOf(".outputMaxBytes")} />
          </div>
        </>
      )}
    </>
  );
}
