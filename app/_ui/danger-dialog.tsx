"use client";
/** Before anything that can cut people off: who and how many, what stands in the way, how to undo it, and the name typed once more. */
import { useState } from "react";
import type { Impact } from "@/contract/list.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { TextField } from "./fields.tsx";
import { ActionError, LoadError, Notice, Skeleton } from "./notice.tsx";

export function DangerDialog({ isOpen, onClose, title, verb, name, impact, isBusy, error, onConfirm }: { isOpen: boolean; onClose: () => void; title: string; verb: string; name: string; impact: { data: Impact | undefined; error: unknown; refetch: () => unknown }; isBusy: boolean; error: unknown; onConfirm: (confirmName: string | undefined) => void }) {
  const [typed, setTyped] = useState("");
  const { data } = impact;
  const isBlocked = data === undefined || data.blockers.length > 0;
  const isNamed = !data?.needsConfirmation || typed.trim() === name;
  return (
    <Dialog
      isOpen={isOpen}
      onClose={onClose}
      title={title}
      actions={
        <>
          <Button onClick={onClose}>Keep it</Button>
          <Button look="danger" isBusy={isBusy} disabled={isBlocked || !isNamed} onClick={() => onConfirm(data?.needsConfirmation ? typed.trim() : undefined)}>
            {verb}
          </Button>
        </>
      }
    >
      {data === undefined ? impact.error ? <LoadError error={impact.error} onRetry={() => void impact.refetch()} /> : <Skeleton lines={3} /> : <ImpactText impact={data} />}
      {data?.needsConfirmation && !isBlocked && <TextField label={`Type "${name}" to confirm`} value={typed} onChange={(event) => setTyped(event.target.value)} />}
      <ActionError error={error} />
    </Dialog>
  );
}

function ImpactText({ impact }: { impact: Impact }) {
  return (
    <>
      {impact.blockers.length > 0 && (
        <Notice tone="fault" title="This is refused until these are cleared:">
          <ul className="list-disc pl-5">
            {impact.blockers.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </Notice>
      )}
      <p className="font-medium">{impact.agentsAffected === 0 ? "No agent loses its way in." : `${impact.agentsAffected} ${impact.agentsAffected === 1 ? "agent loses" : "agents lose"} their way in from outside.`}</p>
      {impact.lines.length > 0 && (
        <ul className="list-disc pl-5 text-[13px] text-ink-2">
          {impact.lines.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
      <p className="text-[13px] text-ink-2">
        <span className="font-medium text-ink">How to undo it: </span>
        {impact.undo}
      </p>
    </>
  );
}
