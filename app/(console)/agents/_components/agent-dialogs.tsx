"use client";
/** Changing an agent's note and groups; a token that re-enrols it. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { Dialog } from "@/app/_ui/dialog.tsx";
import { TextAreaField } from "@/app/_ui/fields.tsx";
import { ActionError } from "@/app/_ui/notice.tsx";
import { confirm } from "@/app/_ui/toast.ts";
import { GroupPicker } from "../../_shared/pickers.tsx";
import type { Agent } from "./agent-detail-page.tsx";
import { TokenShown } from "./token-shown.tsx";
import { useStaticGroupIds } from "./use-static-groups.ts";

export function AgentEditDialog({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const staticIds = useStaticGroupIds();
  const [note, setNote] = useState(agent.note);
  const [chosen, setChosen] = useState<string[]>();
  const groupIds = chosen ?? agent.groups.map((group) => group.id).filter((id) => staticIds?.has(id));
  const save = useMutation(
    trpc.agent.update.mutationOptions({
      onSuccess: () => {
        confirm(`Agent ${agent.hostname} saved.`);
        void client.invalidateQueries(trpc.agent.pathFilter());
        onClose();
      },
    }),
  );
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Change ${agent.hostname}`}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" isBusy={save.isPending} disabled={staticIds === undefined} onClick={() => save.mutate({ id: agent.id, note, groupIds })}>
            Save agent
          </Button>
        </>
      }
    >
      <GroupPicker legend="Static groups" isStaticOnly hint="Groups by rule are not listed; they follow from what the agent reports." value={groupIds} onChange={setChosen} known={agent.groups} none="There is no static group yet." />
      <TextAreaField label="Note" isOptional value={note} maxLength={2000} onChange={(event) => setNote(event.target.value)} />
      <ActionError error={save.error} />
    </Dialog>
  );
}

export function ReEnrolDialog({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const create = useMutation(useTRPC().agent.createToken.mutationOptions());
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Re-enrol ${agent.hostname}`}
      actions={
        create.data ? (
          <Button look="primary" onClick={onClose}>
            Close
          </Button>
        ) : (
          <>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="primary" isBusy={create.isPending} onClick={() => create.mutate({ agentId: agent.id, groupIds: [], usesMax: 1, hoursValid: 24 })}>
              Create token
            </Button>
          </>
        )
      }
    >
      {create.data ? (
        <TokenShown reply={create.data} />
      ) : (
        <>
          <p>The endpoint makes a new key and gets a new certificate under the same identity. Its present certificate stays valid until the new one has worked once, so nothing is cut off.</p>
          <p className="text-[13px] text-ink-2">The token works once, for 24 hours.</p>
          <ActionError error={create.error} />
        </>
      )}
    </Dialog>
  );
}
