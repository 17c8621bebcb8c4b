"use client";
/** Form fields: label above, the consequence of the choice below, the error at the field. */
import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes, useId, useState } from "react";
import { cx } from "./cx.ts";

/** `notes` stand below hint and error: findings of the planner, or why a value was filled in. */
type FieldProps = { label: string; hint?: ReactNode; error?: string | undefined; isOptional?: boolean; notes?: ReactNode };

/** Ids that tie label, hint and error to the control. */
function useFieldIds({ hint, error }: Pick<FieldProps, "hint" | "error">) {
  const id = useId();
  const described = cx(hint ? `${id}-hint` : null, error ? `${id}-error` : null);
  return { id, control: { id, "aria-invalid": error ? true : undefined, "aria-describedby": described === "" ? undefined : described } as const };
}

function Frame({ id, label, hint, error, isOptional, notes, children }: FieldProps & { id: string; children: ReactNode }) {
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="text-[13px] font-medium">
        {label}
        {isOptional && <span className="font-normal text-ink-3"> (optional)</span>}
      </label>
      {children}
      {hint && (
        <p id={`${id}-hint`} className="text-[13px] text-ink-3">
          {hint}
        </p>
      )}
      {error && <FieldError id={`${id}-error`} text={error} />}
      {notes}
    </div>
  );
}

export function FieldError({ id, text }: { id?: string; text: string }) {
  return (
    <p id={id} className="text-[13px] font-medium whitespace-pre-line text-fault">
      {text}
    </p>
  );
}

export function TextField({ label, hint, error, isOptional = false, notes, isMono = false, className, ...rest }: FieldProps & { isMono?: boolean } & InputHTMLAttributes<HTMLInputElement>) {
  const { id, control } = useFieldIds({ hint, error });
  return (
    <Frame {...{ id, label, hint, error, isOptional, notes }}>
      <input {...rest} {...control} className={cx("control", isMono && "font-mono text-[13px]", className)} autoComplete={rest.autoComplete ?? "off"} spellCheck={false} />
    </Frame>
  );
}

export function TextAreaField({ label, hint, error, isOptional = false, notes, isMono = false, ...rest }: FieldProps & { isMono?: boolean } & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const { id, control } = useFieldIds({ hint, error });
  return (
    <Frame {...{ id, label, hint, error, isOptional, notes }}>
      <textarea rows={3} {...rest} {...control} className={cx("control resize-y", isMono && "font-mono text-[13px]")} spellCheck={!isMono} />
    </Frame>
  );
}

export function SelectField({ label, hint, error, isOptional = false, notes, children, ...rest }: FieldProps & SelectHTMLAttributes<HTMLSelectElement>) {
  const { id, control } = useFieldIds({ hint, error });
  return (
    <Frame {...{ id, label, hint, error, isOptional, notes }}>
      <select {...rest} {...control} className="control">
        {children}
      </select>
    </Frame>
  );
}

export function CheckField({ label, hint, notes, ...rest }: { label: ReactNode; hint?: ReactNode; notes?: ReactNode } & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <div className="flex items-start gap-2.5">
      <input type="checkbox" {...rest} id={id} aria-describedby={hint ? `${id}-hint` : undefined} className="mt-0.5 size-4 shrink-0 accent-accent" />
      <div className="min-w-0">
        <label htmlFor={id} className="text-[14px] font-medium">
          {label}
        </label>
        {hint && (
          <p id={`${id}-hint`} className="text-[13px] text-ink-3">
            {hint}
          </p>
        )}
        {notes}
      </div>
    </div>
  );
}

export type Choice<V extends string> = { value: V; label: string; hint?: ReactNode; /** Why it cannot be chosen now; it is shown all the same. */ refused?: string | null };

