/** Steps 6 and 7: an agent is enrolled and targeted; and one proves, by being fully connected through a gateway a moment ago, that all of it works (S1-56, S1-63, S1-68). */
import type { Caller } from "../caller.ts";
import { readPath } from "../agent/list.ts";
import { fact, failed, good, type StepVerdict, verified } from "./facts.ts";

/** How old the proof of the last step may be when it is checked, ms. */
export const proofFreshMs = 3 * 60_000;

const isCovered = { some: { group: { policies: { some: { policy: { isEnabled: true, gateways: { some: {} } } } } } } };

export async function checkFirstAgent(caller: Caller): Promise<StepVerdict> {
  const enrolled = { organisationId: caller.organisationId, revokedAt: null, enrolledAt: { not: null } };
  const [total, covered, first] = await Promise.all([
    caller.db.agent.count({ where: enrolled }),
    caller.db.agent.count({ where: { ...enrolled, groups: isCovered } }),
    caller.db.agent.findFirst({ where: { ...enrolled, groups: isCovered }, select: { hostname: true, enrolledAt: true }, orderBy: { enrolledAt: "desc" } }),
  ]);
  const facts = [fact("Enrolled agents", String(total), total > 0), fact("Targeted by an enabled policy", String(covered), covered > 0)];
  if (total === 0) return failed(facts, "No agent is enrolled yet.", "Make an offline bundle or a token, and install the agent on a computer.");
  if (covered === 0) return failed(facts, "No enrolled agent is targeted by an enabled policy.", "Add the agent to a group that the policy targets.");
  return verified([...facts, good("Newest", first?.hostname ?? "")]);
}

export async function checkVerify(caller: Caller, now: Date = new Date()): Promise<StepVerdict> {
  const since = new Date(now.getTime() - proofFreshMs);
  const agents = await caller.db.agent.findMany({
    where: { organisationId: caller.organisationId, revokedAt: null, lastSeenAt: { gte: since }, path: { path: ["kind"], equals: "gateway" } },
    select: { id: true, hostname: true, path: true, step: true, lastSeenAt: true }, orderBy: { lastSeenAt: "desc" }, take: 50,
  });
  const proof = agents.find((agent) => agent.step === "fully-connected");
  if (proof) {
    const path = readPath(proof.path);
    return verified([good("Agent", proof.hostname), good("Connected via", path.kind === "gateway" ? path.name : ""), good("Proof", `fully connected, ${proof.lastSeenAt?.toISOString() ?? ""}`)]);
  }
  const [stuck] = agents;
  if (stuck) return failed([fact(stuck.hostname, `reached step ${stuck.step}`, false)], `Agent ${stuck.hostname} comes through a gateway but stays at step ${stuck.step}.`, "Open the agent: its attempts name the reason.");
  return failed([fact("Agents through a gateway in the last minutes", "0", false)], "No agent has come in through a gateway within the last minutes.", "Take a computer with the agent off the LAN, wait a minute, and check again; the agent's log and the refusal list say what happened.");
}
