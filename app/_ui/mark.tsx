/** The mark: an arch with a second arch inside it (a gate; two TLS layers). */
export function Mark({ size = 20 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" aria-hidden="true" className="text-accent">
      <path d="M3.5 21V12a8.5 8.5 0 0 1 17 0v9" stroke="currentColor" strokeWidth="2.4" strokeLinecap="round" />
      <path d="M8.5 21v-8.6a3.5 3.5 0 0 1 7 0V21" stroke="currentColor" strokeWidth="2.1" strokeLinecap="round" />
    </svg>
  );
}
