"use client";
/** Notices on the page: what happened, why, what to do next; and the states of data that is not there yet. */
import { ArrowClockwise } from "@phosphor-icons/react";
import type { ReactNode } from "react";
import { readProblem } from "@/app/_trpc/problem.ts";
import { Button, LinkButton } from "./button.tsx";
import { cx } from "./cx.ts";
import { type Tone, toneText, toneTint } from "./state.tsx";

export function Notice({ tone, title, children, action, isAlert = false }: { tone: Tone; title: ReactNode; children?: ReactNode; action?: ReactNode; isAlert?: boolean }) {
  return (
    <div role={isAlert ? "alert" : undefined} className={cx("flex flex-wrap items-start justify-between gap-3 rounded-lg px-4 py-3", toneTint[tone])}>
      <div className="min-w-0 flex-1">
        <p className={cx("font-semibold", toneText[tone])}>{title}</p>
        {children && <div className="mt-0.5 text-[13px] text-ink-2">{children}</div>}
      </div>
      {action}
    </div>
  );
}

/** An answer that did not come, with a way to ask again and the id under which the log has the details. */
export function LoadError({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const problem = readProblem(error);
  return (
    <Notice tone="fault" isAlert title={problem.message} action={<Button size="small" icon={ArrowClockwise} onClick={onRetry}>Try again</Button>}>
      {problem.requestId !== "" && (
        <>
          Request id <code className="font-mono text-[12px]">{problem.requestId}</code>
        </>
      )}
    </Notice>
  );
}

/** A failed action, beside the button that started it. Nothing when there was no failure. */
export function ActionError({ error }: { error: unknown }) {
  if (error === null || error === undefined) return null;
  const problem = readProblem(error);
  return (
    <Notice tone="fault" isAlert title={problem.message}>
      {problem.requestId !== "" && (
        <>
          Request id <code className="font-mono text-[12px]">{problem.requestId}</code>
        </>
      )}
    </Notice>
  );
}

/** Nothing here yet: what it is, why you want one, the button, the documentation. */
export function Empty({ title, why, action, docs }: { title: string; why: string; action?: ReactNode; docs?: string }) {
  return (
    <div className="flex flex-col items-center gap-3 px-6 py-14 text-center">
      <EmptyArch />
      <h2 className="text-[15px] font-semibold">{title}</h2>
      <p className="max-w-md text-ink-2">{why}</p>
      <div className="mt-1 flex flex-wrap justify-center gap-2">
        {action}
        {docs && (
          <LinkButton href={docs} look="quiet" isExternal>
            Read about it
          </LinkButton>
        )}
      </div>
    </div>
  );
}

function EmptyArch() {
  return (
    <svg width="44" height="44" viewBox="0 0 24 24" fill="none" aria-hidden="true" className="text-line-strong">
      <path d="M3.5 21V12a8.5 8.5 0 0 1 17 0v9" stroke="currentColor" strokeWidth="1.2" strokeLinecap="round" strokeDasharray="2 2.2" />
      <path d="M8.5 21v-8.6a3.5 3.5 0 0 1 7 0V21" stroke="currentColor" strokeWidth="1.1" strokeLinecap="round" strokeDasharray="2 2.2" />
    </svg>
  );
}

/** Grey lines in the place of text that is on its way. */
export function Skeleton({ lines = 4 }: { lines?: number }) {
  return (
    <div role="status" aria-label="Loading" className="flex flex-col gap-3 py-2">
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} className={cx("skeleton-line h-4", index % 3 === 2 ? "w-1/2" : index % 3 === 1 ? "w-3/4" : "w-full")} />
      ))}
    </div>
  );
}
