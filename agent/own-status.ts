/** What the running agent tells of itself: to the status file, and to the console. */
import type { AgentPolicy, AgentStatusReport } from "../contract/agent-site.ts";
import type { StoredIdentity } from "./identity/store.ts";
import type { LocalSettings } from "./local-settings.ts";
import type { Parts } from "./parts.ts";
import type { RelayUse } from "./path/route.ts";
import { type AgentStatus, certificateFacts, runtimeName } from "./status.ts";
import { agentVersion } from "./version.ts";

export type OwnFacts = {
  parts: Parts | undefined;
  identity: StoredIdentity | undefined;
  policy: AgentPolicy | undefined;
  local: LocalSettings;
  relay: RelayUse | null;
  inventorySentAt: string | null;
  reportedAt: string | null;
  clockSkewMs: number | null;
  problem: AgentStatus["error"];
};

export function ownStatus({ parts, identity, policy, local, relay, problem, ...times }: OwnFacts): AgentStatus {
  const now = new Date().toISOString();
  const active = parts?.keeper.active ?? { path: { kind: "none" as const }, step: "idle" as const, connectionId: null, since: now, error: null };
  return {
    format: 1,
    updatedAt: now,
    pid: process.pid,
    version: agentVersion,
    runtime: runtimeName(),
    isEnrolled: identity !== undefined,
    agentId: identity?.agentId ?? null,
    organisationName: policy?.organisationName ?? null,
    certificate: identity ? certificateFacts(identity.chainPem) : null,
    isCloudEnabled: policy?.isCloudEnabled ?? false,
    policyRevision: policy?.revision ?? 0,
    path: active.path,
    step: active.step,
    connectionId: active.connectionId,
    since: active.since,
    channelVia: parts?.reports.via ?? null,
    channel: parts?.channels.facts ?? null,
    channelProblem: parts?.channels.problem ?? null,
    sessions: parts?.reach.sessions ?? 0,
    reach: local.reach.kind,
    relay,
    listen: local.listen,
    servers: (policy?.servers ?? []).map(({ name, host, port }) => ({ name, host, port })),
    gateways: (policy?.gateways ?? []).map(({ name, fqdn, port, pins }) => ({ name, fqdn, port, pins })),
    ...times,
    error: active.error ?? problem,
  };
}

export function statusReport({ keeper, channels }: Parts, extra: { attempts: AgentStatusReport["attempts"]; policyRevision: number; relay: RelayUse | null }): AgentStatusReport {
  const { path, step } = keeper.active;
  const { facts } = channels;
  const { relay } = extra;
  return {
    now: new Date().toISOString(),
    version: agentVersion,
    path,
    step,
    policyRevision: extra.policyRevision,
    attempts: extra.attempts,
    channel: facts === null ? null : { gatewayId: facts.gatewayId, channelId: facts.channelId, openedAt: facts.openedAt },
    channelProblem: channels.problem,
    relay: relay === null ? null : { host: relay.host, port: relay.port },
    isRelayValidationOff: relay?.isValidated === false,
  };
}
