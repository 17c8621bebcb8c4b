"use client";
/** Ctrl/Cmd K: objects by name, pages, and actions. */
import { Compass, Plus } from "@phosphor-icons/react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useDeferredValue, useState } from "react";
import { routeOfKind, routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { type Command, CommandPalette } from "@/app/_ui/command-palette.tsx";
import { navigation } from "./navigation.tsx";

const kindTitle = { site: "Sites", server: "Servers", gateway: "Gateways", agentGroup: "Groups", agent: "Agents", policy: "Policies", certificate: "Certificates", bundle: "Bundles", pool: "Pools", virtualService: "Virtual services", relay: "Relays", reachRule: "Reach rules" } as const satisfies Record<keyof typeof routeOfKind, string>;

const actions = [
  { title: "Create gateway", href: routes.gateways.create },
  { title: "Create virtual service", href: routes.virtualServices.create },
  { title: "Create pool", href: routes.pools.create },
  { title: "Create server", href: routes.servers.create },
  { title: "Create site", href: routes.sites.create },
  { title: "Create group", href: routes.groups.create },
  { title: "Create policy", href: routes.policies.create },
  { title: "Create bundle", href: routes.bundles.create },
  { title: "Create enrolment token", href: routes.agents.enrol },
  { title: "Create relay", href: routes.relays.create },
  { title: "Create reach rule", href: routes.reachRules.create },
  { title: "Run task on groups", href: routes.tasks.create },
  { title: "Import certificate", href: routes.certificates.import },
  { title: "Issue certificate for services", href: routes.certificates.issue },
  { title: "Continue first run", href: routes.guide },
];

export function Palette({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const trpc = useTRPC();
  const router = useRouter();
  const [text, setText] = useState("");
  const asked = useDeferredValue(text.trim());
  const found = useQuery(trpc.search.query.queryOptions({ text: asked.slice(0, 200) }, { enabled: isOpen && asked !== "", placeholderData: keepPreviousData }));
  const fits = (title: string) => title.toLowerCase().includes(asked.toLowerCase());
  const go = (title: string, href: string, icon: Command["icon"], hint?: string): Command => ({ id: href, title, icon, onSelect: () => router.push(href), ...(hint ? { hint } : {}) });

  const objects = asked === "" ? [] : (found.data ?? []);
  const groups = [
    ...Object.entries(kindTitle).map(([kind, label]) => ({ id: kind, label, items: objects.filter((object) => object.kind === kind).map((object) => go(object.name, routeOfKind[object.kind](object.id), undefined, object.hint)) })),
    { id: "pages", label: "Pages", items: navigation.flatMap((group) => group.entries).filter((entry) => fits(entry.label)).map((entry) => go(entry.label, entry.href, Compass)) },
    { id: "actions", label: "Actions", items: actions.filter((action) => fits(action.title)).map((action) => go(action.title, action.href, Plus)) },
  ].filter((group) => group.items.length > 0);

  return <CommandPalette isOpen={isOpen} onClose={onClose} text={text} onText={setText} groups={groups} placeholder="Search objects, pages and actions" none={found.isFetching ? "Searching" : "Nothing has this name."} />;
}
