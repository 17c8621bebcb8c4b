/** Before and after of a change, field by field. */

export type Change = { path: string; before?: unknown; after?: unknown };

/** A value as text: lists one after the other, objects as JSON, nothing as a dash. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  if (Array.isArray(value)) return value.length === 0 ? "–" : value.map(valueText).join(", ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : `${value as string | number}`;
}

export function Changes({ changes }: { changes: Change[] }) {
  if (changes.length === 0) return null;
  return (
    <ul className="mt-1 flex flex-col gap-0.5 border-l-2 border-line pl-3">
      {changes.map((change) => (
        <li key={change.path} className="min-w-0 break-words">
          <span className="text-ink-3">{change.path}: </span>
          <del className="text-ink-3">{valueText(change.before)}</del>
          <span className="text-ink-3"> to </span>
          <ins className="font-medium no-underline">{valueText(change.after)}</ins>
        </li>
      ))}
    </ul>
  );
}
