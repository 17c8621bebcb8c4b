/** Step 5: an enabled policy names a gateway by a name that resolves, with a pin that is really presented there, and targets a group (S1-50 to S1-55, S1-60). */
import type { Caller } from "../caller.ts";
import { type OwnCertificates, ownCertificates } from "../gateway/own-certificates.ts";
import { checkEntry } from "../policy/check.ts";
import { fact, failed, type StepVerdict, verified } from "./facts.ts";

const policiesMax = 10;

/** The first enabled policy that passes; else what is wrong with the first. */
export async function checkPolicyStep(caller: Caller): Promise<StepVerdict> {
  const policies = await readPolicies(caller);
  const enabled = policies.filter((policy) => policy.isEnabled);
  if (policies.length === 0) return failed([], "There is no policy yet.", "Create one with a gateway, its fingerprint as the pin, and the agent groups it is for.");
  if (enabled.length === 0) return failed([fact("Policy", `${policies[0]?.name ?? ""} is switched off`, false)], "No policy is enabled.", "Switch the policy on.");
  const own = await ownCertificates(caller);
  let first: StepVerdict | undefined;
  for (const policy of enabled) {
    const verdict = await judgePolicy(policy, own);
    if (verdict.isVerified) return verdict;
    first ??= verdict;
  }
  return first ?? failed([], "No policy is enabled.", "Switch the policy on.");
}

async function readPolicies(caller: Caller) {
  return caller.db.policy.findMany({
    where: { organisationId: caller.organisationId }, orderBy: [{ isEnabled: "desc" }, { createdAt: "asc" }], take: policiesMax,
    select: {
      name: true, isEnabled: true, _count: { select: { groups: true } },
      gateways: { select: { gatewayId: true, fqdn: true, port: true, pins: true, gateway: { select: { name: true, isBehindLoadBalancer: true } } }, orderBy: { ordinal: "asc" } },
    },
  });
}

async function judgePolicy(policy: Awaited<ReturnType<typeof readPolicies>>[number], own: OwnCertificates): Promise<StepVerdict> {
  const facts = [fact("Policy", `${policy.name} is enabled`, true), fact("Target groups", String(policy._count.groups), policy._count.groups > 0), fact("Gateways", String(policy.gateways.length), policy.gateways.length > 0)];
  if (policy.gateways.length === 0) return failed(facts, `Policy "${policy.name}" names no gateway.`, "Add a gateway with its public name and pin.");
  if (policy._count.groups === 0) return failed(facts, `Policy "${policy.name}" targets no group.`, "Add the agent groups that may come in from outside.");
  for (const entry of policy.gateways) {
    const check = await checkEntry(entry, own);
    facts.push(fact(`${entry.fqdn}:${entry.port}`, check.detail, check.pinFits && !check.answersPlainHttp));
    if (check.pinFits && !check.isPublic) facts.push(fact(`${entry.fqdn} outside`, "resolves only to private addresses here; check that it resolves publicly", true));
    if (!check.pinFits) return failed(facts, check.detail, cureOf(check));
    if (check.answersPlainHttp) return failed(facts, check.detail, "Turn off what answers plain HTTP in front of the gateway: nothing but the gateway may answer there.");
  }
  return verified(facts);
}

function cureOf(check: Awaited<ReturnType<typeof checkEntry>>): string {
  if (!check.resolves) return "Add a public DNS entry, or correct the name.";
  if (!check.answers) return "Check listener, port mapping and firewall.";
  return check.isCertificateProxy ? "Let the device in front of the gateway pass TLS through unchanged." : "Copy the gateway's current SHA-256 fingerprint into the policy.";
}
