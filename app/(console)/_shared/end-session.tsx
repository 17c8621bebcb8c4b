"use client";
/** Ending a session somebody has into an agent: it cuts one person off, so it says whom first. */
import { PlugsConnected } from "@phosphor-icons/react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { useMay } from "../_shell/use-person.ts";
import { DangerAction } from "./danger-action.tsx";

export function EndSession({ session }: { session: { id: string; actor: { name: string }; agent: { name: string }; service: { name: string } } }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const end = useMutation(trpc.reachSession.end.mutationOptions({ onSettled: () => client.invalidateQueries(trpc.reachSession.pathFilter()) }));
  if (!useMay("operate")) return null;
  const { actor, agent, service } = session;
  return <DangerAction size="small" label="End session" icon={PlugsConnected} title={`End the session of ${actor.name}?`} name={`${actor.name} ${session.id}`} done={`The session of ${actor.name} to ${agent.name} was ended.`} load={() => Promise.resolve({ agentsAffected: 0, lines: [`${actor.name} is cut off from ${service.name} on ${agent.name} at once; what runs there is not waited for.`], blockers: [], undo: "They can open a new one as long as a reach rule allows it; disable the rule to keep them out.", needsConfirmation: false })} run={() => end.mutateAsync({ id: session.id })} />;
}
