"use client";
/** Where the name that clients were built with leads now, and which DNS record to change to lead it to another gateway or member (manual fail-over, S3-62). */
import { useQuery } from "@tanstack/react-query";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Section } from "@/app/_ui/page.tsx";
import { useMay } from "../../_shell/use-person.ts";
import type { ServiceDetail } from "./service-values.ts";

const refetchMs = 60_000;

export function NameTarget({ service }: { service: ServiceDetail }) {
  const mayLook = useMay("operate");
  const query = useQuery(useTRPC().virtualService.nameTarget.queryOptions({ id: service.id }, { enabled: mayLook, refetchInterval: refetchMs }));
  if (!mayLook || !query.data) return null;
  const changes = query.data.targets.filter((target) => target.change !== null);
  return (
    <Section title="Where the name leads" hint="As this console resolves it.">
      <p className="text-[13px]">{query.data.sentence}</p>
      {changes.length > 0 && (
        <dl className="mt-3 flex flex-col gap-2 text-[13px]">
          {changes.map((target) => (
            <div key={target.id}>
              <dt className="font-medium">To lead it to {target.kind} {target.name}</dt>
              <dd className="text-ink-2 wrap-anywhere">{target.change}</dd>
            </div>
          ))}
        </dl>
      )}
    </Section>
  );
}
