"use client";
/** Saving a form whose change may cut clients off: the server says so, the consequence is shown, and the object's name is repeated. */
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import type { FieldValues, UseFormReturn } from "react-hook-form";
import { readProblem } from "@/app/_trpc/problem.ts";
import { Button } from "@/app/_ui/button.tsx";
import { Dialog } from "@/app/_ui/dialog.tsx";
import { TextField } from "@/app/_ui/fields.tsx";
import { showProblem } from "@/app/_ui/form.tsx";

export type ConfirmedSave = { isBusy: boolean; /** What the server says would happen; null while nothing has to be confirmed. */ consequence: string | null; confirm: (name: string) => void; giveUp: () => void };

/** `start` saves; when the server asks for the name, `consequence` holds why, and `confirm` saves again with it. Other refusals go to their fields. */
export function useConfirmedSave<T extends FieldValues, U extends FieldValues>(form: UseFormReturn<T, unknown, U>, save: (values: U, confirmName: string | undefined) => Promise<unknown>): ConfirmedSave & { start: (values: U) => void } {
  const [pending, setPending] = useState<{ values: U; consequence: string }>();
  const saving = useMutation({
    mutationFn: ({ values, confirmName }: { values: U; confirmName?: string }) => save(values, confirmName),
    onError: (error, { values }) => {
      const problem = readProblem(error);
      if (problem.code === "confirmation-missing") {
        setPending({ values, consequence: problem.message });
        return;
      }
      setPending(undefined);
      showProblem(form, error);
    },
  });
  return {
    isBusy: saving.isPending,
    consequence: pending?.consequence ?? null,
    start: (values) => saving.mutate({ values }),
    confirm: (confirmName) => pending && saving.mutate({ values: pending.values, confirmName }),
    giveUp: () => setPending(undefined),
  };
}

export function ConfirmSave({ saving, title, verb, name }: { saving: ConfirmedSave; title: string; verb: string; name: string }) {
  const [typed, setTyped] = useState("");
  if (saving.consequence === null) return null;
  return (
    <Dialog
      isOpen
      onClose={saving.giveUp}
      title={title}
      actions={
        <>
          <Button onClick={saving.giveUp}>Go back to the form</Button>
          <Button look="danger" isBusy={saving.isBusy} disabled={typed.trim() !== name} onClick={() => saving.confirm(typed.trim())}>
            {verb}
          </Button>
        </>
      }
    >
      <p>{saving.consequence}</p>
      <TextField label={`Type "${name}" to confirm`} value={typed} onChange={(event) => setTyped(event.target.value)} />
      <p className="text-[13px] text-ink-2">
        <span className="font-medium text-ink">How to undo it: </span>
        change it back here; the history keeps what it was.
      </p>
    </Dialog>
  );
}
