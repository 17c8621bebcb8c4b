"use client";
/** A menu behind a button: a short list of actions and links. */
import { DropdownMenu } from "@cloudflare/kumo/components/dropdown";
import type { Icon } from "@phosphor-icons/react";
import Link from "next/link";
import type { ReactElement, ReactNode } from "react";

export type MenuEntry =
  | { kind: "action"; label: string; icon?: Icon; isDanger?: boolean; isSelected?: boolean; isDisabled?: boolean; onSelect: () => void }
  | { kind: "link"; label: string; icon?: Icon; href: string; isExternal?: boolean }
  | { kind: "label"; label: ReactNode }
  | { kind: "line" };

export function Menu({ trigger, entries }: { trigger: ReactElement; entries: MenuEntry[] }) {
  return (
    <DropdownMenu>
      <DropdownMenu.Trigger render={trigger} />
      <DropdownMenu.Content>
        {entries.map((entry, index) => (
          <Entry key={index} entry={entry} />
        ))}
      </DropdownMenu.Content>
    </DropdownMenu>
  );
}

function Entry({ entry }: { entry: MenuEntry }) {
  if (entry.kind === "line") return <DropdownMenu.Separator />;
  if (entry.kind === "label") return <div className="px-2 py-1.5 text-[12px] text-ink-3">{entry.label}</div>;
  if (entry.kind === "link") {
    return (
      <DropdownMenu.LinkItem {...(entry.icon ? { icon: entry.icon } : {})} href={entry.href} render={entry.isExternal ? <a href={entry.href} target="_blank" rel="noreferrer" /> : <Link href={entry.href} />}>
        {entry.label}
      </DropdownMenu.LinkItem>
    );
  }
  return (
    <DropdownMenu.Item {...(entry.icon ? { icon: entry.icon } : {})} variant={entry.isDanger ? "danger" : "default"} selected={entry.isSelected ?? false} disabled={entry.isDisabled ?? false} onClick={entry.onSelect}>
      {entry.label}
    </DropdownMenu.Item>
  );
}
