/**
 * What a committed change sets in motion. All of it happens in the caller's transaction; NOTIFY is delivered at commit and is only a wake-up:
 * readers poll by version behind it (DESIGN section 1).
 */
import type { ChannelElsewhere } from "../../../contract/control.ts";
import type { LiveEvent } from "../../../contract/objects.ts";
import type { Tx } from "../../db.ts";

export const liveChannel = "sallyport_live";
export const controlChannel = "sallyport_control";

/** Tells open pages that an object's list and detail are stale. */
export async function publishLive(tx: Tx, organisationId: string, event: LiveEvent): Promise<void> {
  await tx.$executeRaw`SELECT pg_notify(${liveChannel}, ${JSON.stringify({ organisationId, ...event })})`;
}

/** Tells several at once, each once. */
export async function publishAllLive(tx: Tx, organisationId: string, events: readonly LiveEvent[]): Promise<void> {
  const payloads = [...new Set(events.map((event) => JSON.stringify({ organisationId, ...event })))];
  if (payloads.length > 0) await tx.$executeRaw`SELECT pg_notify(${liveChannel}, p) FROM unnest(${payloads}::text[]) AS p`;
}

/** Raises the revision of these gateways (all of the organisation's when not given) and wakes their control channels. Same transaction as the change. */
export async function bumpGateways(tx: Tx, organisationId: string, gatewayIds?: readonly string[]): Promise<void> {
  if (gatewayIds?.length === 0) return;
  await tx.gateway.updateMany({ where: { organisationId, ...(gatewayIds ? { id: { in: [...gatewayIds] } } : {}) }, data: { revision: { increment: 1 } } });
  await wake(tx, { organisationId, kind: "snapshot", gatewayId: gatewayIds?.length === 1 ? gatewayIds[0] ?? null : null });
}

/** Raises what agents compare their policy with. */
export async function bumpPolicyRevision(tx: Tx, organisationId: string): Promise<void> {
  await tx.organisation.update({ where: { id: organisationId }, data: { policyRevision: { increment: 1 } } });
}

/** Wakes the control channels of the organisation's gateways; `kind` says what to look for. */
export async function wake(tx: Tx, hint: { organisationId: string; kind: "snapshot" | "access"; gatewayId: string | null }): Promise<void> {
  await tx.$executeRaw`SELECT pg_notify(${controlChannel}, ${JSON.stringify(hint)})`;
}

/** Ids per notification: a payload of PostgreSQL's NOTIFY holds 8,000 bytes. */
const idsPerNotice = 150;

/** Tells agents that hold a channel that commands wait for them. Only a wake-up: an agent also learns it from the answer to its next status report. */
export async function publishKnock(tx: Tx, organisationId: string, agentIds: readonly string[]): Promise<void> {
  await publishIds(tx, { organisationId, kind: "knock" }, agentIds);
}

/** Tells gateways to end these sessions of reverse access now. */
export async function publishSessionEnd(tx: Tx, organisationId: string, sessionIds: readonly string[]): Promise<void> {
  await publishIds(tx, { organisationId, kind: "end-sessions" }, sessionIds);
}

async function publishIds(tx: Tx, notice: { organisationId: string; kind: "knock" | "end-sessions" }, ids: readonly string[]): Promise<void> {
  for (let start = 0; start < ids.length; start += idsPerNotice) {
    await tx.$executeRaw`SELECT pg_notify(${controlChannel}, ${JSON.stringify({ ...notice, gatewayId: null, ids: ids.slice(start, start + idsPerNotice) })})`;
  }
}

/** Tells one gateway that a newer channel of an agent is open at another one (T22). */
export async function publishChannelElsewhere(tx: Tx, organisationId: string, gatewayId: string, channel: ChannelElsewhere): Promise<void> {
  await tx.$executeRaw`SELECT pg_notify(${controlChannel}, ${JSON.stringify({ organisationId, kind: "channel-elsewhere", gatewayId, channel })})`;
}
