/** A small line over time with its last value written out; the table behind it is the page's to give. */

export function SparkLine({ label, values, last }: { label: string; values: readonly number[]; last: string }) {
  const max = Math.max(1, ...values);
  const points = values.map((value, index) => `${values.length === 1 ? 0 : ((index / (values.length - 1)) * 120).toFixed(1)},${(27 - (value / max) * 24).toFixed(1)}`).join(" ");
  return (
    <div className="flex items-center gap-3">
      <div className="min-w-0">
        <p className="text-[12px] text-ink-3">{label}</p>
        <p className="tabular text-[17px] font-semibold">{last}</p>
      </div>
      {values.length > 1 && (
        <svg viewBox="0 0 120 30" width="120" height="30" aria-hidden="true" className="text-accent">
          <polyline points={points} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" strokeLinecap="round" />
        </svg>
      )}
    </div>
  );
}

const steps = ["B", "kB", "MB", "GB", "TB"] as const;

/** "12.3 MB"; decimal multiples. */
export function bytes(count: number): string {
  const power = count < 1 ? 0 : Math.min(steps.length - 1, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${steps[power] ?? "B"}`;
}
