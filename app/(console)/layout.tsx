/** Everything behind a session; asked for once, here. Each procedure asks again on its own. */
import { headers } from "next/headers";
import { redirect } from "next/navigation";
import type { ReactNode } from "react";
import { routes } from "../_nav/routes.ts";
import { ApiProvider } from "../_trpc/client.tsx";
import { signedInPerson } from "../_trpc/rsc.ts";
import { Shell } from "./_shell/shell.tsx";

export const dynamic = "force-dynamic";

export default async function ConsoleLayout({ children }: { children: ReactNode }) {
  const person = await signedInPerson();
  if (!person) {
    const path = (await headers()).get("x-path");
    redirect(path && path !== "/" ? `${routes.signIn}?next=${encodeURIComponent(path)}` : routes.signIn);
  }
  return (
    <ApiProvider>
      <Shell>{children}</Shell>
    </ApiProvider>
  );
}
