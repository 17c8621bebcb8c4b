"use client";
/** Who is signed in, and what their role allows. Hiding a button is a courtesy; the server decides. */
import { useQuery } from "@tanstack/react-query";
import { type Demand, mayDo } from "@/contract/roles.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";

export function usePerson(): Outputs["user"]["me"] | undefined {
  const trpc = useTRPC();
  return useQuery(trpc.user.me.queryOptions(undefined, { staleTime: 60_000 })).data;
}

/** False until it is known. */
export function useMay(wanted: Demand): boolean {
  const person = usePerson();
  return person !== undefined && mayDo(person.role, wanted);
}
