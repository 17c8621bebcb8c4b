/** What the supervisor does about virtual services beside their snapshot: health checks and verdicts, the numbers, and which client is kept where. */
import type { LogLine } from "../../contract/control.ts";
import type { MemberHealth, MemberHealthState } from "../../contract/health-check.ts";
import type { Snapshot } from "../../contract/snapshot.ts";
import type { EngineCommand, EngineReport } from "../engine-messages.ts";
import { ActiveMembers } from "./active-members.ts";
import type { EngineGroup } from "./engines.ts";
import { HealthRunner } from "./health/runner.ts";
import { MemberVerdicts } from "./member-verdicts.ts";
import { StickyStore } from "./sticky-store.ts";

export type ServiceWatchOptions = {
  stateDir: string;
  engines: () => Pick<EngineGroup, "tell" | "connections" | "status">;
  /** A member's health changed; `health` has it. */
  onHealth: () => void;
  onLog: (line: LogLine) => void;
};

export class ServiceWatch {
  readonly #options: ServiceWatchOptions;
  readonly #health: HealthRunner;
  readonly #actives: ActiveMembers;
  readonly #sticky: StickyStore;
  readonly #verdicts: MemberVerdicts;
  #states = new Map<string, MemberHealthState>();
  #timer: NodeJS.Timeout | undefined;
  #isChanged = false;

  constructor(options: ServiceWatchOptions) {
    this.#options = options;
    this.#health = new HealthRunner({ onChange: (health) => this.#healthChanged(health) });
    this.#actives = new ActiveMembers(options.stateDir);
    this.#sticky = new StickyStore(options.stateDir);
    this.#verdicts = new MemberVerdicts({
      health: this.#health,
      actives: this.#actives,
      tell: (make) => options.engines().tell(make),
      connections: (memberIds) => options.engines().connections(memberIds),
    });
  }

  /** Takes up what an earlier run left on disk. Resolves with a sentence per damaged file. */
  async load(): Promise<string[]> {
    const problems = [await this.#actives.load(), await this.#sticky.load()];
    this.#timer = setInterval(() => this.#tick(), 1_000).unref();
    return problems.filter((problem) => problem !== undefined);
  }

  /** This snapshot is in force. */
  configure(snapshot: Snapshot): void {
    const services = snapshot.virtualServices.filter((service) => service.isEnabled);
    const used = new Set(services.map((service) => service.poolId));
    const pools = snapshot.pools.filter((pool) => used.has(pool.id));
    const members = new Set(snapshot.pools.flatMap((pool) => pool.members.map((member) => member.id)));
    this.#sticky.keepOnly(new Set(snapshot.virtualServices.map((service) => service.id)), members);
    this.#health.watch(pools, { anchorsPem: snapshot.clientTrustAnchorsPem, services });
    this.#states = new Map([...this.#states].filter(([id]) => members.has(id)));
    this.#verdicts.configure({ pools });
  }

  /** What a new engine is told beside the snapshot. */
  feed(engine: number): EngineCommand[] {
    this.#verdicts.forget(engine);
    return [this.#verdicts.full(engine), ...this.#sticky.pages().map((entries) => ({ kind: "sticky" as const, entries }))];
  }

  /** What an engine reported beside its counters. */
  reported(from: number, report: Pick<EngineReport, "dials" | "sticky">): void {
    this.#verdicts.dialled(report.dials);
    if (report.sticky.length === 0) return;
    this.#sticky.take(report.sticky);
    this.#options.engines().tell((engine) => (engine === from ? undefined : { kind: "sticky", entries: report.sticky }));
  }

  engineGone(engine: number): void {
    this.#verdicts.forget(engine);
  }

  /** Of every member of a service in force. */
  health(): MemberHealth[] {
    return this.#health.all();
  }

  /** Leaves everything on disk. */
  async save(): Promise<void> {
    await this.#sticky.save();
    await this.#actives.saved();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#health.stop();
    await this.save();
  }

  #tick(): void {
    const running = this.#options.engines().status().engines.filter((engine) => engine.state === "running");
    this.#verdicts.refreshElsewhere(running.map((engine) => engine.index));
    void this.#sticky.tick();
  }

  /** Engines hear of changes of one instant in one command. */
  #healthChanged(health: MemberHealth): void {
    this.#logChange(health);
    this.#options.onHealth();
    if (this.#isChanged) return;
    this.#isChanged = true;
    setImmediate(() => {
      this.#isChanged = false;
      this.#verdicts.healthChanged();
    });
  }

  #logChange({ memberId, poolId, state, cause, since }: MemberHealth): void {
    const before = this.#states.get(memberId) ?? "unknown";
    this.#states.set(memberId, state);
    if (before === state) return;
    this.#options.onLog({ at: since, level: state === "down" || state === "next-hop" ? "warn" : "info", message: cause, fields: { memberId, poolId, before, state } });
  }
}
