/** Judges a virtual service before it is saved: what is wrong with it, whether clients would see a name warning, and who gets how much (N5, S3-47 to S3-57, S3-68). */
import type { z } from "zod";
import { expectedShares } from "../../../contract/shares.ts";
import type { servicePlan, servicePlanInput } from "../../../contract/service-objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { methodName } from "../lint/balancing-rules.ts";
import { inOrder } from "../lint/report.ts";
import { findingsOfPool, findingsOfService } from "../lint/service-rules.ts";
import type { ServiceFacts } from "../lint/facts.ts";
import { readRoots, readService, readSurroundingsOf } from "../lint/surroundings.ts";
import { draftOf } from "./draft.ts";
import { lookAtMembers } from "./look-at-members.ts";
import { nameVerdicts, type NameVerdict } from "./verdicts.ts";

type Input = z.infer<typeof servicePlanInput>;
type Plan = z.infer<typeof servicePlan>;

/** Looks at the members' certificates from here when the caller may operate; else, and when they do not answer, uses what health checks saw. */
export async function planService(caller: Caller, input: Input, now: Date = new Date()): Promise<Plan> {
  const roots = await readRoots(caller);
  const saved = input.id === undefined ? undefined : await readService(caller, input.id, roots);
  if (input.id !== undefined && !saved) throw notFound("virtual service", input.id);
  const draft = await draftOf(caller, input, { roots, saved });
  const around = await readSurroundingsOf(caller, draft, now);
  const service = await lookAtMembers(caller, draft);
  const verdicts = nameVerdicts(service);
  const findings = inOrder([...findingsOfService(service, around), ...findingsOfPool(service.pool)]);
  const parts = expectedShares(service.pool.scheduling, service.pool.members);
  const shares = service.pool.members.map((member, index) => ({ name: member.name, share: parts[index] ?? 0 }));
  return { findings, verdicts, shares, sentence: sentenceOf(service, { findings, verdicts }) };
}

function sentenceOf(service: ServiceFacts, plan: { findings: Plan["findings"]; verdicts: readonly NameVerdict[] }): string {
  const errors = plan.findings.filter((finding) => finding.severity === "error").length;
  const warned = plan.verdicts.filter((verdict) => verdict.isKnown && !verdict.isCovered).length;
  const unknown = plan.verdicts.filter((verdict) => !verdict.isKnown).length;
  const known = plan.verdicts.length - unknown;
  const names = known === 0 ? "" : warned === 0 ? "No client would see a name warning" : `Clients would see a name warning in ${warned} of ${known} cases`;
  const open = unknown === 0 ? "" : `${names === "" ? "" : "; "}${unknown} ${unknown === 1 ? "certificate is" : "certificates are"} not known yet`;
  const warnings = names === "" && open === "" ? "" : ` ${names}${open}.`;
  return `New clients are spread by ${methodName[service.pool.scheduling]}.${warnings}${errors === 0 ? "" : ` ${errors === 1 ? "One setting cannot work as it is." : `${errors} settings cannot work as they are.`}`}`;
}
