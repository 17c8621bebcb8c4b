"use client";
/** The form pattern: one column, every error also summed up on top, server answers put at their fields, nothing lost on error. */
import { useRouter } from "next/navigation";
import { type FormEventHandler, type ReactNode, useEffect, useRef } from "react";
import type { FieldErrors, FieldPath, FieldValues, UseFormReturn } from "react-hook-form";
import { readProblem } from "@/app/_trpc/problem.ts";
import { Button } from "./button.tsx";
import { cx } from "./cx.ts";

/** All messages of a (nested) error object, each with its dotted path. */
export function flattenErrors(errors: FieldErrors, prefix = ""): { path: string; message: string }[] {
  return Object.entries(errors).flatMap(([key, value]) => {
    const path = prefix === "" ? key : `${prefix}.${key}`;
    if (!value || typeof value !== "object") return [];
    const own = "message" in value && typeof value.message === "string" && value.message !== "" ? [{ path, message: value.message }] : [];
    const rest = Object.fromEntries(Object.entries(value).filter(([name]) => !["message", "type", "ref", "types"].includes(name)));
    return [...own, ...flattenErrors(rest, path)];
  });
}

/** The message at a path, or those below it, one per line: "line 2: …". */
export function errorAt(errors: FieldErrors, path: string): string | undefined {
  const found = flattenErrors(errors).filter((entry) => entry.path === path || entry.path.startsWith(`${path}.`));
  if (found.length === 0) return undefined;
  return found
    .map((entry) => {
      const index = /^\.(\d+)$/.exec(entry.path.slice(path.length))?.[1];
      return index === undefined ? entry.message : `Line ${Number(index) + 1}: ${entry.message}`;
    })
    .join("\n");
}

/** Puts a refused call's field problems at the fields; what has no field stands on top. */
export function showProblem<T extends FieldValues, C, U extends FieldValues | undefined>(form: UseFormReturn<T, C, U>, error: unknown): void {
  const problem = readProblem(error);
  for (const field of problem.fields) form.setError((field.path === "" ? "root" : field.path) as FieldPath<T>, { type: "server", message: field.message });
  const suffix = problem.requestId === "" ? "" : ` (request id ${problem.requestId})`;
  if (problem.fields.length === 0) form.setError("root", { type: "server", message: `${problem.message}${suffix}` });
}

export function Form({ onSubmit, errors, labels, submit, isBusy, cancelHref, children, extra, isWide = false }: { isWide?: boolean; onSubmit: FormEventHandler; errors: FieldErrors; labels?: Record<string, string>; submit: string; isBusy: boolean; cancelHref?: string; children: ReactNode; extra?: ReactNode }) {
  const router = useRouter();
  return (
    <form noValidate onSubmit={onSubmit} className={cx("flex flex-col gap-5", !isWide && "max-w-2xl")}>
      <ErrorSummary errors={errors} labels={labels ?? {}} />
      {children}
      {extra}
      <div className="flex flex-wrap gap-2 border-t border-line pt-4">
        <Button type="submit" look="primary" isBusy={isBusy}>
          {submit}
        </Button>
        {cancelHref && <Button onClick={() => router.push(cancelHref)}>Cancel</Button>}
      </div>
    </form>
  );
}

function ErrorSummary({ errors, labels }: { errors: FieldErrors; labels: Record<string, string> }) {
  const list = flattenErrors(errors);
  const box = useRef<HTMLDivElement>(null);
  const text = list.map((entry) => entry.message).join("\n");
  useEffect(() => {
    if (text !== "") box.current?.focus();
  }, [text]);
  if (list.length === 0) return null;
  return (
    <div ref={box} tabIndex={-1} role="alert" className="rounded-lg bg-fault-tint px-4 py-3">
      <p className="font-semibold text-fault">{list.length === 1 ? "This was not saved." : `This was not saved: ${list.length} things need attention.`}</p>
      <ul className="mt-1 list-disc pl-5 text-[13px]">
        {list.map((entry) => (
          <li key={`${entry.path}-${entry.message}`}>
            {entry.path !== "root" && entry.path !== "" && <strong className="font-medium">{labelOf(entry.path, labels)}: </strong>}
            {entry.message}
          </li>
        ))}
      </ul>
    </div>
  );
}

function labelOf(path: string, labels: Record<string, string>): string {
  const [head = path, ...rest] = path.split(".");
  const index = rest.find((part) => /^\d+$/.test(part));
  return `${labels[head] ?? head}${index === undefined ? "" : ` ${Number(index) + 1}`}`;
}

/** Fields that belong together, with a heading. */
export function FormSection({ title, hint, children }: { title: string; hint?: ReactNode; children: ReactNode }) {
  return (
    <fieldset className="flex min-w-0 flex-col gap-4 rounded-lg border border-line bg-surface p-4">
      <legend className="px-1 text-[14px] font-semibold">{title}</legend>
      {hint && <p className="-mt-2 text-[13px] text-ink-3">{hint}</p>}
      {children}
    </fieldset>
  );
}
