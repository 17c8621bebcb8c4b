"use client";
/** Enabling, draining or disabling one member: what it does to connections and shares is shown before it happens. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { MemberState } from "@/contract/pool.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { Dialog } from "@/app/_ui/dialog.tsx";
import { CheckField, TextField } from "@/app/_ui/fields.tsx";
import { ActionError, LoadError, Notice, Skeleton } from "@/app/_ui/notice.tsx";
import { confirm } from "@/app/_ui/toast.ts";
import { counted, percent } from "../../_shared/service-words.tsx";
import type { Member } from "./members-table.tsx";
import type { Pool } from "./pool-detail-page.tsx";

const words = {
  enabled: { verb: "Enable member", done: "enabled", effect: "It takes new sessions again as soon as it is up." },
  drain: { verb: "Drain member", done: "draining", effect: "It takes no new sessions. Clients that are kept on it go on, and connections that stand are left alone." },
  disabled: { verb: "Disable member", done: "disabled", effect: "It takes no connections at all, not even of clients that are kept on it. Connections that stand are left alone." },
} as const satisfies Record<MemberState, { verb: string; done: string; effect: string }>;

export function MemberStateDialog({ pool, member, state, onClose }: { pool: Pool; member: Member; state: MemberState; onClose: () => void }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const [cuts, setCuts] = useState(false);
  const [typed, setTyped] = useState("");
  const effect = useQuery(trpc.pool.memberImpact.queryOptions({ poolId: pool.id, memberId: member.id, state }, { staleTime: 0, gcTime: 0 }));
  const { verb, done, effect: sentence } = words[state];
  const change = useMutation(
    trpc.pool.setMemberState.mutationOptions({
      onSuccess: () => {
        confirm(`${member.name} is ${done}.`);
        onClose();
      },
      onSettled: () => Promise.all([client.invalidateQueries(trpc.pool.pathFilter()), client.invalidateQueries(trpc.virtualService.pathFilter())]),
    }),
  );
  const { data } = effect;
  const isCutting = cuts && state !== "enabled";
  const mustName = data?.needsConfirmation === true;
  const isReady = data !== undefined && data.blockers.length === 0 && (!mustName || typed.trim() === member.name);
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`${verb.split(" ")[0]} ${member.name}?`}
      actions={
        <>
          <Button onClick={onClose}>Leave it as it is</Button>
          <Button look={mustName || isCutting ? "danger" : "primary"} disabled={!isReady} isBusy={change.isPending} onClick={() => change.mutate({ poolId: pool.id, memberId: member.id, state, cuts: isCutting, ...(mustName ? { confirmName: typed.trim() } : {}) })}>
            {verb}
          </Button>
        </>
      }
    >
      <p>{sentence}</p>
      {data === undefined ? (
        effect.error ? <LoadError error={effect.error} onRetry={() => void effect.refetch()} /> : <Skeleton lines={3} />
      ) : (
        <>
          {data.blockers.length > 0 && (
            <Notice tone="fault" title="This is refused until these are cleared:">
              <ul className="list-disc pl-5">{data.blockers.map((line) => <li key={line}>{line}</li>)}</ul>
            </Notice>
          )}
          {data.lines.length > 0 && <ul className="list-disc pl-5 text-[13px] text-ink-2">{data.lines.map((line) => <li key={line}>{line}</li>)}</ul>}
          <SharesAfter pool={pool} after={data.sharesAfter} />
          {state !== "enabled" && <CheckField label={`Also end its ${counted(data.connections, "connection")}`} hint="Clients lose what they are doing on this member now." checked={cuts} disabled={data.connections === 0} onChange={(event) => setCuts(event.target.checked)} />}
          <p className="text-[13px] text-ink-2">
            <span className="font-medium text-ink">How to undo it: </span>
            {data.undo}
          </p>
          {mustName && <TextField label={`Type "${member.name}" to confirm`} value={typed} onChange={(event) => setTyped(event.target.value)} />}
        </>
      )}
      <ActionError error={change.error} />
    </Dialog>
  );
}

function SharesAfter({ pool, after }: { pool: Pool; after: { name: string; share: number }[] }) {
  if (after.length === 0) return <p className="text-[13px] font-medium">No member takes new sessions afterwards.</p>;
  const before = new Map(pool.members.map((member) => [member.name, member.share]));
  const moved = after.filter((entry) => Math.abs(entry.share - (before.get(entry.name) ?? 0)) > 0.0005);
  if (moved.length === 0) return <p className="text-[13px] text-ink-2">The shares of new sessions stay as they are.</p>;
  return (
    <div className="max-h-60 overflow-y-auto" tabIndex={0} role="region" aria-label="Shares of new sessions afterwards">
      <table className="tabular w-full text-left text-[13px]">
        <caption className="pb-1 text-left font-medium">Shares of new sessions that change</caption>
        <thead className="text-[12px] text-ink-3">
          <tr>
            <th scope="col" className="font-medium">Member</th>
            <th scope="col" className="text-right font-medium">Now</th>
            <th scope="col" className="text-right font-medium">Then</th>
          </tr>
        </thead>
        <tbody>
          {moved.map((entry) => (
            <tr key={entry.name} className="border-t border-line">
              <td className="py-1 break-all">{entry.name}</td>
              <td className="py-1 text-right text-ink-3">{percent(before.get(entry.name) ?? 0)}</td>
              <td className="py-1 text-right font-medium">{percent(entry.share)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
