/** A pool as its form holds it, and what a new one starts from. */
import type { z } from "zod";
import type { poolCreate } from "@/contract/service-objects.ts";
import { freshChecks } from "./fresh-checks.ts";

export type PoolValues = z.input<typeof poolCreate>;
export const freshPool: PoolValues = { name: "", scheduling: "failover", failsBack: true, isSessionBound: false, healthCheck: freshChecks.tcp, passiveCheck: { failures: 3, holdMs: 10_000 }, members: [], note: "" };
export const poolLabels = { name: "Name", scheduling: "Scheduling", members: "Member", healthCheck: "Health check", passiveCheck: "Real connections", note: "Note" };
