"use client";
/** Findings of the planner and of lint: what is wrong, what cures it, and where the documentation says more. */
import { Info, Warning, WarningOctagon } from "@phosphor-icons/react";
import Link from "next/link";
import type { Finding } from "@/contract/finding.ts";
import { routeOfKind } from "@/app/_nav/routes.ts";
import { cx } from "@/app/_ui/cx.ts";
import { State, type Tone, toneText } from "@/app/_ui/state.tsx";

export const severityTone = { error: "fault", warning: "warn", note: "idle" } as const satisfies Record<Finding["severity"], Tone>;
export const severityWord = { error: "Error", warning: "Warning", note: "Note" } as const satisfies Record<Finding["severity"], string>;
const severityIcon = { error: WarningOctagon, warning: Warning, note: Info } as const;
const rank = { error: 0, warning: 1, note: 2 } as const;

export function SeverityLabel({ severity }: { severity: Finding["severity"] }) {
  return (
    <State tone={severityTone[severity]} icon={severityIcon[severity]}>
      {severityWord[severity]}
    </State>
  );
}

/** Worst first; the order within a severity stays. */
export function worstFirst<F extends Pick<Finding, "severity">>(findings: readonly F[]): F[] {
  return findings.toSorted((a, b) => rank[a.severity] - rank[b.severity]);
}

/** Page of the object a finding is about; null where it has none. */
export function findingHref({ object }: Finding): string | null {
  if (object.id === null || !(object.kind in routeOfKind)) return null;
  return routeOfKind[object.kind as keyof typeof routeOfKind](object.id);
}

function DocsLink({ finding }: { finding: Finding }) {
  return (
    <a href={finding.docs} target="_blank" rel="noreferrer" className="whitespace-nowrap text-accent underline">
      About {finding.code}
    </a>
  );
}

/** Findings at the field where they arise: below it, small, never in its way. */
export function FieldFindings({ findings }: { findings: readonly Finding[] }) {
  if (findings.length === 0) return null;
  return (
    <ul aria-live="polite" className="flex flex-col gap-1.5">
      {worstFirst(findings).map((finding) => {
        const Glyph = severityIcon[finding.severity];
        return (
          <li key={`${finding.code}-${finding.field}-${finding.sentence}`} className="flex items-start gap-1.5 text-[13px]">
            <Glyph aria-hidden="true" size={15} weight="bold" className={cx("mt-[3px] shrink-0", toneText[severityTone[finding.severity]])} />
            <span className="min-w-0">
              <span className={cx("font-medium", toneText[severityTone[finding.severity]])}>
                <span className="sr-only">{severityWord[finding.severity]}: </span>
                {finding.sentence}
              </span>{" "}
              <span className="text-ink-2">{finding.cure}</span> <DocsLink finding={finding} />
            </span>
          </li>
        );
      })}
    </ul>
  );
}

/** Findings as a list of their own. `isNamed`: with the object each is about, for lists over several objects. */
export function FindingList({ findings, isNamed = false }: { findings: readonly Finding[]; isNamed?: boolean }) {
  return (
    <ul className="flex flex-col divide-y divide-line">
      {worstFirst(findings).map((finding, index) => {
        const href = findingHref(finding);
        return (
          <li key={`${finding.code}-${finding.object.id}-${finding.field}-${index}`} className="flex flex-col gap-0.5 py-2.5 text-[13px] first:pt-0 last:pb-0">
            <p className="flex flex-wrap items-center gap-x-3">
              <SeverityLabel severity={finding.severity} />
              {isNamed && (href ? <Link href={href} className="font-medium text-accent hover:underline">{finding.object.name}</Link> : <span className="font-medium">{finding.object.name}</span>)}
              <DocsLink finding={finding} />
            </p>
            <p className="break-words text-ink">{finding.sentence}</p>
            <p className="break-words text-ink-2">{finding.cure}</p>
          </li>
        );
      })}
    </ul>
  );
}
