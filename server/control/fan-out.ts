/**
 * All connected gateways of this process: finds out what is new (woken by hints, and by a poll behind them), wakes those concerned, and ends the channel of a
 * gateway that was deleted or whose certificate was revoked. Presence is written in batches.
 */
import type { Db } from "../db.ts";
import { errorFields, log } from "../log.ts";
import { readHeads } from "../services/gateway/read-heads.ts";
import { recordPresence } from "../services/gateway/record-connection.ts";
import type { ReportMemory } from "../services/gateway/record-report.ts";
import { AccessFeed } from "./access-feed.ts";
import type { GatewayConnection } from "./connection.ts";
import type { Hint } from "./hint.ts";
import { SnapshotFeed } from "./snapshot-feed.ts";

/** The poll behind the wake-ups: the longest a change can take to be noticed when every hint is lost, milliseconds. */
const pollEveryMs = 2_000;
const presenceEveryMs = 5_000;

export class FanOut {
  readonly #db: Db;
  readonly #connections = new Set<GatewayConnection>();
  readonly #feeds = new Map<string, AccessFeed>();
  readonly #snapshots = new Map<string, SnapshotFeed>();
  readonly #memories = new Map<string, ReportMemory>();
  #timers: NodeJS.Timeout[] = [];
  #checking: Promise<void> | undefined;
  #isCheckWanted = false;
  #wasDatabaseAway = false;

  constructor(db: Db) {
    this.#db = db;
  }

  get size(): number {
    return this.#connections.size;
  }

  start(): void {
    this.#timers = [setInterval(() => void this.check(), pollEveryMs).unref(), setInterval(() => void this.#writePresence(), 1_000).unref()];
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  feedOf(organisationId: string): AccessFeed {
    const feed = this.#feeds.get(organisationId) ?? new AccessFeed(this.#db, organisationId);
    this.#feeds.set(organisationId, feed);
    return feed;
  }

  snapshotsOf(organisationId: string): SnapshotFeed {
    const feed = this.#snapshots.get(organisationId) ?? new SnapshotFeed(this.#db, organisationId);
    this.#snapshots.set(organisationId, feed);
    return feed;
  }

  /** Survives reconnects, so that a sample counts what happened since the last one. */
  memoryOf(gatewayId: string): ReportMemory {
    const memory = this.#memories.get(gatewayId) ?? {};
    this.#memories.set(gatewayId, memory);
    return memory;
  }

  /** A gateway has said hello. An older connection of the same gateway ends: one identity, one channel (T22). */
  async add(connection: GatewayConnection): Promise<void> {
    for (const other of this.#connections) {
      if (other.gateway.id === connection.gateway.id) other.end("this gateway opened a newer control channel");
    }
    this.#connections.add(connection);
    await this.check();
  }

  remove(connection: GatewayConnection): void {
    this.#connections.delete(connection);
  }

  endAll(why: string): void {
    for (const connection of this.#connections) connection.end(why);
  }

  onHint(hint: Hint): void {
    if (hint.kind === "access") void this.#refreshAccess(hint.organisationId);
    else if ("ids" in hint) this.#tell(hint);
    else if ("channel" in hint) {
      for (const connection of this.#connections) if (connection.gateway.organisationId === hint.organisationId && connection.gateway.id === hint.gatewayId) connection.tellElsewhere(hint.channel);
    }
    else if (hint.kind === "everything" || this.#concerns(hint.organisationId, hint.gatewayId)) void this.check();
  }

  /** Compares every connection with the database. Calls during a check lead to one more check, not to many. */
  async check(): Promise<void> {
    if (this.#checking) {
      this.#isCheckWanted = true;
      return await this.#checking;
    }
    this.#checking = this.#checkAll();
    try {
      await this.#checking;
    } finally {
      this.#checking = undefined;
    }
  }

  /** Said to every gateway of the organisation: which of them holds the channel or the session is theirs to know, and may change while we look. */
  #tell({ kind, organisationId, ids }: Extract<Hint, { ids: string[] }>): void {
    for (const connection of this.#connections) if (connection.gateway.organisationId === organisationId) connection.tell(kind, ids);
  }

  #concerns(organisationId: string, gatewayId: string | null): boolean {
    return [...this.#connections].some(({ gateway }) => gateway.organisationId === organisationId && (gatewayId === null || gateway.id === gatewayId));
  }

  async #checkAll(): Promise<void> {
    do {
      this.#isCheckWanted = false;
      const connections = [...this.#connections];
      try {
        const heads = await readHeads(this.#db, connections.map(({ gateway }) => ({ gatewayId: gateway.id, organisationId: gateway.organisationId, fingerprint: gateway.fingerprint })));
        const behind = new Set<string>();
        for (const connection of connections) {
          const head = heads.get(`${connection.gateway.id} ${connection.gateway.fingerprint}`);
          if (!head) {
            log.warn({ gatewayId: connection.gateway.id, gateway: connection.gateway.name }, "control: the gateway was deleted, or its certificate revoked or replaced; its channel is closed");
            connection.end("this gateway's certificate is no longer accepted");
            continue;
          }
          connection.revisionWanted = Math.max(connection.revisionWanted, head.revision);
          connection.wake();
          if (head.accessVersion > (this.feedOf(head.organisationId).head ?? 0)) behind.add(head.organisationId);
        }
        for (const organisationId of behind) await this.#refreshAccess(organisationId);
        if (this.#wasDatabaseAway) log.info("control: the database is back");
        this.#wasDatabaseAway = false;
      } catch (error) {
        // Gateways serve on; the poll tries again.
        if (!this.#wasDatabaseAway) log.warn(errorFields(error), "control: the database cannot be read; connected gateways serve what they have");
        this.#wasDatabaseAway = true;
      }
    } while (this.#isCheckWanted);
  }

  async #refreshAccess(organisationId: string): Promise<void> {
    const feed = this.#feeds.get(organisationId);
    if (!feed) return;
    try {
      await feed.refresh();
    } catch (error) {
      if (!this.#wasDatabaseAway) log.warn(errorFields(error), "control: access changes cannot be read; the poll tries again");
      return;
    }
    for (const connection of this.#connections) if (connection.gateway.organisationId === organisationId) connection.wake();
  }

  async #writePresence(): Promise<void> {
    const due = [...this.#connections].map((connection) => connection.presenceDue(presenceEveryMs)).filter((presence) => presence !== undefined);
    await recordPresence(this.#db, due).catch((error: unknown) => {
      if (!this.#wasDatabaseAway) log.warn(errorFields(error), "control: presence of gateways cannot be written");
    });
  }
}
