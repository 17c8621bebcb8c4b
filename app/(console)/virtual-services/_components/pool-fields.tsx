"use client";
/** The pool behind a service: one that exists, or a new one made in the same step. */
import { useQuery } from "@tanstack/react-query";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { RadioField, SelectField } from "@/app/_ui/fields.tsx";
import { FormSection } from "@/app/_ui/form.tsx";
import { freshPool } from "../../pools/_components/fresh-pool.ts";
import { PoolEditor } from "../../pools/_components/pool-editor.tsx";
import { schedulingWords } from "../../_shared/service-words.tsx";
import type { PartProperties } from "./service-draft.ts";

/** `mayDescribe`: a new pool can be described here; a saved service chooses among those that exist. */
export function PoolFields({ draft, mayDescribe }: PartProperties & { mayDescribe: boolean }) {
  const { values, set, errorOf, notesAt } = draft;
  const pools = useQuery(useTRPC().pool.list.queryOptions({ pageSize: 200 }));
  const isNew = values.pool !== undefined;
  const none = pools.data?.total === 0 ? "there is no pool yet." : null;
  const describe = (wanted: boolean) => {
    set("pool", wanted ? freshPool : undefined);
    set("poolId", wanted ? undefined : (values.poolId ?? pools.data?.rows[0]?.id));
  };
  return (
    <>
      <FormSection title="What is behind it" hint="A pool: servers that can serve the same thing. Its members, health check and scheduling belong to it, and several services may share it.">
        {mayDescribe && <RadioField legend="Pool" name="pool-choice" value={isNew ? "new" : "existing"} onChange={(choice) => describe(choice === "new")} options={[{ value: "new", label: "Describe a new pool" }, { value: "existing", label: "Use a pool that exists", refused: none }]} />}
        {!isNew && (
          <div className="flex flex-wrap items-end gap-2">
            <div className="min-w-0 flex-1">
              <SelectField label={mayDescribe ? "Pool that exists" : "Pool"} value={values.poolId ?? ""} onChange={(event) => set("poolId", event.target.value)} error={errorOf("poolId")}>
                {pools.data?.rows.map((pool) => <option key={pool.id} value={pool.id}>{pool.name}: {schedulingWords[pool.scheduling].label.toLowerCase()}, {pool.memberCount} members</option>)}
              </SelectField>
            </div>
            {values.poolId && <LinkButton href={routes.pools.edit(values.poolId)} isExternal>Change this pool</LinkButton>}
          </div>
        )}
        {!isNew && notesAt("pool")}
        {!isNew && notesAt("poolId")}
      </FormSection>
      {values.pool && (
        <div className="flex flex-col gap-5 border-l-2 border-line pl-4">
          <h2 className="text-[15px] font-semibold">The new pool</h2>
          <PoolEditor value={values.pool} set={(key, value) => set("pool", { ...(values.pool ?? freshPool), [key]: value })} errorOf={(path) => errorOf(`pool.${path}`)} notesAt={(path) => notesAt(path === "" ? "pool" : `pool.${path}`)} standardPort={values.port ?? 443} namePlaceholder={values.name.trim() === "" ? "Mail servers" : `${values.name.trim()} members`} />
        </div>
      )}
    </>
  );
}
