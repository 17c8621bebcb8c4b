"use client";
/** Asking for an approval to reach a service, with the reason that the approver reads. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { readProblem } from "@/app/_trpc/problem.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { Dialog } from "@/app/_ui/dialog.tsx";
import { TextAreaField } from "@/app/_ui/fields.tsx";
import { ActionError } from "@/app/_ui/notice.tsx";
import { confirm } from "@/app/_ui/toast.ts";
import { serviceText } from "../../_shared/reach-words.tsx";
import type { Agent } from "./agent-detail-page.tsx";

export function RequestDialog({ agent, name, service, onClose }: { agent: Agent; /** As `HOSTNAME.SITE.agents`. */ name: string; service: { name: string; host: string; port: number }; onClose: () => void }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const [reason, setReason] = useState("");
  const ask = useMutation(
    trpc.reachRequest.create.mutationOptions({
      onSuccess: () => {
        confirm("Asked. You are let in as soon as somebody approves it.");
        void client.invalidateQueries(trpc.reachRequest.pathFilter());
        void client.invalidateQueries(trpc.agent.pathFilter());
        onClose();
      },
    }),
  );
  const atReason = ask.error ? readProblem(ask.error).fields.find((field) => field.path === "reason")?.message : undefined;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Request approval for ${agent.hostname}`}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" isBusy={ask.isPending} onClick={() => ask.mutate({ agent: name, port: service.port, reason })}>
            Request approval
          </Button>
        </>
      }
    >
      <p>
        You ask to reach <strong className="font-medium">{serviceText(service)}</strong> on {agent.hostname}.
      </p>
      <TextAreaField label="Why" hint="Whoever decides reads this." maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} error={atReason} />
      {!atReason && <ActionError error={ask.error} />}
    </Dialog>
  );
}
