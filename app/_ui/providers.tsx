"use client";
/** What every page stands on: theme, toasts, URL state, and the nonce for what the kit adds to the page. */
import { CSPProvider } from "@cloudflare/kumo/primitives/csp-provider";
import { Toasty } from "@cloudflare/kumo/components/toast";
import { TooltipProvider } from "@cloudflare/kumo/components/tooltip";
import { ThemeProvider } from "next-themes";
import { NuqsAdapter } from "nuqs/adapters/next/app";
import type { ReactNode } from "react";
import { toasts } from "./toast.ts";

export function Providers({ nonce, children }: { nonce: string; children: ReactNode }) {
  return (
    <CSPProvider nonce={nonce}>
      <ThemeProvider attribute={["class", "data-mode"]} defaultTheme="system" enableSystem disableTransitionOnChange nonce={nonce}>
        <TooltipProvider>
          <Toasty toastManager={toasts}>
            <NuqsAdapter>{children}</NuqsAdapter>
          </Toasty>
        </TooltipProvider>
      </ThemeProvider>
    </CSPProvider>
  );
}
