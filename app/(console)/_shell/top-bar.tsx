"use client";
/** Top bar: organisation, search, help for this page, theme, person. */
import { BookOpen, Key, Moon, Question, SignOut, Sun, Monitor, UserCircle, MagnifyingGlass } from "@phosphor-icons/react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useTheme } from "next-themes";
import { type ReactNode, useEffect, useState } from "react";
import { docs, routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { postJson } from "@/app/_trpc/post.ts";
import { Button } from "@/app/_ui/button.tsx";
import { Menu, type MenuEntry } from "@/app/_ui/menu.tsx";
import { Help } from "./help.tsx";
import { Palette } from "./palette.tsx";
import { PasswordDialog } from "./password-dialog.tsx";
import { usePerson } from "./use-person.ts";

export function TopBar({ menu, isLive }: { menu: ReactNode; isLive: boolean }) {
  const [isSearching, setSearching] = useState(false);
  const [isHelping, setHelping] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.metaKey || event.ctrlKey)) return;
      event.preventDefault();
      setSearching(true);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return (
    <header className="sticky top-0 z-30 flex h-13 items-center gap-1 border-b border-line bg-surface px-2 sm:px-4">
      {menu}
      <OrganisationMenu />
      <div className="flex-1" />
      {!isLive && <LateLive />}
      <button type="button" onClick={() => setSearching(true)} className="hidden h-8 w-60 items-center gap-2 rounded-md border border-line-strong px-2.5 text-[13px] text-ink-3 hover:bg-sunken sm:flex">
        <MagnifyingGlass aria-hidden="true" size={15} />
        <span className="flex-1 text-left">Search or do</span>
        <kbd className="font-sans text-[12px]">Ctrl K</kbd>
      </button>
      <Button look="quiet" icon={MagnifyingGlass} aria-label="Search or do" className="sm:hidden" onClick={() => setSearching(true)} />
      <Button look="quiet" icon={Question} aria-label="Help for this page" onClick={() => setHelping(true)} />
      <ThemeMenu />
      <PersonMenu />
      <Palette isOpen={isSearching} onClose={() => setSearching(false)} />
      <Help isOpen={isHelping} onClose={() => setHelping(false)} />
    </header>
  );
}

/** Says that what is shown may be old, once the stream has been down for a while. */
function LateLive() {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 4000);
    return () => clearTimeout(timer);
  }, []);
  return isLate ? (
    <span role="status" className="mr-2 hidden text-[13px] font-medium text-warn sm:inline">
      Not live: reconnecting
    </span>
  ) : null;
}

function OrganisationMenu() {
  const trpc = useTRPC();
  const mine = useQuery(trpc.organisation.mine.queryOptions(undefined, { staleTime: 60_000 }));
  const change = useMutation(trpc.organisation.switchTo.mutationOptions({ onSuccess: () => window.location.assign(routes.overview) }));
  const current = mine.data?.find((organisation) => organisation.isCurrent);
  const others = mine.data ?? [];
  if (others.length < 2) return <span className="max-w-[10rem] truncate px-2 text-[14px] font-semibold sm:max-w-xs">{current?.name ?? ""}</span>;
  const entries: MenuEntry[] = others.map((organisation) => ({ kind: "action", label: organisation.name, isSelected: organisation.isCurrent, onSelect: () => change.mutate({ id: organisation.id }) }));
  return <Menu trigger={<Button look="quiet">{current?.name ?? "Organisation"}</Button>} entries={[{ kind: "label", label: "Work in" }, ...entries]} />;
}

const themes = [
  { value: "system", label: "As the system", icon: Monitor },
  { value: "light", label: "Light", icon: Sun },
  { value: "dark", label: "Dark", icon: Moon },
] as const;

function ThemeMenu() {
  const { theme, setTheme } = useTheme();
  const [isMounted, setMounted] = useState(false);
  // The chosen theme is known in the browser only.
  useEffect(() => setMounted(true), []);
  const chosen = themes.find((entry) => isMounted && entry.value === theme) ?? themes[0];
  return <Menu trigger={<Button look="quiet" icon={chosen.icon} aria-label={`Theme: ${chosen.label.toLowerCase()}`} />} entries={themes.map((entry) => ({ kind: "action", label: entry.label, icon: entry.icon, isSelected: isMounted && entry.value === theme, onSelect: () => setTheme(entry.value) }))} />;
}

function PersonMenu() {
  const person = usePerson();
  const [isChanging, setChanging] = useState(false);
  const signOut = useMutation({ mutationFn: () => postJson("/api/auth/sign-out", {}), onSettled: () => window.location.assign(routes.signIn) });
  return (
    <>
      <Menu
        trigger={<Button look="quiet" icon={UserCircle} aria-label={person ? `Your account: ${person.name}` : "Your account"} />}
        entries={[
          { kind: "label", label: person ? `${person.name}, ${person.role}` : "Signed in" },
          { kind: "action", label: "Change password", icon: Key, onSelect: () => setChanging(true) },
          { kind: "link", label: "Documentation", icon: BookOpen, href: docs.firstRun, isExternal: true },
          { kind: "line" },
          { kind: "action", label: "Sign out", icon: SignOut, onSelect: () => signOut.mutate() },
        ]}
      />
      <PasswordDialog isOpen={isChanging} onClose={() => setChanging(false)} />
    </>
  );
}
