"use client";
/** The first bundle: name and group, then its download and the commands for the endpoint. */
import { DownloadSimple } from "@phosphor-icons/react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button, LinkButton } from "@/app/_ui/button.tsx";
import { CopyBlock } from "@/app/_ui/copy.tsx";
import { SelectField, TextField } from "@/app/_ui/fields.tsx";
import { ActionError, Notice } from "@/app/_ui/notice.tsx";

export function QuickBundle() {
  const trpc = useTRPC();
  const client = useQueryClient();
  const groups = useQuery(trpc.agentGroup.list.queryOptions({ pageSize: 200 }));
  const bundles = useQuery(trpc.bundle.list.queryOptions({ pageSize: 25, state: "active", desc: true }));
  const create = useMutation(trpc.bundle.create.mutationOptions({ onSuccess: () => client.invalidateQueries(trpc.bundle.pathFilter()) }));
  const download = useMutation(trpc.bundle.download.mutationOptions({ onSuccess: ({ url }) => window.location.assign(url) }));
  const [name, setName] = useState("First bundle");
  const [chosen, setChosen] = useState("");
  const usable = groups.data?.rows.filter((group) => group.kind === "static") ?? [];
  const groupId = chosen === "" ? (usable.find((group) => group.policyCount > 0) ?? usable[0])?.id : chosen;
  const bundle = bundles.data?.rows[0];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (groupId) create.mutate({ name, groupIds: [groupId] });
  };
  if (groups.data && usable.length === 0) return <Notice tone="warn" title="There is no static group yet." action={<LinkButton size="small" href={`${routes.groups.create}?from=guide`}>Create group</LinkButton>} />;
  if (bundle) {
    return (
      <div className="flex max-w-2xl flex-col gap-3 rounded-md border border-line p-4">
        <div className="flex flex-wrap items-center gap-3">
          <Button look="primary" icon={DownloadSimple} isBusy={download.isPending} onClick={() => download.mutate({ id: bundle.id })}>
            Download {bundle.name}
          </Button>
          <span className="tabular text-[13px] text-ink-3">
            {bundle.uses} of {bundle.usesMax} used
          </span>
          <LinkButton look="quiet" href={routes.bundles.detail(bundle.id)}>
            Show bundle
          </LinkButton>
        </div>
        <ActionError error={download.error} />
        <p className="text-[13px]">On the endpoint, with the downloaded file:</p>
        <CopyBlock text={`tar -xzf ${download.data?.fileName ?? "sallyport-agent.tar.gz"}\ncd sallyport-agent\nsudo ./install.sh`} what="install commands" />
      </div>
    );
  }
  return (
    <form noValidate onSubmit={submit} className="flex max-w-2xl flex-col gap-4 rounded-md border border-line p-4" aria-label="Create the first bundle">
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField label="Bundle name" value={name} onChange={(event) => setName(event.target.value)} />
        <SelectField label="Group" value={groupId ?? ""} onChange={(event) => setChosen(event.target.value)}>
          {usable.map((group) => (
            <option key={group.id} value={group.id}>
              {group.name}
            </option>
          ))}
        </SelectField>
      </div>
      <ActionError error={create.error} />
      <div>
        <Button type="submit" look="primary" isBusy={create.isPending} disabled={!groupId}>
          Create bundle
        </Button>
      </div>
    </form>
  );
}
