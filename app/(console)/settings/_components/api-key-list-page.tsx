"use client";
/** API keys: made, shown once, revoked. */
import { zodResolver } from "@hookform/resolvers/zod";
import { Certificate, Plus, Prohibit } from "@phosphor-icons/react";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useForm } from "react-hook-form";
import type { z } from "zod";
import { apiKeyCreate } from "@/contract/objects.ts";
import { role } from "@/contract/roles.ts";
import { docs } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { CopyBlock } from "@/app/_ui/copy.tsx";
import { Dialog } from "@/app/_ui/dialog.tsx";
import { SelectField, TextField } from "@/app/_ui/fields.tsx";
import { showProblem } from "@/app/_ui/form.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { Notice } from "@/app/_ui/notice.tsx";
import { PageHeader } from "@/app/_ui/page.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { useMay, usePerson } from "../../_shell/use-person.ts";
import { KeyCertificateDialog } from "./key-certificate-dialog.tsx";
import { roleHint } from "./user-list-page.tsx";

type KeyRow = Outputs["apiKey"]["list"]["rows"][number];

export function ApiKeyListPage() {
  const person = usePerson();
  const isOwner = useMay("own");
  if (person && !isOwner) {
    return (
      <>
        <PageHeader title="API keys" purpose="Keys with which programs use /api/v1 and the sallyport command." />
        <Notice tone="idle" title="Only owners see and make API keys.">
          Your role is {person.role}. Ask an owner of {person.organisation.name} for a key.
        </Notice>
      </>
    );
  }
  return <Keys />;
}

function Keys() {
  const list = useListState({ sorts: ["name", "createdAt", "expiresAt", "lastUsedAt"], standard: "name" });
  const query = useQuery(useTRPC().apiKey.list.queryOptions(list.input, { placeholderData: keepPreviousData }));
  const [isCreating, setCreating] = useState(false);
  const [certified, setCertified] = useState<KeyRow>();
  const create = (
    <Button look="primary" icon={Plus} onClick={() => setCreating(true)}>
      Create API key
    </Button>
  );
  return (
    <>
      <ListPage
        title="API keys"
        purpose="Keys with which programs use /api/v1 and the sallyport command."
        noun={["API key", "API keys"]}
        action={create}
        list={list}
        query={query}
        rowId={(key) => key.id}
        rowName={(key) => key.name}
        columns={[
          { key: "name", title: "Name", sort: "name", cell: (key) => key.name },
          { key: "role", title: "Role", cell: (key) => key.role },
          { key: "prefix", title: "Begins with", cell: (key) => <code className="font-mono text-[12px]">{key.prefix}</code> },
          { key: "used", title: "Last used", sort: "lastUsedAt", cell: (key) => <Time at={key.lastUsedAt} /> },
          { key: "expires", title: "Expires", sort: "expiresAt", cell: (key) => <Time at={key.expiresAt} /> },
          { key: "by", title: "Created by", isWideOnly: true, cell: (key) => key.createdBy },
        ]}
        rowActions={(key) => (
          <span className="inline-flex flex-wrap justify-end gap-2">
            <Button size="small" icon={Certificate} onClick={() => setCertified(key)}>
              Issue certificate
            </Button>
            <RevokeKey apiKey={key} />
          </span>
        )}
        empty={{ title: "No API keys", why: "A key lets a program do what its role may, without a person signing in. It ends on its own.", action: create, docs: docs.apiKeys }}
      />
      {certified && <KeyCertificateDialog apiKey={certified} onClose={() => setCertified(undefined)} />}
      {isCreating && <CreateDialog onClose={() => setCreating(false)} />}
    </>
  );
}

function RevokeKey({ apiKey }: { apiKey: KeyRow }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const revoke = useMutation(trpc.apiKey.revoke.mutationOptions({ onSettled: () => client.invalidateQueries(trpc.apiKey.pathFilter()) }));
  return <DangerAction size="small" label="Revoke key" icon={Prohibit} title={`Revoke API key ${apiKey.name}?`} name={apiKey.name} done={`API key ${apiKey.name} revoked.`} load={() => Promise.resolve({ agentsAffected: 0, lines: [`Programs that use ${apiKey.prefix}… are refused from now on.`], blockers: [], undo: "A revoked key never works again; make a new one.", needsConfirmation: false })} run={() => revoke.mutateAsync({ id: apiKey.id })} />;
}

function CreateDialog({ onClose }: { onClose: () => void }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const form = useForm<z.input<typeof apiKeyCreate>, unknown, z.output<typeof apiKeyCreate>>({ resolver: zodResolver(apiKeyCreate), defaultValues: { name: "", role: "operator", daysValid: 90 } });
  const create = useMutation(trpc.apiKey.create.mutationOptions({ onSuccess: () => client.invalidateQueries(trpc.apiKey.pathFilter()), onError: (error) => showProblem(form, error) }));
  const { errors } = form.formState;
  const submit = form.handleSubmit((values) => create.mutate(values));
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={create.data ? "API key made" : "Create API key"}
      actions={
        create.data ? (
          <Button look="primary" onClick={onClose}>
            Close
          </Button>
        ) : (
          <>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="primary" isBusy={create.isPending} onClick={() => void submit()}>
              Create API key
            </Button>
          </>
        )
      }
    >
      {create.data ? (
        <>
          <Notice tone="warn" title="The key is shown once. Keep it like a password.">
            It ends <Time at={create.data.expiresAt} />.
          </Notice>
          <CopyBlock text={create.data.key} what="API key" isSecret />
        </>
      ) : (
        <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
          {errors.root?.message && <Notice tone="fault" isAlert title={errors.root.message} />}
          <TextField label="Name" hint="What it is for, such as backup script." error={errors.name?.message} {...form.register("name")} />
          <SelectField label="Role" error={errors.role?.message} {...form.register("role")}>
            {role.options.map((option) => (
              <option key={option} value={option}>
                {option}: {roleHint[option]}
              </option>
            ))}
          </SelectField>
          <TextField label="Valid for (days)" type="number" min={1} max={365} error={errors.daysValid?.message} {...form.register("daysValid", { valueAsNumber: true })} />
          <button type="submit" hidden />
        </form>
      )}
    </Dialog>
  );
}
