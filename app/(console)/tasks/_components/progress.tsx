/** Progress as a bar with its number. */

export function Progress({ label, percent }: { label: string; percent: number }) {
  return (
    <span className="flex items-center gap-2">
      <span role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent} className="block h-1.5 w-28 overflow-hidden rounded-full bg-line">
        <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" className="block h-full w-full text-accent">
          <rect width={percent} height="6" fill="currentColor" />
        </svg>
      </span>
      <span className="tabular">{percent} %</span>
    </span>
  );
}
