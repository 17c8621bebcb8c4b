"use client";
/** The browser's end of tRPC: batched calls, and one event stream for what changes. */
import { QueryClientProvider } from "@tanstack/react-query";
import { createTRPCClient, httpBatchLink, httpSubscriptionLink, splitLink } from "@trpc/client";
import { createTRPCContext } from "@trpc/tanstack-react-query";
import type { inferRouterOutputs } from "@trpc/server";
import { type ReactNode, useState } from "react";
import { routes } from "@/app/_nav/routes.ts";
import type { AppRouter } from "@/server/trpc/root.ts";
import { makeQueryClient } from "./query-client.ts";

export const { TRPCProvider, useTRPC } = createTRPCContext<AppRouter>();
export type Outputs = inferRouterOutputs<AppRouter>;

const url = "/api/trpc";

function goToSignIn(): void {
  const here = `${window.location.pathname}${window.location.search}`;
  if (window.location.pathname !== routes.signIn) window.location.assign(`${routes.signIn}?next=${encodeURIComponent(here)}`);
}

export function ApiProvider({ children }: { children: ReactNode }) {
  const [queryClient] = useState(() => makeQueryClient(goToSignIn));
  const [client] = useState(() =>
    createTRPCClient<AppRouter>({
      links: [splitLink({ condition: (operation) => operation.type === "subscription", true: httpSubscriptionLink({ url }), false: httpBatchLink({ url, maxURLLength: 4000 }) })],
    }),
  );
  return (
    <QueryClientProvider client={queryClient}>
      <TRPCProvider trpcClient={client} queryClient={queryClient}>
        {children}
      </TRPCProvider>
    </QueryClientProvider>
  );
}
