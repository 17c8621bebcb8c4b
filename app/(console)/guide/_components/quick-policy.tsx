"use client";
/** The first policy in three fields: a new group, one gateway, and its fingerprint as pin. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { Fingerprint } from "@/app/_ui/copy.tsx";
import { SelectField, TextField } from "@/app/_ui/fields.tsx";
import { ActionError, Notice } from "@/app/_ui/notice.tsx";
import { confirm } from "@/app/_ui/toast.ts";

export function QuickPolicy() {
  const trpc = useTRPC();
  const client = useQueryClient();
  const gateways = useQuery(trpc.gateway.list.queryOptions({ pageSize: 200 }));
  const groups = useQuery(trpc.agentGroup.list.queryOptions({ pageSize: 200 }));
  const createGroup = useMutation(trpc.agentGroup.create.mutationOptions());
  const createPolicy = useMutation(trpc.policy.create.mutationOptions());
  const usable = gateways.data?.rows.filter((gateway) => gateway.fingerprint !== null) ?? [];
  const [gatewayId, setGatewayId] = useState("");
  const [groupId, setGroupId] = useState("");
  const [groupName, setGroupName] = useState("First agents");
  const [policyName, setPolicyName] = useState("First policy");
  const [fqdn, setFqdn] = useState<string>();
  const gateway = usable.find((row) => row.id === gatewayId) ?? usable[0];
  const dialled = fqdn ?? gateway?.publicNames[0] ?? "";

  const save = useMutation({
    mutationFn: async () => {
      if (!gateway?.fingerprint) return;
      const group = groupId === "" ? (await createGroup.mutateAsync({ name: groupName, kind: "static" })).id : groupId;
      // A second try after a failed policy uses the group that exists by now.
      setGroupId(group);
      await createPolicy.mutateAsync({ name: policyName, isEnabled: true, groupIds: [group], gateways: [{ gatewayId: gateway.id, fqdn: dialled, port: gateway.publicPort, pins: [gateway.fingerprint] }] });
    },
    onSuccess: () => {
      confirm(`Policy ${policyName} created.`);
      void client.invalidateQueries();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  if (gateways.data && usable.length === 0) return <Notice tone="warn" title="No gateway has reported its certificate yet.">A policy needs its fingerprint as pin. Finish the gateway step first.</Notice>;
  return (
    <form noValidate onSubmit={submit} className="flex max-w-2xl flex-col gap-4 rounded-md border border-line p-4" aria-label="Create the first policy">
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField label="Policy name" value={policyName} onChange={(event) => setPolicyName(event.target.value)} />
        {groups.data && groups.data.total > 0 && (
          <SelectField label="Group" value={groupId} onChange={(event) => setGroupId(event.target.value)}>
            <option value="">a new group</option>
            {groups.data.rows.map((group) => (
              <option key={group.id} value={group.id}>
                {group.name}
              </option>
            ))}
          </SelectField>
        )}
        {groupId === "" && <TextField label="Name of the new group" value={groupName} onChange={(event) => setGroupName(event.target.value)} />}
        <SelectField label="Gateway" value={gateway?.id ?? ""} onChange={(event) => { setGatewayId(event.target.value); setFqdn(undefined); }}>
          {usable.map((row) => (
            <option key={row.id} value={row.id}>
              {row.name}
            </option>
          ))}
        </SelectField>
        <TextField label="Name that agents dial" isMono value={dialled} onChange={(event) => setFqdn(event.target.value)} hint={gateway ? `Port ${gateway.publicPort}. It must resolve from outside.` : undefined} />
      </div>
      {gateway?.fingerprint && (
        <div className="text-[13px]">
          <p className="text-ink-3">Pin: the SHA-256 fingerprint that {gateway.name} presents</p>
          <Fingerprint hex={gateway.fingerprint} name="pin" />
        </div>
      )}
      <ActionError error={save.error} />
      <div>
        <Button type="submit" look="primary" isBusy={save.isPending} disabled={!gateway}>
          Create policy
        </Button>
      </div>
    </form>
  );
}
