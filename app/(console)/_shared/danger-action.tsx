"use client";
/** A button for what can cut people off: opens the impact dialog, runs the action, then says that it is done. */
import type { Icon } from "@phosphor-icons/react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Impact } from "@/contract/list.ts";
import { Button, type ButtonLook } from "@/app/_ui/button.tsx";
import { DangerDialog } from "@/app/_ui/danger-dialog.tsx";
import { confirm } from "@/app/_ui/toast.ts";

/** `load` asks what would be cut off, `run` does it. `done` is the sentence said afterwards. */
export function DangerAction({ label, title, name, icon, look = "danger-quiet", size = "normal", load, run, done, onDone }: { label: string; title: string; name: string; icon?: Icon; look?: ButtonLook; size?: "small" | "normal"; load: () => Promise<Impact>; run: (confirmName: string | undefined) => Promise<unknown>; done: string; onDone?: () => void }) {
  const [isOpen, setOpen] = useState(false);
  const impact = useQuery({ queryKey: ["impact", title, name], queryFn: load, enabled: isOpen, staleTime: 0, gcTime: 0 });
  const action = useMutation({
    mutationFn: run,
    onSuccess: () => {
      setOpen(false);
      confirm(done);
      onDone?.();
    },
  });
  const open = () => {
    action.reset();
    setOpen(true);
  };
  return (
    <>
      <Button look={look} size={size} onClick={open} {...(icon ? { icon } : {})}>
        {label}
      </Button>
      {isOpen && <DangerDialog isOpen onClose={() => setOpen(false)} title={title} verb={label} name={name} impact={impact} isBusy={action.isPending} error={action.error} onConfirm={(confirmName) => action.mutate(confirmName)} />}
    </>
  );
}
