"use client";
/** Deciding a request: what would be opened to whom, why they say they need it, and a note for them. */
import { Check, Prohibit } from "@phosphor-icons/react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { Dialog } from "@/app/_ui/dialog.tsx";
import { TextAreaField } from "@/app/_ui/fields.tsx";
import { ActionError } from "@/app/_ui/notice.tsx";
import { Facts } from "@/app/_ui/page.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { confirm } from "@/app/_ui/toast.ts";
import { serviceText } from "../../_shared/reach-words.tsx";
import type { RequestRow } from "./reach-request-list-page.tsx";

export function DecideDialog({ request, onClose }: { request: RequestRow; onClose: () => void }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const [note, setNote] = useState("");
  const decide = useMutation(
    trpc.reachRequest.decide.mutationOptions({
      onSuccess: (_, { isApproved }) => {
        confirm(isApproved ? `${request.requestedBy} may reach ${request.service.name} on ${request.agent.name}.` : `The request of ${request.requestedBy} was denied.`);
        void client.invalidateQueries(trpc.reachRequest.pathFilter());
        onClose();
      },
    }),
  );
  const send = (isApproved: boolean) => decide.mutate({ id: request.id, isApproved, note });
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Decide the request of ${request.requestedBy}`}
      actions={
        <>
          <Button look="danger-quiet" icon={Prohibit} isBusy={decide.isPending && !decide.variables.isApproved} onClick={() => send(false)}>
            Deny request
          </Button>
          <Button look="primary" icon={Check} isBusy={decide.isPending && decide.variables.isApproved} onClick={() => send(true)}>
            Approve request
          </Button>
        </>
      }
    >
      <Facts
        items={[
          { label: "Agent", value: request.agent.name },
          { label: "Service", value: serviceText(request.service) },
          { label: "Rule", value: request.rule.name },
          { label: "Asked", value: <Time at={request.createdAt} /> },
          { label: "Why", value: <span className="whitespace-pre-line">{request.reason}</span> },
        ]}
      />
      <TextAreaField label="Note for them" isOptional maxLength={500} value={note} onChange={(event) => setNote(event.target.value)} />
      <p className="text-[13px] text-ink-2">An approval ends by itself after the time in the rule. Every session is in the audit.</p>
      <ActionError error={decide.error} />
    </Dialog>
  );
}
