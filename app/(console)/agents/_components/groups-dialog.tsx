"use client";
/** Static groups of several agents at once. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { Dialog } from "@/app/_ui/dialog.tsx";
import { ActionError } from "@/app/_ui/notice.tsx";
import { confirm } from "@/app/_ui/toast.ts";
import { GroupPicker } from "../../_shared/pickers.tsx";

export function GroupsDialog({ agents, onClose, onDone }: { agents: { id: string; groups: { id: string; name: string }[] }[]; onClose: () => void; onDone: () => void }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const [add, setAdd] = useState<string[]>([]);
  const [remove, setRemove] = useState<string[]>([]);
  const known = agents.flatMap((agent) => agent.groups);
  const save = useMutation(
    trpc.agent.setGroups.mutationOptions({
      onSuccess: ({ count }) => {
        confirm(`Groups of ${count} ${count === 1 ? "agent" : "agents"} changed.`);
        void client.invalidateQueries(trpc.agent.pathFilter());
        onClose();
        onDone();
      },
    }),
  );
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Change groups of ${agents.length} ${agents.length === 1 ? "agent" : "agents"}`}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" isBusy={save.isPending} disabled={add.length + remove.length === 0} onClick={() => save.mutate({ ids: agents.map((agent) => agent.id), add, remove })}>
            Change groups
          </Button>
        </>
      }
    >
      <p className="text-[13px] text-ink-2">Leaving a group can end an agent&apos;s access from outside, when no other group of it is targeted by a policy.</p>
      <GroupPicker legend="Add to" isStaticOnly value={add} onChange={setAdd} known={known} none="There is no static group yet." />
      <GroupPicker legend="Take out of" isStaticOnly value={remove} onChange={setRemove} known={known} none="There is no static group yet." />
      <ActionError error={save.error} />
    </Dialog>
  );
}
