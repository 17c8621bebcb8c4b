"use client";
/** One stream tells what changed; what is on the page and concerned is asked for again, at most four times a second. */
import { useQueryClient } from "@tanstack/react-query";
import { useSubscription } from "@trpc/tanstack-react-query";
import { useEffect, useRef, useState } from "react";
import type { LiveEvent } from "@/contract/objects.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";

type Topic = LiveEvent["topic"];

/** Routers whose answers hold facts of a topic besides its own. */
const alsoStale = {
  site: ["server", "overview", "guide"],
  server: ["site", "gateway", "overview", "guide"],
  gateway: ["server", "policy", "overview", "guide", "agent"],
  agentGroup: ["policy", "agent"],
  agent: ["agentGroup", "overview", "guide", "bundle"],
  policy: ["agent", "agentGroup", "gateway", "overview", "guide"],
  certificate: ["gateway", "overview", "virtualService"],
  pool: ["virtualService", "overview"],
  virtualService: ["pool", "gateway", "overview"],
  bundle: ["guide"],
  relay: ["topology", "gateway", "agent", "overview"],
  reachRule: ["agent", "reachSession"],
  reachRequest: ["agent"],
  reachSession: ["agent"],
  task: ["agent", "taskBatch"],
  taskBatch: ["task"],
  channel: ["agent", "topology", "relay"],
  user: [],
  apiKey: [],
  audit: [],
  refusal: ["overview"],
  guide: [],
  organisation: ["guide", "overview"],
} as const satisfies Record<Topic, readonly string[]>;

/** True while the stream is open. */
export function useLive(): boolean {
  const trpc = useTRPC();
  const client = useQueryClient();
  const waiting = useRef(new Set<string>());
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const [wasOpen, setWasOpen] = useState(false);

  const flush = () => {
    timer.current = undefined;
    const stale = [...waiting.current];
    waiting.current.clear();
    for (const name of stale) void client.invalidateQueries({ queryKey: [[name]] });
  };

  const subscription = useSubscription(
    trpc.live.changes.subscriptionOptions(undefined, {
      onStarted: () => {
        // What happened while the stream was down is unknown: everything shown is asked for again.
        if (wasOpen) void client.invalidateQueries();
        setWasOpen(true);
      },
      onData: (event) => {
        waiting.current.add(event.topic);
        waiting.current.add("audit");
        for (const name of alsoStale[event.topic]) waiting.current.add(name);
        timer.current ??= setTimeout(flush, 250);
      },
    }),
  );
  useEffect(() => () => clearTimeout(timer.current), []);
  return subscription.status === "pending";
}
