/** The product's shapes, the same in every picture: gateway an arch, relay a small arch on a line, agent a dot, server a square, site a soft rectangle around them. */

/** A gateway, as an icon of the same size and stroke as the kit's icons. */
export function ArchIcon({ size = 17, className }: { size?: number; className?: string }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" aria-hidden="true" className={className}>
      <path d="M4 21V12a8 8 0 0 1 16 0v9" stroke="currentColor" strokeWidth="1.7" strokeLinecap="round" />
      <path d="M9 21v-8.2a3 3 0 0 1 6 0V21" stroke="currentColor" strokeWidth="1.7" strokeLinecap="round" />
    </svg>
  );
}

/** A relay: a small arch on a line. */
export function RelayIcon({ size = 17, className }: { size?: number; className?: string }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" aria-hidden="true" className={className}>
      <path d="M7 18v-5.5a5 5 0 0 1 10 0V18" stroke="currentColor" strokeWidth="1.7" strokeLinecap="round" />
      <path d="M2 18h20" stroke="currentColor" strokeWidth="1.7" strokeLinecap="round" />
    </svg>
  );
}
