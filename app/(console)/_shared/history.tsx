"use client";
/** Who changed this object, newest first: the last of a detail page. */
import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { LoadError, Skeleton } from "@/app/_ui/notice.tsx";
import { Section } from "@/app/_ui/page.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { actionText } from "./audit-text.ts";
import { Changes } from "./changes.tsx";

export function History({ targetId }: { targetId: string }) {
  const trpc = useTRPC();
  const events = useQuery(trpc.audit.list.queryOptions({ targetId, sort: "at", desc: true, pageSize: 10 }));
  return (
    <Section title="History" hint="Who changed this, newest first." actions={events.data && events.data.total > 10 ? <Link className="text-[13px] text-accent hover:underline" href={routes.audit.ofTarget(targetId)}>All {events.data.total} events</Link> : undefined}>
      {events.error && !events.data ? (
        <LoadError error={events.error} onRetry={() => void events.refetch()} />
      ) : !events.data ? (
        <Skeleton lines={3} />
      ) : events.data.rows.length === 0 ? (
        <p className="text-[13px] text-ink-3">Nothing was changed yet.</p>
      ) : (
        <ol className="flex flex-col gap-3">
          {events.data.rows.map((event) => (
            <li key={event.id} className="text-[13px]">
              <p className="flex flex-wrap items-baseline gap-x-2">
                <span className="font-medium">{actionText(event.action)}</span>
                <span className="text-ink-2">by {event.actor.name}</span>
                <span className="text-ink-3">
                  <Time at={event.at} />
                </span>
              </p>
              <Changes changes={event.changes} />
            </li>
          ))}
        </ol>
      )}
    </Section>
  );
}
