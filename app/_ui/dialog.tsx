"use client";
/** A modal dialog: title, body, and a row of actions of which the last one is meant. */
import { Dialog as KitDialog } from "@cloudflare/kumo/components/dialog";
import { X } from "@phosphor-icons/react";
import type { ReactNode } from "react";
import { Button } from "./button.tsx";

export function Dialog({ isOpen, onClose, title, children, actions }: { isOpen: boolean; onClose: () => void; title: string; children: ReactNode; actions: ReactNode }) {
  return (
    <KitDialog.Root open={isOpen} onOpenChange={(open: boolean) => !open && onClose()}>
      <KitDialog size="lg" className="max-h-[88dvh] w-[min(34rem,calc(100vw-2rem))] max-w-none min-w-0 overflow-y-auto p-5">
        <div className="mb-3 flex items-start justify-between gap-3">
          <KitDialog.Title className="text-[17px] font-semibold">{title}</KitDialog.Title>
          <KitDialog.Close render={(properties) => <Button {...properties} look="quiet" size="small" icon={X} aria-label="Close" />} />
        </div>
        <div className="@container flex flex-col gap-3">{children}</div>
        <div className="mt-5 flex flex-wrap justify-end gap-2">{actions}</div>
      </KitDialog>
    </KitDialog.Root>
  );
}
