/** Presence of gateways: who is connected, since when, last heard when. Opening and closing are written at once, everything in between in batches. */
import type { Db } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { publishLive } from "../change/publish.ts";

export type ConnectedGateway = {
  /** Names this connection; a late close of an older one changes nothing. */
  connectionKey: string;
  softwareVersion: string;
  /** Gateway's clock minus the console's, milliseconds (T17). */
  clockSkewMs: number;
  /** When the gateway's program started, by the console's clock. */
  startedAt: Date;
};

/** Clocks are compared once per connection; a start is taken for this much earlier than it says, milliseconds. */
const startSlackMs = 2_000;

/** The gateway said hello. The newest connection of a gateway holds its presence. Tunnels from before its start ended with the program that had them. */
export async function recordConnected(caller: Caller, connected: ConnectedGateway, now: Date = new Date()): Promise<void> {
  const { startedAt, ...presence } = connected;
  await caller.db.$transaction(async (tx) => {
    const { count } = await tx.gateway.updateMany({ where: { id: caller.actor.id, organisationId: caller.organisationId }, data: { ...presence, connectedSince: now, lastSeenAt: now } });
    await tx.tunnel.updateMany({ where: { gatewayId: caller.actor.id, organisationId: caller.organisationId, endedAt: null, openedAt: { lt: new Date(startedAt.getTime() - startSlackMs) } }, data: { endedAt: now, endReason: "gateway restarted" } });
    if (count > 0) await publishLive(tx, caller.organisationId, { topic: "gateway", id: caller.actor.id });
  });
}

/** The connection ended. */
export async function recordDisconnected(caller: Caller, connectionKey: string, now: Date = new Date()): Promise<void> {
  await caller.db.$transaction(async (tx) => {
    const { count } = await tx.gateway.updateMany({ where: { id: caller.actor.id, organisationId: caller.organisationId, connectionKey }, data: { connectedSince: null, connectionKey: null, lastSeenAt: now } });
    if (count > 0) await publishLive(tx, caller.organisationId, { topic: "gateway", id: caller.actor.id });
  });
}

export type Presence = { gatewayId: string; connectionKey: string; lastSeenAt: Date; appliedAccessVersion: number };

/** Writes the presence of many gateways in one statement. */
export async function recordPresence(db: Db, presences: readonly Presence[]): Promise<void> {
  if (presences.length === 0) return;
  await db.$executeRaw`
    UPDATE "Gateway" g
       SET "lastSeenAt" = p.seen, "connectedSince" = coalesce(g."connectedSince", p.seen), "appliedAccessVersion" = greatest(g."appliedAccessVersion", p.access)
      FROM unnest(${presences.map((presence) => presence.gatewayId)}::uuid[], ${presences.map((presence) => presence.connectionKey)}::text[],
                  ${presences.map((presence) => presence.lastSeenAt)}::timestamptz[], ${presences.map((presence) => BigInt(presence.appliedAccessVersion))}::bigint[]) AS p(id, key, seen, access)
     WHERE g.id = p.id AND g."connectionKey" = p.key`;
}
