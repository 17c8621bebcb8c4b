"use client";
/** Search over everything, as a list in a dialog that the arrow keys walk. The caller does the filtering. */
import { Dialog } from "@cloudflare/kumo/primitives/dialog";
import { CommandPalette as Kit } from "@cloudflare/kumo/components/command-palette";
import type { Icon } from "@phosphor-icons/react";

export type Command = { id: string; title: string; hint?: string; icon?: Icon | undefined; onSelect: () => void };
export type CommandGroup = { id: string; label: string; items: Command[] };

export function CommandPalette({ isOpen, onClose, text, onText, groups, placeholder, none }: { isOpen: boolean; onClose: () => void; text: string; onText: (text: string) => void; groups: CommandGroup[]; placeholder: string; none: string }) {
  const choose = (item: Command) => {
    onClose();
    item.onSelect();
  };
  return (
    <Kit.Root<CommandGroup, Command> open={isOpen} onOpenChange={(open) => !open && onClose()} items={groups} value={text} onValueChange={onText} itemToStringValue={(group) => group.label} getSelectableItems={(all) => all.flatMap((group) => group.items)} onSelect={choose}>
      <Dialog.Title className="sr-only">{placeholder}</Dialog.Title>
      <Kit.Input placeholder={placeholder} aria-label={placeholder} />
      <Kit.List>
        <Kit.Results>
          {(group: CommandGroup) => (
            <Kit.Group key={group.id} items={group.items}>
              <Kit.GroupLabel>{group.label}</Kit.GroupLabel>
              <Kit.Items>
                {(item: Command) => (
                  <Kit.Item key={item.id} value={item} onClick={() => choose(item)}>
                    <span className="flex min-w-0 items-center gap-3 text-[14px]">
                      {item.icon && <item.icon aria-hidden="true" size={16} className="shrink-0 text-ink-3" />}
                      <span className="truncate">{item.title}</span>
                      {item.hint && <span className="truncate text-[13px] text-ink-3">{item.hint}</span>}
                    </span>
                  </Kit.Item>
                )}
              </Kit.Items>
            </Kit.Group>
          )}
        </Kit.Results>
        <Kit.Empty>{none}</Kit.Empty>
      </Kit.List>
    </Kit.Root>
  );
}
