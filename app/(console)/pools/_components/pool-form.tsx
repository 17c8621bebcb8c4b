"use client";
/** Creating and changing a pool. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import type { z } from "zod";
import { poolCreate } from "@/contract/service-objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Form } from "@/app/_ui/form.tsx";
import { PageHeader, useTitle } from "@/app/_ui/page.tsx";
import { useDraft } from "@/app/_ui/use-draft.ts";
import { ConfirmSave, useConfirmedSave } from "../../_shared/confirm-save.tsx";
import { LoadedOnce } from "../../_shared/loaded.tsx";
import { useSaved } from "../../_shared/use-saved.ts";
import { freshPool, poolLabels, type PoolValues } from "./fresh-pool.ts";
import { PoolEditor } from "./pool-editor.tsx";

type Values = z.output<typeof poolCreate>;

function PoolFields({ initial, confirmAs, submit, cancelHref, save }: { initial: PoolValues; confirmAs?: string; submit: string; cancelHref: string; save: (values: Values, confirmName: string | undefined) => Promise<unknown> }) {
  const form = useForm<PoolValues, unknown, Values>({ resolver: zodResolver(poolCreate), defaultValues: initial });
  const draft = useDraft(form);
  const saving = useConfirmedSave(form, save);
  return (
    <>
      <Form isWide errors={form.formState.errors} labels={poolLabels} submit={submit} cancelHref={cancelHref} isBusy={saving.isBusy} onSubmit={(event) => void form.handleSubmit((values) => saving.start(values))(event)}>
        <div className="flex max-w-5xl flex-col gap-5">
          <PoolEditor value={draft.values} set={draft.set} errorOf={draft.errorOf} />
        </div>
      </Form>
      {confirmAs !== undefined && <ConfirmSave saving={saving} title={`Change pool ${confirmAs}?`} verb={submit} name={confirmAs} />}
    </>
  );
}

export function PoolCreatePage() {
  const create = useMutation(useTRPC().pool.create.mutationOptions());
  const saved = useSaved();
  return (
    <>
      <PageHeader crumb={{ label: "Pools", href: routes.pools.list }} title="Create pool" purpose="Servers that can serve the same thing. A virtual service then sends its clients there." />
      <PoolFields initial={freshPool} submit="Create pool" cancelHref={routes.pools.list} save={async (values) => {
        const { id } = await create.mutateAsync(values);
        saved(`Pool ${values.name} created.`, routes.pools.detail(id));
      }} />
    </>
  );
}

export function PoolEditPage({ id }: { id: string }) {
  const pool = useQuery(useTRPC().pool.get.queryOptions({ id }, { refetchOnMount: "always" }));
  useTitle(pool.data && `Change ${pool.data.name}`);
  return <LoadedOnce query={pool}>{(data) => <PoolEdit pool={data} />}</LoadedOnce>;
}

/** A pool as its form starts: without what only an answer carries. */
export function poolValues(pool: Outputs["pool"]["get"]): PoolValues {
  const { name, scheduling, failsBack, isSessionBound, healthCheck, passiveCheck, note } = pool;
  const members = pool.members.map(({ id, name: memberName, host, port, weight, maxConnections, state }) => ({ id, name: memberName, host, port, weight, maxConnections, state }));
  return { name, scheduling, failsBack, isSessionBound, healthCheck, passiveCheck, note, members };
}

function PoolEdit({ pool }: { pool: Outputs["pool"]["get"] }) {
  const update = useMutation(useTRPC().pool.update.mutationOptions());
  const saved = useSaved();
  const href = routes.pools.detail(pool.id);
  return (
    <>
      <PageHeader crumb={{ label: pool.name, href }} title={`Change ${pool.name}`} purpose="A change reaches connected gateways in under a second. Connections that stand stay, unless a member is removed." />
      <PoolFields initial={poolValues(pool)} confirmAs={pool.name} submit="Save pool" cancelHref={href} save={async (values, confirmName) => {
        await update.mutateAsync({ ...values, id: pool.id, version: pool.version, confirmName });
        saved(`Pool ${values.name} saved.`, href);
      }} />
    </>
  );
}
