"use client";
/** The rule of a dynamic group, and whom it would match now. */
import { Plus, Trash } from "@phosphor-icons/react";
import { useMutation } from "@tanstack/react-query";
import Link from "next/link";
import { useEffect } from "react";
import { useFieldArray, useWatch } from "react-hook-form";
import { type groupCondition, groupRule } from "@/contract/objects.ts";
import type { z } from "zod";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { FieldError, SelectField } from "@/app/_ui/fields.tsx";
import { errorAt, FormSection } from "@/app/_ui/form.tsx";
import { ActionError } from "@/app/_ui/notice.tsx";
import type { GroupForm } from "./group-form.tsx";

type Field = z.infer<typeof groupCondition>["field"];
type Operator = z.infer<typeof groupCondition>["operator"];

export const fieldTitle = { hostname: "Host name", platform: "Platform", osName: "Operating system", osVersion: "OS version", architecture: "Architecture", address: "Address", agentVersion: "Agent version" } as const satisfies Record<Field, string>;
export const operatorTitle = { equals: "is", "starts-with": "starts with", "ends-with": "ends with", contains: "contains", "in-subnet": "is in subnet" } as const satisfies Record<Operator, string>;

export function RuleFields({ form }: { form: GroupForm }) {
  const { fields, append, remove } = useFieldArray({ control: form.control, name: "rule.conditions" });
  const { errors } = form.formState;
  const conditions = useWatch({ control: form.control, name: "rule.conditions" }) ?? [];
  return (
    <FormSection title="Rule">
      <SelectField label="An agent belongs to the group when" {...form.register("rule.match")}>
        <option value="all">all of these hold</option>
        <option value="any">one of these holds</option>
      </SelectField>
      <ul className="flex flex-col gap-3">
        {fields.map((entry, index) => {
          const isAddress = conditions[index]?.field === "address";
          const problem = errorAt(errors, `rule.conditions.${index}`);
          return (
            <li key={entry.id} className="flex flex-col gap-1.5">
              <div className="grid grid-cols-1 gap-2 sm:grid-cols-[11rem_9rem_1fr_auto]">
                <select
                  aria-label={`Condition ${index + 1}: what`}
                  className="control"
                  {...form.register(`rule.conditions.${index}.field`, {
                    onChange: (event: { target: { value: string } }) => form.setValue(`rule.conditions.${index}.operator`, event.target.value === "address" ? "in-subnet" : "starts-with"),
                  })}
                >
                  {Object.entries(fieldTitle).map(([value, title]) => (
                    <option key={value} value={value}>
                      {title}
                    </option>
                  ))}
                </select>
                <select aria-label={`Condition ${index + 1}: how`} className="control" {...form.register(`rule.conditions.${index}.operator`)}>
                  {Object.entries(operatorTitle)
                    .filter(([value]) => (value === "in-subnet") === isAddress)
                    .map(([value, title]) => (
                      <option key={value} value={value}>
                        {title}
                      </option>
                    ))}
                </select>
                <input aria-label={`Condition ${index + 1}: value`} aria-invalid={problem ? true : undefined} className="control font-mono text-[13px]" placeholder={isAddress ? "10.20.0.0/16" : "lt-"} autoComplete="off" {...form.register(`rule.conditions.${index}.value`)} />
                <Button look="quiet" icon={Trash} aria-label={`Remove condition ${index + 1}`} disabled={fields.length === 1} onClick={() => remove(index)} />
              </div>
              {problem && <FieldError text={problem} />}
            </li>
          );
        })}
      </ul>
      <div>
        <Button size="small" icon={Plus} disabled={fields.length >= 20} onClick={() => append({ field: "hostname", operator: "starts-with", value: "" })}>
          Add condition
        </Button>
      </div>
      <RulePreview form={form} />
    </FormSection>
  );
}

/** Asks half a second after the last keystroke. */
function RulePreview({ form }: { form: GroupForm }) {
  const rule = useWatch({ control: form.control, name: "rule" });
  const parsed = groupRule.safeParse(rule);
  const text = parsed.success ? JSON.stringify(parsed.data) : "";
  const preview = useMutation(useTRPC().agentGroup.preview.mutationOptions());
  const { mutate } = preview;
  useEffect(() => {
    if (text === "") return;
    const timer = setTimeout(() => mutate({ rule: groupRule.parse(JSON.parse(text)) }), 500);
    return () => clearTimeout(timer);
  }, [text, mutate]);
  if (text === "") return <p className="text-[13px] text-ink-3">Fill in the conditions to see whom they match.</p>;
  return (
    <div role="status" className="rounded-md bg-sunken px-3 py-2 text-[13px]">
      {preview.data ? (
        <>
          <p className="font-medium">
            Matches {preview.data.count} {preview.data.count === 1 ? "agent" : "agents"} now.
          </p>
          {preview.data.sample.length > 0 && (
            <p className="text-ink-2">
              {preview.data.sample.map((agent, index) => (
                <span key={agent.id}>
                  {index > 0 && ", "}
                  <Link href={routes.agents.detail(agent.id)} className="text-accent hover:underline">
                    {agent.name}
                  </Link>
                </span>
              ))}
              {preview.data.count > preview.data.sample.length && ` and ${preview.data.count - preview.data.sample.length} more`}
            </p>
          )}
        </>
      ) : (
        <p className="text-ink-3">Looking</p>
      )}
      <ActionError error={preview.error} />
    </div>
  );
}
