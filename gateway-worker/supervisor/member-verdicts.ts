/**
 * Which members may take new connections, as all engines are told: checks and failed connections of every engine together, the member in use of fail-over pools,
 * and how many connections the other engines hold where that counts. Engines decide by it locally; nothing is asked while a client waits.
 */
import type { SnapshotPool } from "../../contract/pool.ts";
import type { Snapshot } from "../../contract/snapshot.ts";
import type { EngineCommand, EngineReport, MemberVerdict } from "../engine-messages.ts";
import type { ActiveMembers } from "./active-members.ts";
import type { HealthRunner } from "./health/runner.ts";

export type MembersCommand = Extract<EngineCommand, { kind: "members" }>;
type Dial = EngineReport["dials"][number];

export type MemberVerdictsOptions = {
  health: Pick<HealthRunner, "isUsable" | "passiveFailure" | "passiveSuccess">;
  actives: ActiveMembers;
  /** Sends a command to every running engine; `make` may return undefined for one that needs none. */
  tell: (make: (engine: number) => MembersCommand | undefined) => void;
  /** Open connections to these members, by engine. */
  connections: (memberIds: ReadonlySet<string>) => Map<string, Map<number, number>>;
};

export class MemberVerdicts {
  readonly #options: MemberVerdictsOptions;
  #pools: readonly SnapshotPool[] = [];
  /** What every engine was last told about each member of the snapshot. */
  #isUp = new Map<string, boolean>();
  /** Members whose connections in other engines count. */
  #counted: ReadonlySet<string> = new Set();
  /** Engine, then member: what it was last told. */
  readonly #elsewhere = new Map<number, Map<string, number>>();
  /** Connections to a member that failed in a row, in whichever engine. */
  readonly #failures = new Map<string, number>();

  constructor(options: MemberVerdictsOptions) {
    this.#options = options;
  }

  /** A snapshot is in force: every engine hears everything. */
  configure(snapshot: Pick<Snapshot, "pools">): void {
    this.#pools = snapshot.pools;
    this.#counted = new Set(snapshot.pools.flatMap((pool) => pool.members.filter((member) => pool.scheduling === "least-connections" || member.maxConnections !== null).map((member) => member.id)));
    this.#isUp = new Map(snapshot.pools.flatMap((pool) => pool.members.map((member) => [member.id, this.#options.health.isUsable(member.id)])));
    for (const id of this.#failures.keys()) if (!this.#isUp.has(id)) this.#failures.delete(id);
    for (const told of this.#elsewhere.values()) for (const id of told.keys()) if (!this.#counted.has(id)) told.delete(id);
    this.#options.actives.choose(this.#pools, (id) => this.#isUp.get(id) ?? true);
    this.#options.tell((engine) => this.full(engine));
  }

  /** Everything for one engine, as a new one is fed. */
  full(engine: number): MembersCommand {
    const verdicts = [...this.#isUp].map(([memberId, isUp]) => this.#verdict(engine, memberId, isUp));
    return { kind: "members", verdicts, actives: this.#options.actives.all(), isFull: true };
  }

  /** Health changed: engines hear what is different now. */
  healthChanged(): void {
    const changed: [string, boolean][] = [];
    for (const [memberId, wasUp] of this.#isUp) {
      const isUp = this.#options.health.isUsable(memberId);
      if (isUp !== wasUp) changed.push([memberId, isUp]);
    }
    for (const [memberId, isUp] of changed) this.#isUp.set(memberId, isUp);
    const isMoved = this.#options.actives.choose(this.#pools, (id) => this.#isUp.get(id) ?? true);
    if (changed.length === 0 && !isMoved) return;
    this.#options.tell((engine) => ({ kind: "members", verdicts: changed.map(([memberId, isUp]) => this.#verdict(engine, memberId, isUp)), actives: this.#options.actives.all(), isFull: false }));
  }

  /** What came of an engine's connections to members since its last report. A row of failures goes over engines; one success in any of them ends it. */
  dialled(dials: readonly Dial[]): void {
    for (const { memberId, succeeded, failed, failuresInRow, lastFailure } of dials) {
      if (!this.#isUp.has(memberId)) continue;
      if (succeeded > 0) {
        this.#failures.delete(memberId);
        this.#options.health.passiveSuccess(memberId);
      }
      // After a success only those that followed it count.
      const fresh = succeeded > 0 ? Math.min(failed, failuresInRow) : failed;
      if (fresh === 0) continue;
      const row = (this.#failures.get(memberId) ?? 0) + fresh;
      this.#failures.set(memberId, row);
      this.#options.health.passiveFailure(memberId, row, lastFailure ?? "no reason was given");
    }
  }

  /** Once a second: connections that other engines hold, told where they changed. */
  refreshElsewhere(engines: readonly number[]): void {
    if (this.#counted.size === 0 || engines.length < 2) return;
    const counts = this.#options.connections(this.#counted);
    const changes = new Map(engines.map((engine) => [engine, this.#changedElsewhere(engine, counts)]));
    this.#options.tell((engine) => {
      const verdicts = changes.get(engine) ?? [];
      return verdicts.length === 0 ? undefined : { kind: "members", verdicts, actives: [], isFull: false };
    });
  }

  /** The engine's process is gone; its successor has been told nothing. */
  forget(engine: number): void {
    this.#elsewhere.delete(engine);
  }

  #changedElsewhere(engine: number, counts: ReadonlyMap<string, ReadonlyMap<number, number>>): MemberVerdict[] {
    const told = this.#elsewhere.get(engine) ?? new Map<string, number>();
    this.#elsewhere.set(engine, told);
    const changed: MemberVerdict[] = [];
    for (const memberId of this.#counted) {
      let elsewhere = 0;
      for (const [holder, connections] of counts.get(memberId) ?? []) if (holder !== engine) elsewhere += connections;
      if ((told.get(memberId) ?? 0) === elsewhere) continue;
      told.set(memberId, elsewhere);
      changed.push(this.#verdict(engine, memberId, this.#isUp.get(memberId) ?? true));
    }
    return changed;
  }

  #verdict(engine: number, memberId: string, isUp: boolean): MemberVerdict {
    return { memberId, isUp, elsewhere: this.#elsewhere.get(engine)?.get(memberId) ?? 0 };
  }
}
