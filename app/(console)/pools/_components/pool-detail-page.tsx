"use client";
/** One pool: how its members are, why, and since when; who depends on it; its settings and what happened. */
import { PencilSimple, Trash } from "@phosphor-icons/react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import type { HealthCheck } from "@/contract/health-check.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { Columns, Facts, LinkList, PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
import { StateSentence } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { History } from "../../_shared/history.tsx";
import { Loaded } from "../../_shared/loaded.tsx";
import { checkWords, counted, endpoint, modeWords, schedulingWords, serviceTone } from "../../_shared/service-words.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { timingSentence } from "./fresh-checks.ts";
import { HealthHistory } from "./health-history.tsx";
import { MembersTable } from "./members-table.tsx";

export type Pool = Outputs["pool"]["get"];

export function PoolDetailPage({ id }: { id: string }) {
  // Health arrives as events; what a gateway measured between two of them is asked for.
  const pool = useQuery(useTRPC().pool.get.queryOptions({ id }, { refetchInterval: 5_000 }));
  useTitle(pool.data?.name);
  return <Loaded query={pool}>{(data) => <PoolDetail pool={data} />}</Loaded>;
}

/** "3 of 4 members are up. mail2 is down: …": the state with the first reason. */
export function poolSentence(pool: Pick<Pool, "members" | "memberCount" | "membersUp" | "state">): string {
  if (pool.memberCount === 0) return "No member yet: services with this pool answer nobody.";
  if (pool.state === "unknown") return "No gateway has checked a member yet. A pool is checked once an enabled service uses it on a connected gateway.";
  const trouble = pool.members.find((member) => member.state === "enabled" && member.status.state === "down") ?? pool.members.find((member) => member.state === "enabled" && member.status.state === "next-hop");
  const why = trouble ? ` ${trouble.status.cause.startsWith(trouble.name) ? trouble.status.cause : `${trouble.name}: ${trouble.status.cause}`}${/[.!?]$/.test(trouble.status.cause) ? "" : "."}` : "";
  if (pool.membersUp === pool.memberCount && !trouble) return `${pool.memberCount === 1 ? "Its one member is" : `All ${pool.memberCount} members are`} up.`;
  return `${pool.membersUp === 0 ? "No member is up" : `${pool.membersUp} of ${pool.memberCount} members ${pool.membersUp === 1 ? "is" : "are"} up`}.${why}`;
}

function PoolDetail({ pool }: { pool: Pool }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const router = useRouter();
  const mayChange = useMay("administer");
  const remove = useMutation(trpc.pool.remove.mutationOptions());
  return (
    <>
      <PageHeader
        crumb={{ label: "Pools", href: routes.pools.list }}
        title={pool.name}
        actions={mayChange && (
          <>
            <LinkButton href={routes.pools.edit(pool.id)} icon={PencilSimple}>
              Change pool
            </LinkButton>
            <DangerAction label="Delete pool" icon={Trash} title={`Delete pool ${pool.name}?`} name={pool.name} done={`Pool ${pool.name} deleted.`} load={() => client.fetchQuery(trpc.pool.impact.queryOptions({ id: pool.id }, { staleTime: 0 }))} run={(confirmName) => remove.mutateAsync({ id: pool.id, confirmName })} onDone={() => router.push(routes.pools.list)} />
          </>
        )}
      />
      <StateSentence tone={pool.memberCount === 0 ? "warn" : serviceTone[pool.state]}>{poolSentence(pool)}</StateSentence>
      <div className="mt-4">
        <MembersTable pool={pool} />
      </div>
      <Columns
        main={
          <>
            <HealthHistory pool={pool} />
            <History targetId={pool.id} />
          </>
        }
        side={
          <>
            <Section title="Services that use it">
              <LinkList items={pool.services.map((service) => ({ id: service.id, name: service.name, href: routes.virtualServices.detail(service.id), note: modeWords[service.mode].label }))} none="No service sends clients here." />
            </Section>
            <Section title="Settings">
              <PoolFacts pool={pool} />
            </Section>
          </>
        }
      />
    </>
  );
}

function PoolFacts({ pool }: { pool: Pool }) {
  const { healthCheck, passiveCheck } = pool;
  return (
    <Facts
      items={[
        { label: "Scheduling", value: schedulingWords[pool.scheduling].label },
        ...(pool.scheduling === "failover" ? [{ label: "Fail back", value: pool.failsBack ? "to the first member once it is up" : "no, stays until it fails" }] : []),
        { label: "Sessions", value: pool.isSessionBound ? "live on one member" : "may move" },
        { label: "Health check", value: <CheckText check={healthCheck} /> },
        ...(healthCheck.kind === "none" ? [] : [{ label: "Timing", value: <>every {healthCheck.intervalMs / 1000} s, at most {healthCheck.timeoutMs / 1000} s. <span className="text-ink-3">{timingSentence(healthCheck)}</span></> }]),
        { label: "Real connections", value: passiveCheck ? `out for ${passiveCheck.holdMs / 1000} s after ${counted(passiveCheck.failures, "failure")} in a row` : "do not count" },
        { label: "Note", value: pool.note === "" ? "none" : pool.note },
        { label: "Last changed", value: <Time at={pool.updatedAt} /> },
      ]}
    />
  );
}

/** What a check asks for, in one line. */
function CheckText({ check }: { check: HealthCheck }) {
  const mono = (text: string) => <code className="font-mono text-[12.5px]">{text}</code>;
  const port = check.kind !== "none" && check.port !== null ? ` on port ${check.port}` : "";
  switch (check.kind) {
    case "none":
    case "tcp":
      return <>{checkWords[check.kind].label}{port}</>;
    case "tls":
      return <>TLS{port}, certificate {check.verify === "off" ? "not verified" : "verified"}{check.daysLeftMin > 0 && `, ${check.daysLeftMin} days left at least`}</>;
    case "http":
      return <>{check.isTls ? "HTTPS" : "HTTP"}{port}: {mono(`${check.method} ${check.path}`)}, status {check.statusFrom} to {check.statusTo}{check.bodyContains !== null && <>, body contains {mono(check.bodyContains)}</>}</>;
    case "smtp":
      return <>SMTP{port}: greeting and EHLO{check.startTls === "required" && ", STARTTLS"}{check.nextHop && <>, next hop {mono(endpoint(check.nextHop.host, check.nextHop.port))}{check.nextHop.takesMemberOut ? ", whose outage takes the member out" : ""}</>}</>;
  }
}
