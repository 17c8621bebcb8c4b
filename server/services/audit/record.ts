/** Writes one audit event in the caller's transaction. Events form a hash chain per organisation, so that a removed or altered row shows. */
import { createHash } from "node:crypto";
import type { Prisma, Tx } from "../../db.ts";
import type { Caller } from "../caller.ts";

export type AuditChange = { path: string; before: unknown; after: unknown };
export type AuditEntry = { action: string; target?: { kind: string; id: string; name: string }; changes?: AuditChange[] };

const secretPath = /password|secret|token$|keypem|sealed|pkcs12/i;

/** Records that `caller` did `entry.action`. Values under paths that can hold secrets are replaced. Raises the organisation's chain head under its row lock (NO KEY UPDATE: rows inserted before in this transaction hold a share of the organisation's key, and two such transactions must not wait for each other). */
export async function recordAudit(tx: Tx, caller: Caller, entry: AuditEntry): Promise<void> {
  await recordAudits(tx, caller, [entry]);
}

/** The same for many at once, in three statements however many: one event each, chained in their order. */
export async function recordAudits(tx: Tx, caller: Caller, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const [row] = await tx.$queryRaw<{ auditHash: string }[]>`SELECT "auditHash" FROM "Organisation" WHERE id = ${caller.organisationId}::uuid FOR NO KEY UPDATE`;
  if (!row) throw new Error(`organisation ${caller.organisationId} is gone`);
  const at = new Date();
  let previousHash = row.auditHash;
  const events = entries.map((entry) => {
    const event = eventOf(caller, entry, { at, previousHash });
    previousHash = hashAudit(event);
    return { ...event, hash: previousHash };
  });
  await tx.auditEvent.createMany({ data: events });
  await tx.organisation.update({ where: { id: caller.organisationId }, data: { auditHash: previousHash } });
}

function eventOf(caller: Caller, entry: AuditEntry, moment: { at: Date; previousHash: string }) {
  const changes = (entry.changes ?? []).map((change) => (secretPath.test(change.path) ? { ...change, before: "[secret]", after: "[secret]" } : change));
  return {
    ...moment,
    organisationId: caller.organisationId,
    actorKind: caller.actor.kind,
    actorId: caller.actor.id,
    actorName: caller.actor.name,
    action: entry.action,
    targetKind: entry.target?.kind ?? null,
    targetId: entry.target?.id ?? null,
    targetName: entry.target?.name ?? null,
    changes: JSON.parse(JSON.stringify(changes)) as Prisma.InputJsonValue,
    requestId: caller.requestId,
    source: caller.source,
  };
}

/** The chain hash of an event: SHA-256 over the previous hash and the event's own fields in a fixed order. */
export function hashAudit(event: { previousHash: string; organisationId: string; at: Date; actorKind: string; actorId: string; action: string; targetId: string | null; changes: unknown; requestId: string }): string {
  const parts = [event.previousHash, event.organisationId, event.at.toISOString(), event.actorKind, event.actorId, event.action, event.targetId, canonical(event.changes), event.requestId];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** JSON text with sorted keys: PostgreSQL's jsonb does not keep their order. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(",")}}`;
  }
  return JSON.stringify(value ?? null);
}

/** The fields in which two plain objects differ, for an audit row. */
export function changesBetween(before: Record<string, unknown>, after: Record<string, unknown>): AuditChange[] {
  const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return paths.filter((path) => canonical(before[path]) !== canonical(after[path])).map((path) => ({ path, before: before[path] ?? null, after: after[path] ?? null }));
}
