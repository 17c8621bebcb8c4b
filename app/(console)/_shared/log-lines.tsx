"use client";
/** Log lines, newest first, in the fixed-width face; 200 a page. */
import { CaretLeft, CaretRight } from "@phosphor-icons/react";
import { Button } from "@/app/_ui/button.tsx";
import { cx } from "@/app/_ui/cx.ts";
import { LoadError, Skeleton } from "@/app/_ui/notice.tsx";
import { Section } from "@/app/_ui/page.tsx";
import { type Tone, toneText } from "@/app/_ui/state.tsx";
import { exactTime } from "@/app/_ui/time.tsx";

type Line = { id: string; at: string; tone: Tone | undefined; text: string };

export function LogLines({ title, none, query, page, onPage }: { title: string; none: string; query: { data: { lines: Line[]; total: number } | undefined; error: unknown; refetch: () => unknown }; page: number; onPage: (page: number) => void }) {
  const pages = Math.max(1, Math.ceil((query.data?.total ?? 0) / 200));
  return (
    <Section
      title={title}
      actions={pages > 1 && (
        <div className="tabular flex items-center gap-2 text-[13px] text-ink-3">
          <Button size="small" icon={CaretLeft} aria-label="Newer lines" disabled={page <= 1} onClick={() => onPage(page - 1)} />
          Page {page} of {pages}
          <Button size="small" icon={CaretRight} aria-label="Older lines" disabled={page >= pages} onClick={() => onPage(page + 1)} />
        </div>
      )}
    >
      {query.error && !query.data ? (
        <LoadError error={query.error} onRetry={() => void query.refetch()} />
      ) : !query.data ? (
        <Skeleton lines={3} />
      ) : query.data.lines.length === 0 ? (
        <p className="text-[13px] text-ink-3">{none}</p>
      ) : (
        <div tabIndex={0} role="region" aria-label={title} className="max-h-80 overflow-y-auto rounded-md bg-sunken p-3 font-mono text-[12px] leading-5">
          {query.data.lines.map((line) => (
            <p key={line.id} className="break-words">
              <span className="text-ink-3">{exactTime(line.at)} </span>
              <span className={cx(line.tone && toneText[line.tone])}>{line.text}</span>
            </p>
          ))}
        </div>
      )}
    </Section>
  );
}
