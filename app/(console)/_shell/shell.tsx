"use client";
/** The frame around every page behind a session: navigation, top bar, content. */
import { List, X } from "@phosphor-icons/react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { routes } from "@/app/_nav/routes.ts";
import { Button } from "@/app/_ui/button.tsx";
import { Mark } from "@/app/_ui/mark.tsx";
import { Navigation } from "./navigation.tsx";
import { TopBar } from "./top-bar.tsx";
import { useLive } from "./use-live.ts";

export function Shell({ children }: { children: ReactNode }) {
  const isLive = useLive();
  const path = usePathname();
  const [isOpen, setOpen] = useState(false);
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => setOpen(false), [path]);
  useEffect(() => {
    if (!isOpen) return;
    close.current?.focus();
    const onKey = (event: KeyboardEvent) => event.key === "Escape" && setOpen(false);
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [isOpen]);
  return (
    <div className="isolate min-h-dvh lg:grid lg:grid-cols-[14.5rem_minmax(0,1fr)]">
      <a href="#content" className="sr-only z-50 rounded-md bg-surface px-3 py-2 focus:not-sr-only focus:fixed focus:top-2 focus:left-2">
        Go to content
      </a>
      <aside className="sticky top-0 hidden h-dvh overflow-y-auto border-r border-line bg-surface lg:block" aria-label="Navigation">
        <Brand />
        <Navigation />
      </aside>
      {isOpen && (
        <div className="fixed inset-0 z-40 flex lg:hidden">
          <aside id="navigation" aria-label="Navigation" className="h-full w-64 overflow-y-auto border-r border-line bg-surface">
            <div className="flex items-center justify-between pr-3">
              <Brand />
              <Button look="quiet" icon={X} aria-label="Close navigation" ref={close} onClick={() => setOpen(false)} />
            </div>
            <Navigation onGo={() => setOpen(false)} />
          </aside>
          <button type="button" tabIndex={-1} aria-hidden="true" className="flex-1 bg-ink/40" onClick={() => setOpen(false)} />
        </div>
      )}
      <div className="min-w-0">
        <TopBar isLive={isLive} menu={<Button look="quiet" icon={List} aria-label="Open navigation" aria-expanded={isOpen} aria-controls="navigation" className="lg:hidden" onClick={() => setOpen(true)} />} />
        <main id="content" tabIndex={-1} className="mx-auto w-full max-w-[84rem] px-4 py-6 outline-none sm:px-6">
          {children}
        </main>
      </div>
    </div>
  );
}

function Brand() {
  return (
    <Link href={routes.overview} className="flex h-13 items-center gap-2.5 px-5 text-[15px] font-semibold">
      <Mark size={22} />
      Sallyport
    </Link>
  );
}
