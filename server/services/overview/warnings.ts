/** What needs a person's attention, each with a code, a sentence and a cure (DESIGN section 9). */
import type { z } from "zod";
import type { overview } from "../../../contract/objects.ts";
import { certificateProxies } from "../agent/certificate-proxy.ts";
import type { Caller } from "../caller.ts";
import { gatewayStateColumns, gatewayStateOf } from "../gateway/state.ts";
import { readRelayFacts } from "../relay/facts.ts";
import { relayFindings } from "../relay/findings.ts";
import { reportFreshMs } from "../relay/sessions.ts";
import { readServiceRows } from "../virtual-service/list.ts";

type Warning = z.infer<typeof overview>["warnings"][number];

const namedMax = 5;
const expiringMs = 30 * 24 * 3_600_000;

export async function warningsOf(caller: Caller, now: Date): Promise<Warning[]> {
  const found = await Promise.all([gatewayWarnings(caller, now), pinWarnings(caller), policyWarnings(caller), uncoveredAgents(caller), certificateWarnings(caller, now), clonedAgents(caller, now), proxyWarnings(caller, now), serviceWarnings(caller), relayWarnings(caller, now), waitingPeople(caller, now)]);
  return found.flat();
}

/** Agents met a certificate that is not the gateway's (S0-03, S0-09). */
async function proxyWarnings(caller: Caller, now: Date): Promise<Warning[]> {
  const found = await certificateProxies(caller, now);
  return found.map(({ sentence, cure, gatewayId }) => ({ code: "certificate-proxy", sentence, cure, link: `/gateways/${gatewayId}` }));
}

async function gatewayWarnings(caller: Caller, now: Date): Promise<Warning[]> {
  const rows = await caller.db.gateway.findMany({ where: { organisationId: caller.organisationId, enrolledAt: { not: null } }, select: { id: true, name: true, ...gatewayStateColumns }, orderBy: [{ nameKey: "asc" }], take: 500 });
  return rows.flatMap((row): Warning[] => {
    const state = gatewayStateOf(row, now);
    const link = `/gateways/${row.id}`;
    if (state === "disconnected") return [{ code: "gateway-disconnected", sentence: `Gateway "${row.name}" has no control channel; it serves its last good snapshot.`, cure: "Check the gateway's service and the firewall from the DMZ to the console's control port.", link }];
    if (state === "refused-snapshot") return [{ code: "gateway-refused-snapshot", sentence: `Gateway "${row.name}" refused revision ${row.refusedRevision} and serves revision ${row.appliedRevision}.`, cure: "Open the gateway: it lists every problem of the refused snapshot.", link }];
    return [];
  });
}

/** Pins that nobody serves: agents would refuse such a gateway. */
async function pinWarnings(caller: Caller): Promise<Warning[]> {
  const rows = await caller.db.$queryRaw<{ policyId: string; policy: string; gateway: string }[]>`
    SELECT p.id AS "policyId", p.name AS policy, g.name AS gateway FROM "PolicyGateway" e
      JOIN "Policy" p ON p.id = e."policyId" JOIN "Gateway" g ON g.id = e."gatewayId" JOIN "Certificate" c ON c.id = g."presentedCertificateId"
     WHERE p."organisationId" = ${caller.organisationId}::uuid AND p."isEnabled" AND NOT c.fingerprint = ANY(e.pins) ORDER BY p."nameKey", e.ordinal LIMIT 20`;
  return rows.map((row) => ({ code: "pin-not-served", sentence: `Policy "${row.policy}" pins a certificate that gateway "${row.gateway}" does not present.`, cure: "Copy the gateway's current SHA-256 fingerprint into the policy.", link: `/policies/${row.policyId}` }));
}

async function policyWarnings(caller: Caller): Promise<Warning[]> {
  const rows = await caller.db.policy.findMany({ where: { organisationId: caller.organisationId, isEnabled: true, OR: [{ gateways: { none: {} } }, { groups: { none: {} } }] }, select: { id: true, name: true, _count: { select: { gateways: true } } }, orderBy: { nameKey: "asc" }, take: 20 });
  return rows.map((row) => ({ code: "policy-without-effect", sentence: `Policy "${row.name}" is enabled but ${row._count.gateways === 0 ? "names no gateway" : "targets no group"}.`, cure: row._count.gateways === 0 ? "Add a gateway to it." : "Add an agent group to it.", link: `/policies/${row.id}` }));
}

/** An agent outside every enabled policy works on the LAN only (S1-56). */
async function uncoveredAgents(caller: Caller): Promise<Warning[]> {
  const where = { organisationId: caller.organisationId, revokedAt: null, enrolledAt: { not: null }, groups: { none: { group: { policies: { some: { policy: { isEnabled: true, gateways: { some: {} } } } } } } } };
  const [count, sample] = await Promise.all([caller.db.agent.count({ where }), caller.db.agent.findMany({ where, select: { hostname: true }, orderBy: [{ hostname: "asc" }, { id: "asc" }], take: namedMax })]);
  if (count === 0) return [];
  const names = sample.map((agent) => agent.hostname).join(", ");
  return [{ code: "agent-without-policy", sentence: `${count} ${count === 1 ? "agent is" : "agents are"} targeted by no enabled policy and cannot come in from outside: ${names}${count > namedMax ? " and more" : ""}.`, cure: "Add them to a group that an enabled policy targets.", link: "/agents" }];
}