/** One of a few choices, each with what it means. What cannot be chosen stays readable, with its reason. */
export function RadioField<V extends string>({ legend, hint, name, value, onChange, options, error, notes }: { legend: string; hint?: ReactNode; name: string; value: V; onChange: (value: V) => void; options: Choice<V>[]; error?: string | undefined; notes?: ReactNode }) {
  const id = useId();
  return (
    <fieldset className="flex min-w-0 flex-col gap-2" aria-describedby={error ? `${id}-error` : undefined}>
      <legend className="mb-1.5 text-[13px] font-medium">{legend}</legend>
      {hint && <p className="text-[13px] text-ink-3">{hint}</p>}
      {options.map((option) => (
        <label key={option.value} className={cx("flex items-start gap-2.5 rounded-md border px-3 py-2", value === option.value ? "border-accent bg-accent-tint" : "border-line", !option.refused && value !== option.value && "hover:bg-sunken")}>
          <input type="radio" name={name} value={option.value} disabled={Boolean(option.refused)} checked={value === option.value} onChange={() => onChange(option.value)} className="mt-1 accent-accent" />
          <span className="min-w-0">
            <span className={cx("font-medium", option.refused && "text-ink-3")}>{option.label}</span>
            {option.hint && <span className={cx("block text-[13px]", option.refused ? "text-ink-3" : "text-ink-2")}>{option.hint}</span>}
            {option.refused && <span className="mt-0.5 block text-[13px] text-ink-2">Not possible here: {option.refused}</span>}
          </span>
        </label>
      ))}
      {error && <FieldError id={`${id}-error`} text={error} />}
      {notes}
    </fieldset>
  );
}

/** Several values, one per line; what stays empty is left out. `errors` are named by line. */
export function LinesField({ value, onChange, ...rest }: FieldProps & { value: readonly (string | number)[]; onChange: (lines: string[]) => void; placeholder?: string; rows?: number }) {
  return <TextAreaField {...rest} isMono rows={rest.rows ?? Math.min(8, Math.max(2, value.length + 1))} value={value.join("\n")} onChange={(event) => onChange(event.target.value === "" ? [] : event.target.value.split("\n"))} />;
}

/** Lines as they are sent: trimmed, empty ones dropped. */
export function cleanLines(lines: readonly string[]): string[] {
  return lines.map((line) => line.trim()).filter((line) => line !== "");
}

/** Whole numbers, separated by commas. What is no number reaches the schema as NaN, whose message then stands at the field. */
export function NumbersField({ value, onChange, ...rest }: FieldProps & { value: readonly number[]; onChange: (numbers: number[]) => void }) {
  const [text, setText] = useState(() => value.join(", "));
  const change = (next: string) => {
    setText(next);
    onChange(next.split(/[\s,]+/).filter((part) => part !== "").map(Number));
  };
  return <TextField {...rest} isMono inputMode="numeric" value={text} onChange={(event) => change(event.target.value)} />;
}

/** A whole number; an empty field is null where that means something, and NaN, which the schema names, where it does not. */
export function NumberField({ value, onChange, isNullable = false, factor = 1, ...rest }: FieldProps & { value: number | null | undefined; onChange: (value: number | null) => void; isNullable?: boolean; /** Shown value times this is kept: 1000 shows milliseconds as seconds. */ factor?: number } & Omit<InputHTMLAttributes<HTMLInputElement>, "value" | "onChange">) {
  const shown = value === null || value === undefined || Number.isNaN(value) ? "" : value / factor;
  const change = (text: string) => onChange(text === "" ? (isNullable ? null : Number.NaN) : Math.round(Number(text) * factor));
  return <TextField {...rest} type="number" step={rest.step ?? (factor === 1 ? 1 : "any")} value={shown} onChange={(event) => change(event.target.value)} />;
}

/** Rarely needed settings, closed until somebody looks for them. */
export function Fold({ title, hint, children, isOpen = false }: { title: string; hint?: ReactNode; children: ReactNode; isOpen?: boolean }) {
  return (
    <details open={isOpen} className="group rounded-md border border-line">
      <summary className="cursor-pointer rounded-md px-3 py-2 text-[13px] font-medium hover:bg-sunken">
        {title}
        {hint && <span className="ml-2 font-normal text-ink-3">{hint}</span>}
      </summary>
      <div className="flex flex-col gap-4 px-3 pt-1 pb-3">{children}</div>
    </details>
  );
}
