"use client";
/** A detail page's data on its way: skeleton, error with retry, or the page. */
import { type ReactNode, useState } from "react";
import { LoadError, Skeleton } from "@/app/_ui/notice.tsx";

type Query<T> = { data: T | undefined; error: unknown; refetch: () => unknown };

export function Loaded<T>({ query, children }: { query: Query<T>; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) return children(query.data);
  return <Waiting query={query} />;
}

/** For forms: the first fresh answer, kept while the form is open, so that an edit never silently takes over somebody else's version. */
export function LoadedOnce<T>({ query, children }: { query: Query<T> & { isFetchedAfterMount: boolean }; children: (data: T) => ReactNode }) {
  const [first, setFirst] = useState<T>();
  if (first === undefined && query.isFetchedAfterMount && query.data !== undefined) setFirst(query.data);
  return first === undefined ? <Waiting query={query} /> : children(first);
}

function Waiting<T>({ query }: { query: Query<T> }) {
  if (query.error) return <LoadError error={query.error} onRetry={() => void query.refetch()} />;
  return (
    <div className="rounded-lg border border-line bg-surface p-4">
      <Skeleton lines={8} />
    </div>
  );
}
