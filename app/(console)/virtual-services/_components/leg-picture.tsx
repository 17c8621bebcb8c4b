/** What a mode does to the two legs, in the product's shapes: client a dot, gateway an arch, member a square; TLS a double line, plain bytes a single one. */
import type { ServiceMode } from "@/contract/virtual-service.ts";

const legs = {
  tcp: { client: "plain", member: "plain", isThrough: true, text: "One plain line from the client through the gateway to the member." },
  "tls-passthrough": { client: "tls", member: "tls", isThrough: true, text: "One TLS session from the client through the gateway to the member." },
  "tls-offload": { client: "tls", member: "plain", isThrough: false, text: "TLS from the client to the gateway, plain bytes to the member." },
  "tls-reencrypt": { client: "tls", member: "tls", isThrough: false, text: "TLS from the client to the gateway, and another TLS session to the member." },
} as const satisfies Record<ServiceMode, { client: "tls" | "plain"; member: "tls" | "plain"; isThrough: boolean; text: string }>;

export function LegPicture({ mode }: { mode: ServiceMode }) {
  const { client, member, isThrough, text } = legs[mode];
  return (
    <svg viewBox="0 0 300 62" width="300" height="62" role="img" aria-label={text} className="max-w-full text-ink-2">
      <circle cx="14" cy="26" r="6" fill="currentColor" />
      <Line kind={client} from={26} to={isThrough ? 150 : 132} />
      <Line kind={member} from={isThrough ? 150 : 168} to={272} />
      <g className="text-ink" fill="none" stroke="currentColor" strokeWidth="1.7" strokeLinecap="round">
        <path d="M135 44V26a15 15 0 0 1 30 0v18" />
        <path d="M143 44V27.5a7 7 0 0 1 14 0V44" strokeWidth={isThrough ? 0.9 : 1.7} />
      </g>
      <rect x="274" y="19" width="14" height="14" rx="1.5" fill="none" stroke="currentColor" strokeWidth="1.7" />
      <g fontSize="11" fill="currentColor" textAnchor="middle">
        <text x="79" y="14">{client === "tls" ? "TLS" : "plain"}</text>
        <text x="220" y="14">{isThrough && client === "tls" ? "the same TLS" : member === "tls" ? "TLS again" : "plain"}</text>
        <text x="18" y="58" textAnchor="start" dx="-14">client</text>
        <text x="150" y="58">gateway</text>
        <text x="296" y="58" textAnchor="end">member</text>
      </g>
    </svg>
  );
}

function Line({ kind, from, to }: { kind: "tls" | "plain"; from: number; to: number }) {
  const offsets = kind === "tls" ? [-2.2, 2.2] : [0];
  return offsets.map((offset) => <path key={offset} d={`M${from} ${26 + offset}H${to}`} stroke="currentColor" strokeWidth="1.4" fill="none" />);
}
