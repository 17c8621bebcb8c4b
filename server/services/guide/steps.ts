/** The steps in their order, each with its real check and with the question whether an earlier result still holds, asked of rows only. */
import { guideSteps, type GuideStepId } from "../../../contract/objects.ts";
import type { Caller } from "../caller.ts";
import { gatewayStateColumns, gatewayStateOf } from "../gateway/state.ts";
import { checkAgentSite } from "./check-agent-site.ts";
import { checkFirstAgent, checkVerify } from "./check-agents.ts";
import { checkDirectTls } from "./check-direct-tls.ts";
import { checkGateway } from "./check-gateway.ts";
import { checkPolicyStep } from "./check-policy.ts";
import { checkServers } from "./check-servers.ts";
import type { StepVerdict } from "./facts.ts";

export type Step = {
  /** Probes for real; takes seconds at most. */
  check: (caller: Caller) => Promise<StepVerdict>;
  /** Cheap: does the world still look as when it was verified? A sentence when it does not. */
  brokenSince: (caller: Caller) => Promise<string | null>;
};

const stillHolds = async (): Promise<null> => null;

export const steps = {
  "direct-tls": { check: checkDirectTls, brokenSince: stillHolds },
  "agent-site": { check: checkAgentSite, brokenSince: stillHolds },
  gateway: { check: checkGateway, brokenSince: gatewayGone },
  servers: { check: checkServers, brokenSince: managementUnassigned },
  policy: { check: checkPolicyStep, brokenSince: policyGone },
  "first-agent": { check: checkFirstAgent, brokenSince: agentsGone },
  verify: { check: checkVerify, brokenSince: stillHolds },
} as const satisfies Record<GuideStepId, Step>;

/** The steps before this one, in order. */
export function stepsBefore(step: GuideStepId): GuideStepId[] {
  return guideSteps.slice(0, guideSteps.indexOf(step));
}

async function gatewayGone(caller: Caller): Promise<string | null> {
  const rows = await caller.db.gateway.findMany({ where: { organisationId: caller.organisationId, connectedSince: { not: null } }, select: gatewayStateColumns, take: 500 });
  return rows.some((row) => gatewayStateOf(row) === "connected") ? null : "No gateway is connected any more.";
}

async function managementUnassigned(caller: Caller): Promise<string | null> {
  const assigned = await caller.db.gatewayServer.count({ where: { gateway: { organisationId: caller.organisationId }, server: { kind: "management" } } });
  return assigned > 0 ? null : "No gateway forwards to the management server any more.";
}

async function policyGone(caller: Caller): Promise<string | null> {
  const policies = await caller.db.policy.count({ where: { organisationId: caller.organisationId, isEnabled: true, gateways: { some: {} }, groups: { some: {} } } });
  return policies > 0 ? null : "No enabled policy with a gateway and a target group is left.";
}

async function agentsGone(caller: Caller): Promise<string | null> {
  const agents = await caller.db.agent.count({ where: { organisationId: caller.organisationId, revokedAt: null, enrolledAt: { not: null }, groups: { some: { group: { policies: { some: { policy: { isEnabled: true, gateways: { some: {} } } } } } } } } });
  return agents > 0 ? null : "No enrolled agent is targeted by an enabled policy any more.";
}
