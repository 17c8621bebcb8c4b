"use client";
/** People: members and open invitations. */
import { Plus, Trash } from "@phosphor-icons/react";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { zodResolver } from "@hookform/resolvers/zod";
import { useState } from "react";
import { useForm } from "react-hook-form";
import type { z } from "zod";
import { userInvite } from "@/contract/objects.ts";
import { role, type Role } from "@/contract/roles.ts";
import { docs } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { CopyBlock } from "@/app/_ui/copy.tsx";
import { Dialog } from "@/app/_ui/dialog.tsx";
import { SelectField, TextField } from "@/app/_ui/fields.tsx";
import { showProblem } from "@/app/_ui/form.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { Notice } from "@/app/_ui/notice.tsx";
import { State } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { confirm } from "@/app/_ui/toast.ts";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { useMay } from "../../_shell/use-person.ts";

type UserRow = Outputs["user"]["list"]["rows"][number];

export const roleHint = { owner: "everything, people and API keys included", administrator: "objects, policies and certificates", operator: "agents and bundles, day to day", auditor: "reads everything, changes nothing" } as const satisfies Record<Role, string>;

export function UserListPage() {
  const trpc = useTRPC();
  const list = useListState({ sorts: ["name", "email", "role", "lastSeenAt", "createdAt"], standard: "name" });
  const query = useQuery(trpc.user.list.queryOptions(list.input, { placeholderData: keepPreviousData }));
  const isOwner = useMay("own");
  const [isInviting, setInviting] = useState(false);
  const invite = isOwner && (
    <Button look="primary" icon={Plus} onClick={() => setInviting(true)}>
      Invite user
    </Button>
  );
  return (
    <>
      <ListPage
        title="Users"
        purpose="People who sign in to this console, and what each may do."
        noun={["user", "users"]}
        action={invite}
        list={list}
        query={query}
        rowId={(user) => user.id}
        rowName={(user) => user.name}
        columns={[
          { key: "name", title: "Name", sort: "name", cell: (user) => <span>{user.name} {user.isYou && <span className="font-normal text-ink-3">(you)</span>}</span> },
          { key: "state", title: "State", cell: (user) => (user.isInvited ? <State tone="working">Invited</State> : <State tone="ok">Member</State>) },
          { key: "email", title: "E-mail address", sort: "email", cell: (user) => user.email },
          { key: "role", title: "Role", sort: "role", cell: (user) => <RoleCell user={user} mayChange={isOwner && !user.isInvited} /> },
          { key: "seen", title: "Last seen", sort: "lastSeenAt", cell: (user) => <Time at={user.lastSeenAt} /> },
        ]}
        {...(isOwner ? { rowActions: (user: UserRow) => <RemoveUser user={user} /> } : {})}
        empty={{ title: "No users", why: "Invite people with the role they need.", action: invite, docs: docs.users }}
      />
      {isInviting && <InviteDialog onClose={() => setInviting(false)} />}
    </>
  );
}

function RoleCell({ user, mayChange }: { user: UserRow; mayChange: boolean }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const update = useMutation(trpc.user.update.mutationOptions({ onSuccess: () => confirm(`Role of ${user.name} changed.`), onSettled: () => client.invalidateQueries(trpc.user.pathFilter()) }));
  if (!mayChange) return user.role;
  return (
    <span className="flex flex-col gap-1">
      <select aria-label={`Role of ${user.name}`} className="control min-h-7 w-auto self-start py-0.5 text-[13px]" value={user.role} disabled={update.isPending} onChange={(event) => update.mutate({ id: user.id, role: role.parse(event.target.value) })}>
        {role.options.map((option) => (
          <option key={option}>{option}</option>
        ))}
      </select>
      {update.error && <span role="alert" className="text-[12px] text-fault">{update.error.message}</span>}
    </span>
  );
}

function RemoveUser({ user }: { user: UserRow }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const remove = useMutation(trpc.user.remove.mutationOptions({ onSettled: () => client.invalidateQueries(trpc.user.pathFilter()) }));
  if (user.isYou) return null;
  return <DangerAction size="small" label={user.isInvited ? "Withdraw invitation" : "Remove user"} icon={Trash} title={user.isInvited ? `Withdraw the invitation of ${user.name}?` : `Remove ${user.name}?`} name={user.name} done={user.isInvited ? "Invitation withdrawn." : `${user.name} removed.`} load={() => client.fetchQuery(trpc.user.impact.queryOptions({ id: user.id }, { staleTime: 0 }))} run={() => remove.mutateAsync({ id: user.id })} />;
}

function InviteDialog({ onClose }: { onClose: () => void }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const form = useForm<z.input<typeof userInvite>, unknown, z.output<typeof userInvite>>({ resolver: zodResolver(userInvite), defaultValues: { email: "", name: "", role: "operator" } });
  const invite = useMutation(trpc.user.invite.mutationOptions({ onSuccess: () => client.invalidateQueries(trpc.user.pathFilter()), onError: (error) => showProblem(form, error) }));
  const { errors } = form.formState;
  const submit = form.handleSubmit((values) => invite.mutate(values));
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={invite.data ? "Invitation made" : "Invite user"}
      actions={
        invite.data ? (
          <Button look="primary" onClick={onClose}>
            Close
          </Button>
        ) : (
          <>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="primary" isBusy={invite.isPending} onClick={() => void submit()}>
              Invite user
            </Button>
          </>
        )
      }
    >
      {invite.data ? (
        <>
          <Notice tone="warn" title="The link is shown once.">
            Send it to the person yourself. It works once, until <Time at={invite.data.expiresAt} />.
          </Notice>
          <CopyBlock text={invite.data.url} what="invitation link" isSecret />
        </>
      ) : (
        <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
          {errors.root?.message && <Notice tone="fault" isAlert title={errors.root.message} />}
          <TextField label="Name" error={errors.name?.message} {...form.register("name")} />
          <TextField label="E-mail address" type="email" error={errors.email?.message} {...form.register("email")} />
          <SelectField label="Role" error={errors.role?.message} {...form.register("role")}>
            {role.options.map((option) => (
              <option key={option} value={option}>
                {option}: {roleHint[option]}
              </option>
            ))}
          </SelectField>
          <button type="submit" hidden />
        </form>
      )}
    </Dialog>
  );
}
