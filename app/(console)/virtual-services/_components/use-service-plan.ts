"use client";
/** Asks the planner while one types: what would be found, who would see a name warning, and who gets which share. */
import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { planned, type ServiceValues } from "./service-values.ts";

export type Plan = Outputs["virtualService"]["plan"];
export type PlanView = { plan: Plan | null; /** Newer values are being planned. */ isStale: boolean; /** Some field does not fit, so that nothing could be planned. */ isIncomplete: boolean; error: unknown };

/** Pause after the last change before the planner is asked, ms. */
const pauseMs = 500;

/** `identity` names the saved service, whose own address and names are then no conflict. The last answer stays until the next one is there. */
export function useServicePlan(values: ServiceValues, identity?: { id: string; version: number }): PlanView {
  const { mutateAsync } = useMutation(useTRPC().virtualService.plan.mutationOptions());
  const [view, setView] = useState<PlanView>({ plan: null, isStale: true, isIncomplete: false, error: null });
  const turn = useRef(0);
  const text = JSON.stringify(values);
  const id = identity?.id;
  const version = identity?.version;
  useEffect(() => {
    const mine = ++turn.current;
    const timer = setTimeout(async () => {
      const settings = planned(JSON.parse(text) as ServiceValues);
      if (settings === null) {
        setView((before) => ({ ...before, isStale: false, isIncomplete: true }));
        return;
      }
      setView((before) => ({ ...before, isStale: true, isIncomplete: false }));
      try {
        const plan = await mutateAsync({ ...settings, ...(id === undefined ? {} : { id, version }) });
        if (mine === turn.current) setView({ plan, isStale: false, isIncomplete: false, error: null });
      } catch (error) {
        if (mine === turn.current) setView((before) => ({ ...before, isStale: false, error }));
      }
    }, pauseMs);
    return () => clearTimeout(timer);
  }, [text, id, version, mutateAsync]);
  return view;
}
