/** Expected share of new sessions per member, before anything is saved (S3-68). */
import type { z } from "zod";
import type { poolShares, poolSharesReply } from "../../../contract/service-objects.ts";
import { expectedShares } from "../../../contract/shares.ts";
import { schedulingNames } from "./rules.ts";

/** The numbers, and a sentence that says what they depend on. */
export function sharesOf(input: z.infer<typeof poolShares>): z.infer<typeof poolSharesReply> {
  const shares = expectedShares(input.scheduling, input.members);
  return { shares, sentence: sentenceOf(input, shares) };
}

function sentenceOf({ scheduling, members }: z.infer<typeof poolShares>, shares: readonly number[]): string {
  const taking = shares.flatMap((share, index) => (share > 0 ? [`member ${index + 1} ${percent(share)}`] : []));
  if (members.length === 0) return "The pool has no members.";
  if (taking.length === 0) return "No member takes new sessions: none is enabled with a weight above 0.";
  if (scheduling === "failover" || scheduling === "first-alive") return `With ${schedulingNames[scheduling]}, all new sessions go to member ${shares.indexOf(1) + 1}; the next in order takes over when it fails.`;
  return `With ${schedulingNames[scheduling]}, while all enabled members are up: ${taking.slice(0, 10).join(", ")}${taking.length > 10 ? ", …" : ""}.`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1).replace(/\.0$/, "")} %`;
}