async function certificateWarnings(caller: Caller, now: Date): Promise<Warning[]> {
  const rows = await caller.db.certificate.findMany({
    where: { organisationId: caller.organisationId, isCurrent: true, revokedAt: null, purpose: { in: ["root-ca", "issuing-ca", "agent-site", "control", "imported", "service", "gateway-listener"] }, notAfter: { lt: new Date(now.getTime() + expiringMs) } },
    select: { id: true, subject: true, notAfter: true }, orderBy: { notAfter: "asc" }, take: 20,
  });
  return rows.map((row) => ({ code: "certificate-expiring", sentence: `Certificate ${row.subject} ${row.notAfter <= now ? "expired" : "expires"} on ${row.notAfter.toISOString().slice(0, 10)}.`, cure: "Renew it, or import its successor.", link: `/certificates/${row.id}` }));
}

/** Services that turn clients away, or would with one fault more. */
async function serviceWarnings(caller: Caller): Promise<Warning[]> {
  const enabled = await caller.db.virtualService.findMany({ where: { organisationId: caller.organisationId, isEnabled: true }, select: { id: true }, orderBy: { nameKey: "asc" }, take: 500 });
  const rows = await readServiceRows(caller, enabled.map((row) => row.id));
  return rows.filter((row) => row.state === "down" || row.state === "degraded").slice(0, 20).map((row) => ({
    code: row.state === "down" ? "service-down" : "service-degraded",
    sentence: `Virtual service "${row.name}" ${row.state === "down" ? "is down" : "works in part"}: ${row.cause}`,
    cure: "Open the service: it shows its gateways, and each member's state with its cause.",
    link: `/virtual-services/${row.id}`,
  }));
}

/** Two machines with one identity: what gateway and agent site refused as superseded or as an older run (T22). */
async function clonedAgents(caller: Caller, now: Date): Promise<Warning[]> {
  const rows = await caller.db.$queryRaw<{ id: string; hostname: string; sources: string[] }[]>`
    SELECT a.id, a.hostname, array_agg(DISTINCT r.source) AS sources FROM "Refusal" r JOIN "Agent" a ON a.id = r."agentId" AND a."organisationId" = r."organisationId"
     WHERE r."organisationId" = ${caller.organisationId}::uuid AND r.code = 'certificate-superseded' AND r.at > ${new Date(now.getTime() - 24 * 3_600_000)}::timestamptz
     GROUP BY a.id, a.hostname ORDER BY a.hostname LIMIT 20`;
  return rows.map((row) => ({ code: "identity-duplicated", sentence: `Another machine presents an older certificate of agent "${row.hostname}" (from ${row.sources.slice(0, namedMax).join(", ")}); two machines may share one identity.`, cure: "Re-enrol the copy with a token of its own.", link: `/agents/${row.id}` }));
}

/** Relays that carry nothing, wait for a person, or make addresses ambiguous (X4-04 to X4-06). */
async function relayWarnings(caller: Caller, now: Date): Promise<Warning[]> {
  const found = relayFindings(await readRelayFacts(caller.db, caller.organisationId, now), now);
  const answered = [...(await caller.db.relay.findMany({ where: { organisationId: caller.organisationId, confirmed: { equals: [] }, sessions: { some: { state: "waiting", at: { gt: new Date(now.getTime() - reportFreshMs) } } } }, select: { id: true, name: true }, take: 20 }))];
  return [
    ...answered.filter((relay) => !found.some((finding) => finding.relayId === relay.id && finding.code === "relay-unconfirmed")).map((relay) => ({ code: "relay-unconfirmed", sentence: `Relay "${relay.name}" answered and waits to be confirmed.`, cure: "Compare the fingerprint with what sallyport-relay id prints, then confirm it.", link: `/relays/${relay.id}` })),
    ...found.filter((finding) => finding.severity !== "note").slice(0, 20).map(({ code, sentence, cure, relayId }) => ({ code, sentence, cure, link: `/relays/${relayId}` })),
  ];
}

/** Agents that wait for approval (S4-34), agents that do not check their relay (S4-37), and requests that this caller may decide. */
async function waitingPeople(caller: Caller, now: Date): Promise<Warning[]> {
  const { organisationId, db } = caller;
  const [agents, unchecked, requests] = await Promise.all([
    db.agent.count({ where: { organisationId, awaitsApproval: true, revokedAt: null } }),
    db.agent.count({ where: { organisationId, isRelayValidationOff: true, revokedAt: null } }),
    db.reachRequest.count({ where: { organisationId, isApproved: null, expiresAt: { gt: now } } }),
  ]);
  return [
    ...(agents > 0 ? [{ code: "agent-unapproved", sentence: `${agents} ${agents === 1 ? "agent is" : "agents are"} enrolled and ${agents === 1 ? "waits" : "wait"} for approval.`, cure: "Compare the fingerprint on the agent's page with the computer's own output, then approve it.", link: "/agents?state=unapproved" }] : []),
    ...(unchecked > 0 ? [{ code: "relay-validation-off", sentence: `${unchecked} ${unchecked === 1 ? "agent does" : "agents do"} not check what answers at ${unchecked === 1 ? "its" : "their"} relay's address.`, cure: "Start the agents without --relay-validation off.", link: "/findings" }] : []),
    ...(requests > 0 ? [{ code: "reach-request-open", sentence: `${requests} ${requests === 1 ? "request" : "requests"} for approval to reach an agent ${requests === 1 ? "is" : "are"} open.`, cure: "Approve or deny them.", link: "/reach-requests?state=open" }] : []),
  ];
}
