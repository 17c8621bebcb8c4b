"use client";
/** Navigation on the left, grouped by what people come to do. */
import { ArrowsSplit, Binoculars, Certificate, ChartLine, Desktop, FileText, Gear, Graph, HardDrives, Key, ListChecks, MapPin, Package, PlugsConnected, ShieldWarning, SignIn, Stack, TerminalWindow, TreeStructure, UsersThree, Users, type Icon } from "@phosphor-icons/react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { routes } from "@/app/_nav/routes.ts";
import { cx } from "@/app/_ui/cx.ts";
import { ArchIcon, RelayIcon } from "@/app/_ui/shapes.tsx";

/** `also`: other addresses that belong to the page, such as its second tab. */
type Entry = { label: string; href: string; icon: Icon | typeof ArchIcon; also?: string[] };

export const navigation: { group: string | null; entries: Entry[] }[] = [
  {
    group: null,
    entries: [
      { label: "Overview", href: routes.overview, icon: ChartLine },
      { label: "Topology", href: routes.topology, icon: Graph },
      { label: "Findings", href: routes.findings, icon: Binoculars },
    ],
  },
  {
    group: "Reach",
    entries: [
      { label: "Agents", href: routes.agents.list, icon: Desktop },
      { label: "Groups", href: routes.groups.list, icon: TreeStructure },
      { label: "Policies", href: routes.policies.list, icon: FileText },
      { label: "Bundles", href: routes.bundles.list, icon: Package },
      { label: "Reach rules", href: routes.reachRules.list, icon: SignIn },
      { label: "Sessions", href: routes.reachSessions, icon: TerminalWindow, also: [routes.reachRequests] },
    ],
  },
  {
    group: "Edge",
    entries: [
      { label: "Gateways", href: routes.gateways.list, icon: ArchIcon },
      { label: "Virtual services", href: routes.virtualServices.list, icon: ArrowsSplit },
      { label: "Pools", href: routes.pools.list, icon: Stack },
      { label: "Relays", href: routes.relays.list, icon: RelayIcon },
    ],
  },
  {
    group: "Inside",
    entries: [
      { label: "Sites", href: routes.sites.list, icon: MapPin },
      { label: "Servers", href: routes.servers.list, icon: HardDrives },
    ],
  },
  {
    group: "Trust",
    entries: [
      { label: "Certificates", href: routes.certificates.list, icon: Certificate },
      { label: "Refusals", href: routes.refusals.list, icon: ShieldWarning },
    ],
  },
  {
    group: "Activity",
    entries: [
      { label: "Audit", href: routes.audit.list, icon: UsersThree },
      { label: "Tasks", href: routes.tasks.list, icon: ListChecks },
    ],
  },
  {
    group: "Settings",
    entries: [
      { label: "Organisation", href: routes.settings.organisation, icon: Gear },
      { label: "Agent site", href: routes.settings.agentSite, icon: PlugsConnected },
      { label: "Users", href: routes.settings.users, icon: Users },
      { label: "API keys", href: routes.settings.apiKeys, icon: Key },
    ],
  },
];

export function Navigation({ onGo }: { onGo?: () => void }) {
  const path = usePathname();
  return (
    <nav aria-label="Main" className="flex flex-col gap-4 px-3 py-4">
      {navigation.map(({ group, entries }) => (
        <div key={group ?? "top"}>
          {group && <h2 className="mb-1 px-2 text-[12px] font-medium text-ink-3">{group}</h2>}
          <ul className="flex flex-col gap-px">
            {entries.map((entry) => {
              const isHere = entry.href === "/" ? path === "/" : [entry.href, ...(entry.also ?? [])].some((href) => path === href || path.startsWith(`${href}/`));
              const Glyph = entry.icon;
              return (
                <li key={entry.href}>
                  <Link href={entry.href} aria-current={isHere ? "page" : undefined} onClick={() => onGo?.()} className={cx("flex h-8 items-center gap-2.5 rounded-md px-2 text-[14px]", isHere ? "bg-sunken font-semibold text-ink" : "text-ink-2 hover:bg-sunken hover:text-ink")}>
                    <Glyph aria-hidden="true" size={17} className={isHere ? "text-accent" : "text-ink-3"} />
                    {entry.label}
                  </Link>
                </li>
              );
            })}
          </ul>
        </div>
      ))}
    </nav>
  );
}
