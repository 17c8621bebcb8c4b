/** The one place where pages touch the server's code: who is signed in, asked once in the layout. */
import "server-only";
import { headers } from "next/headers";
import { callerFromRequest } from "@/server/auth/session.ts";

/** The signed-in person of this page request, or null. */
export async function signedInPerson(): Promise<{ name: string; role: string } | null> {
  const incoming = await headers();
  const caller = await callerFromRequest(new Request("http://localhost/", { headers: new Headers(incoming) }));
  return caller ? { name: caller.actor.name, role: caller.role } : null;
}
