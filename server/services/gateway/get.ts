/** One gateway: desired state, what it says it serves, and what it refused. */
import type { z } from "zod";
import { gatewayStatus, snapshotProblem } from "../../../contract/control.ts";
import type { gatewayDetail, gatewayListenerFields } from "../../../contract/objects.ts";
import { listenerLimits } from "../../../contract/snapshot.ts";
import { proxyProtocolAccept } from "../../../contract/virtual-service.ts";
import type { Prisma } from "../../db.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { iso, isoOrNull } from "../object/list.ts";
import { certificateChoiceOf } from "./certificate-choice.ts";
import { insideOf } from "./inside.ts";
import { gatewayColumns, toGatewayRow } from "./list.ts";
import { logForwardingOf } from "./log-forwarding.ts";

const detailColumns = {
  ...gatewayColumns,
  certificateKind: true, certificateKeyType: true, importedCertificateId: true, isBehindLoadBalancer: true, drainTimeoutSeconds: true, forwardLogs: true, isFipsOnly: true, serviceAccount: true, insideAddress: true, insidePort: true, insideNames: true, note: true, version: true, updatedAt: true,
  statusAt: true, problems: true, clockSkewMs: true,
  listeners: { orderBy: { ordinal: "asc" } },
  servers: { select: { server: { select: { id: true, name: true } } }, orderBy: { server: { nameKey: "asc" } } },
  policies: { select: { policyId: true, policy: { select: { id: true, name: true } } }, distinct: ["policyId"], orderBy: { policyId: "asc" } },
} satisfies Prisma.GatewaySelect;

export async function getGateway(caller: Caller, input: { id: string }): Promise<z.infer<typeof gatewayDetail>> {
  const row = await caller.db.gateway.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: detailColumns });
  if (!row) throw notFound("gateway", input.id);
  const presented = await presentedBy(caller, row.presentedCertificateId);
  const status = gatewayStatus.safeParse(row.status);
  const problems = snapshotProblem.array().safeParse(row.problems);
  const listed = toGatewayRow(row, presented?.fingerprint ?? null);
  return {
    ...listed,
    logForwarding: await logForwardingOf(caller, { id: row.id, state: listed.state, forwardLogs: row.forwardLogs }),
    listeners: row.listeners.map(toListener), certificate: certificateChoiceOf(row), presented,
    servers: row.servers.map(({ server }) => server), policies: row.policies.map(({ policy }) => policy).sort((a, b) => a.name.localeCompare(b.name)),
    isBehindLoadBalancer: row.isBehindLoadBalancer, drainTimeoutSeconds: row.drainTimeoutSeconds, forwardLogs: row.forwardLogs, isFipsOnly: row.isFipsOnly, serviceAccount: row.serviceAccount, inside: insideOf(row), channels: status.success ? status.data.channels : 0, note: row.note, rowVersion: row.version, updatedAt: iso(row.updatedAt),
    status: status.success ? status.data : null, statusAt: isoOrNull(row.statusAt), problems: problems.success ? problems.data : [], clockSkewMs: row.clockSkewMs, connectedSince: isoOrNull(row.connectedSince),
  };
}

async function presentedBy(caller: Caller, certificateId: string | null): Promise<z.infer<typeof gatewayDetail>["presented"]> {
  if (certificateId === null) return null;
  const row = await caller.db.certificate.findFirst({ where: { id: certificateId, organisationId: caller.organisationId }, select: { id: true, fingerprint: true, thumbprintSha1: true, subject: true, notAfter: true } });
  return row && { certificateId: row.id, fingerprint: row.fingerprint, thumbprintSha1: row.thumbprintSha1, subject: row.subject, notAfter: iso(row.notAfter) };
}

type ListenerRow = { id: string; address: string; port: number; directServerId: string | null; directPort: number | null; limits: unknown; acceptProxy: unknown };

function toListener(row: ListenerRow): z.infer<typeof gatewayListenerFields> & { id: string } {
  const limits = listenerLimits.partial().safeParse(row.limits);
  const mode = row.directServerId === null || row.directPort === null ? ({ kind: "connect" } as const) : ({ kind: "direct", serverId: row.directServerId, port: row.directPort } as const);
  const acceptProxy = proxyProtocolAccept.safeParse(row.acceptProxy);
  return { id: row.id, address: row.address, port: row.port, mode, acceptProxy: acceptProxy.success ? acceptProxy.data : { kind: "off" }, limits: limits.success ? limits.data : {} };
}
