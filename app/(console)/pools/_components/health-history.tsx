"use client";
/** State changes of a pool's members with their causes, newest first, of all members or of one. */
import { CaretLeft, CaretRight } from "@phosphor-icons/react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { LoadError, Skeleton } from "@/app/_ui/notice.tsx";
import { Section } from "@/app/_ui/page.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { HealthLabel, healthWord } from "../../_shared/service-words.tsx";
import type { Pool } from "./pool-detail-page.tsx";

const pageSize = 10;

export function HealthHistory({ pool }: { pool: Pool }) {
  const [memberId, setMember] = useState("");
  const [page, setPage] = useState(1);
  const events = useQuery(useTRPC().pool.history.queryOptions({ id: pool.id, page, pageSize, ...(memberId === "" ? {} : { memberId }) }, { placeholderData: keepPreviousData }));
  const pages = Math.max(1, Math.ceil((events.data?.total ?? 0) / pageSize));
  return (
    <Section
      title="Health history"
      hint="Every change of a member's state, with its cause."
      actions={pool.members.length > 1 && (
        <select aria-label="Member" className="control min-h-7 w-auto max-w-full py-0.5 text-[13px]" value={memberId} onChange={(event) => {
          setMember(event.target.value);
          setPage(1);
        }}>
          <option value="">All members</option>
          {pool.members.map((member) => (
            <option key={member.id} value={member.id}>{member.name}</option>
          ))}
        </select>
      )}
    >
      {events.error && !events.data ? (
        <LoadError error={events.error} onRetry={() => void events.refetch()} />
      ) : !events.data ? (
        <Skeleton lines={4} />
      ) : events.data.rows.length === 0 ? (
        <p className="text-[13px] text-ink-3">{memberId === "" ? "No member has changed its state yet." : "This member has not changed its state yet."}</p>
      ) : (
        <>
          <ol className="flex flex-col divide-y divide-line">
            {events.data.rows.map((event) => (
              <li key={event.id} className="grid gap-x-4 py-2 text-[13px] first:pt-0 last:pb-0 @lg:grid-cols-[9.5rem_minmax(0,1fr)_auto]">
                <span><HealthLabel state={event.state} /></span>
                <span className="min-w-0 break-words">
                  {event.cause.startsWith(event.member.name) ? event.cause : <><span className="font-medium">{event.member.name}</span>: {event.cause}</>}
                  <span className="block text-ink-3">was {healthWord[event.before].toLowerCase()}, seen by {event.gateway.name}</span>
                </span>
                <span className="text-ink-3"><Time at={event.at} /></span>
              </li>
            ))}
          </ol>
          {pages > 1 && (
            <div className="tabular mt-3 flex items-center gap-2 text-[13px] text-ink-3">
              <Button size="small" icon={CaretLeft} aria-label="Newer changes" disabled={page <= 1} onClick={() => setPage(page - 1)} />
              Page {page} of {pages}
              <Button size="small" icon={CaretRight} aria-label="Older changes" disabled={page >= pages} onClick={() => setPage(page + 1)} />
            </div>
          )}
        </>
      )}
    </Section>
  );
}
