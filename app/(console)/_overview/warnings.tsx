"use client";
/** What stands in the way: each warning in full while there are few of a kind, one line per kind that can be opened when there are many. */
import Link from "next/link";
import { LinkButton } from "@/app/_ui/button.tsx";
import { Notice } from "@/app/_ui/notice.tsx";
import type { Overview } from "./overview-page.tsx";

type Warning = Overview["warnings"][number];

/** More of one kind than this stand in one notice. */
const singleMax = 2;

const ofMany: Record<string, string> = {
  "gateway-disconnected": "gateways have no control channel; they serve their last good snapshots.",
  "gateway-refused-snapshot": "gateways refused their newest revision and serve the one before.",
  "pin-not-served": "pins of policies are presented by no gateway.",
  "policy-without-effect": "policies are enabled but name no gateway or target no group.",
  "certificate-expiring": "certificates expire soon or have expired.",
  "certificate-proxy": "certificates that are no gateway's were met by agents: something ends TLS in front of gateways.",
  "service-down": "virtual services are down: no member of theirs works, or no gateway serves them.",
  "service-degraded": "virtual services are degraded: some members or gateways of theirs are out.",
  "identity-duplicated": "agents may share their identity with another machine.",
};

export function Warnings({ warnings }: { warnings: Warning[] }) {
  const kinds = [...Map.groupBy(warnings, (warning) => warning.code)];
  return kinds.map(([code, some]) => (some.length > singleMax ? <Many key={code} code={code} warnings={some} /> : some.map((warning) => <One key={`${code}-${warning.sentence}`} warning={warning} />)));
}

function One({ warning }: { warning: Warning }) {
  return (
    <Notice tone="warn" title={warning.sentence} action={warning.link ? <LinkButton href={warning.link} size="small">Show</LinkButton> : undefined}>
      {warning.cure}
    </Notice>
  );
}

function Many({ code, warnings }: { code: string; warnings: Warning[] }) {
  const cures = [...new Set(warnings.map((warning) => warning.cure))];
  return (
    <Notice tone="warn" title={`${warnings.length} ${ofMany[code] ?? "warnings of one kind."}`}>
      <p>{cures.join(" ")}</p>
      <details className="mt-1.5">
        <summary className="font-medium text-ink">Show all {warnings.length}</summary>
        <ul className="mt-1 flex max-h-64 flex-col gap-1 overflow-y-auto">
          {warnings.map((warning) => (
            <li key={warning.sentence}>{warning.link ? <Link href={warning.link} className="text-ink hover:underline">{warning.sentence}</Link> : warning.sentence}</li>
          ))}
        </ul>
      </details>
    </Notice>
  );
}
