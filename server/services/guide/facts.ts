/** What a check of a guide step found: facts to show, and at most one problem with its cure. */
import type { z } from "zod";
import type { guideStep } from "../../../contract/objects.ts";

export type Fact = z.infer<typeof guideStep>["facts"][number];
export type StepVerdict = { isVerified: boolean; facts: Fact[]; problem: string | null; cure: string | null };

export function good(label: string, value: string): Fact {
  return { label, value, isGood: true };
}

export function bad(label: string, value: string): Fact {
  return { label, value, isGood: false };
}

export function fact(label: string, value: string, isGood: boolean): Fact {
  return { label, value, isGood };
}

export function verified(facts: Fact[]): StepVerdict {
  return { isVerified: true, facts, problem: null, cure: null };
}

export function failed(facts: Fact[], problem: string, cure: string): StepVerdict {
  return { isVerified: false, facts, problem, cure };
}
