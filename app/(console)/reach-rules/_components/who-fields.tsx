"use client";
/** Whom a rule lets in: roles, people, API keys. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useDeferredValue, useId, useState } from "react";
import { type Role, role } from "@/contract/roles.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { FieldError } from "@/app/_ui/fields.tsx";
import { Picker } from "@/app/_ui/picker.tsx";
import { useMay } from "../../_shell/use-person.ts";
import type { RuleInput } from "./reach-rule-form.tsx";

type Who = NonNullable<RuleInput["who"]>;
type Ref = { id: string; name: string };

const roleWord = { owner: "Owners", administrator: "Administrators", operator: "Operators", auditor: "Auditors" } as const satisfies Record<Role, string>;

export function RoleChecks({ legend, value, onChange, error }: { legend: string; value: readonly Role[]; onChange: (roles: Role[]) => void; error?: string | undefined }) {
  const id = useId();
  // Auditors read everything and change nothing.
  const offered = role.options.filter((option) => option !== "auditor" || value.includes(option));
  return (
    <fieldset className="flex min-w-0 flex-col gap-2" aria-describedby={error ? `${id}-error` : undefined}>
      <legend className="mb-1.5 text-[13px] font-medium">{legend}</legend>
      <div className="flex flex-wrap gap-x-5 gap-y-2">
        {offered.map((option) => (
          <label key={option} className="flex items-center gap-2 text-[14px]">
            <input type="checkbox" className="size-4 accent-accent" checked={value.includes(option)} onChange={() => onChange(value.includes(option) ? value.filter((other) => other !== option) : [...value, option])} />
            {roleWord[option]}
          </label>
        ))}
      </div>
      {error && <FieldError id={`${id}-error`} text={error} />}
    </fieldset>
  );
}

export function WhoFields({ value, onChange, error, people, apiKeys }: { value: Who; onChange: (who: Who) => void; error: string | undefined; people?: Ref[]; apiKeys?: Ref[] }) {
  const isOwner = useMay("own");
  return (
    <>
      <RoleChecks legend="Roles" value={value.roles ?? []} onChange={(roles) => onChange({ ...value, roles })} error={error} />
      {isOwner ? (
        <>
          <PeoplePicker value={value.userIds ?? []} onChange={(userIds) => onChange({ ...value, userIds })} known={people ?? []} />
          <KeyPicker value={value.apiKeyIds ?? []} onChange={(apiKeyIds) => onChange({ ...value, apiKeyIds })} known={apiKeys ?? []} />
        </>
      ) : (
        <p className="text-[13px] text-ink-3">Single people and API keys are chosen by an owner: only owners see them.{people && people.length + (apiKeys?.length ?? 0) > 0 && ` Chosen now: ${[...people, ...(apiKeys ?? [])].map((entry) => entry.name).join(", ")}.`}</p>
      )}
    </>
  );
}

function PeoplePicker({ value, onChange, known }: { value: readonly string[]; onChange: (ids: string[]) => void; known: Ref[] }) {
  const [search, onSearch] = useState("");
  const found = useQuery(useTRPC().user.list.queryOptions({ search: useDeferredValue(search).slice(0, 200), pageSize: 50 }, { placeholderData: keepPreviousData }));
  return <Picker legend="People" hint="Besides the roles." value={value} onChange={onChange} known={known} search={search} onSearch={onSearch} items={found.data?.rows.map((row) => ({ id: row.id, name: row.name, note: row.role }))} total={found.data?.total ?? 0} none="There is nobody else yet." />;
}

function KeyPicker({ value, onChange, known }: { value: readonly string[]; onChange: (ids: string[]) => void; known: Ref[] }) {
  const [search, onSearch] = useState("");
  const found = useQuery(useTRPC().apiKey.list.queryOptions({ search: useDeferredValue(search).slice(0, 200), pageSize: 50 }, { placeholderData: keepPreviousData }));
  return <Picker legend="API keys" hint="Orchestrators and scripts: they connect with the key, or with a client certificate issued to it." value={value} onChange={onChange} known={known} search={search} onSearch={onSearch} items={found.data?.rows.map((row) => ({ id: row.id, name: row.name, note: row.role }))} total={found.data?.total ?? 0} none="There is no API key yet; make one under Settings." />;
}
