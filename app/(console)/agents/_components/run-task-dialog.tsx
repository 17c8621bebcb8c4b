"use client";
/** Running a task on one agent: the kind, what it needs, and how long it may wait. */
import { zodResolver } from "@hookform/resolvers/zod";
import { Play } from "@phosphor-icons/react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useForm } from "react-hook-form";
import type { z } from "zod";
import { taskCreate } from "@/contract/task-objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { Dialog } from "@/app/_ui/dialog.tsx";
import { showProblem } from "@/app/_ui/form.tsx";
import { Notice } from "@/app/_ui/notice.tsx";
import { confirm } from "@/app/_ui/toast.ts";
import { useDraft } from "@/app/_ui/use-draft.ts";
import { ExpiryField } from "../../tasks/_components/expiry-field.tsx";
import { freshOrder, OrderFields } from "../../tasks/_components/order-fields.tsx";
import type { Agent } from "./agent-detail-page.tsx";

export function RunTaskDialog({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const router = useRouter();
  const form = useForm<z.input<typeof taskCreate>, unknown, z.output<typeof taskCreate>>({ resolver: zodResolver(taskCreate), defaultValues: { agentId: agent.id, order: freshOrder, expiresInMinutes: 60 } });
  const { values, set, errorOf } = useDraft(form);
  const run = useMutation(
    trpc.task.create.mutationOptions({
      onSuccess: ({ id, isAgentTold }) => {
        confirm(isAgentTold ? `${agent.hostname} was told now.` : `${agent.hostname} gets it when it next appears.`);
        void client.invalidateQueries(trpc.task.pathFilter());
        router.push(routes.tasks.detail(id));
      },
      onError: (error) => showProblem(form, error),
    }),
  );
  const root = form.formState.errors.root?.message;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Run task on ${agent.hostname}`}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" icon={Play} isBusy={run.isPending} onClick={() => void form.handleSubmit((result) => run.mutate(result))()}>
            Run task
          </Button>
        </>
      }
    >
      {root && <Notice tone="fault" isAlert title={root} />}
      {!agent.hasKeys && <Notice tone="warn" title="This agent has not delivered its encryption key yet.">A task is sealed to that key; it can be made once the agent has come by.</Notice>}
      <OrderFields value={values.order} onChange={(order) => set("order", order)} errorOf={(path) => errorOf(`order${path}`)} />
      <ExpiryField value={values.expiresInMinutes ?? 60} onChange={(minutes) => set("expiresInMinutes", minutes)} error={errorOf("expiresInMinutes")} />
    </Dialog>
  );
}
