/**
 * Checks the members of all pools of this gateway, each in its own place of its interval, and keeps what is believed about each
 * (S3-16 to S3-19, N6). It owns its timers and the sockets of running checks; `stop` ends both.
 */
import type { MemberHealth } from "../../../contract/health-check.ts";
import type { SnapshotMember, SnapshotPool } from "../../../contract/pool.ts";
import { type CheckResult, MemberState, type Moment } from "./member-state.ts";
import { type ActiveCheck, type ProbeInput, probeMember } from "./probe.ts";
import { ProbeMeans } from "./probe-means.ts";
import { type ProxySending, proxyVersions } from "./proxy-versions.ts";
import { firstDelayMs, nextStart, phaseOf } from "./schedule.ts";

export type HealthRunnerOptions = {
  /** State, cause or certificate of a member changed. */
  onChange: (health: MemberHealth) => void;
  /** A check of a member ended; `result` is what that one check found, before rise and fall are counted. */
  onChecked?: (health: MemberHealth, result: CheckResult) => void;
  /** Wall clock for `since` and `checkedAt`, milliseconds since 1970. Waiting goes by the monotonic clock. */
  now?: () => number;
  /** The organisation's CA, PEM, one certificate each. */
  anchorsPem?: readonly string[];
  /** Checks under way at once. */
  checksMax?: number;
  /** For tests: another way to check a member. */
  probe?: (input: ProbeInput) => Promise<CheckResult>;
};

/** Enough that 500 members that all run into their time-out (3 of every 5 seconds) do not hold up one another for long. */
const defaultChecksMax = 256;

type Watched = {
  pool: Pick<SnapshotPool, "id" | "healthCheck" | "passiveCheck">;
  member: SnapshotMember;
  state: MemberState;
  /** Place within the interval, 0 to 1; kept as long as the member stays. */
  phase: number;
  timer: NodeJS.Timeout | undefined;
  /** The check under way or queued; a result of an older one is dropped. */
  run: number;
  /** Ends the hold of a passive failure where no check does. */
  holdTimer: NodeJS.Timeout | undefined;
};

export class HealthRunner {
  readonly #options: HealthRunnerOptions;
  #watched = new Map<string, Watched>();
  #anchorsPem: readonly string[];
  #means: ProbeMeans;
  #proxyVersions: ReadonlyMap<string, 1 | 2> = new Map();
  #ordinal = 0;
  #running = 0;
  readonly #queue: { watched: Watched; run: number }[] = [];
  #isStopped = false;

  constructor(options: HealthRunnerOptions) {
    this.#options = options;
    this.#anchorsPem = options.anchorsPem ?? [];
    this.#means = new ProbeMeans(this.#anchorsPem);
  }

  /** Checks the members of these pools from now on. Members that stay (same id, host and port) keep their state and their place in the interval. `services`: those that use the pools; a check sends the PROXY protocol header that they send. */
  watch(pools: readonly SnapshotPool[], options: { anchorsPem?: readonly string[]; services?: readonly ProxySending[] } = {}): void {
    if (this.#isStopped) return;
    this.#proxyVersions = proxyVersions(options.services ?? []);
    this.#useAnchors(options.anchorsPem);
    const before = this.#watched;
    this.#watched = new Map();
    const fresh: Watched[] = [];
    for (const pool of pools) {
      for (const member of pool.members) {
        const kept = before.get(member.id);
        before.delete(member.id);
        const watched = kept && isSamePlace(kept, pool, member) ? this.#keep(kept, pool, member, fresh) : this.#add(kept, pool, member, fresh);
        this.#watched.set(member.id, watched);
      }
    }
    for (const gone of before.values()) this.#forget(gone);
    for (const [index, watched] of fresh.entries()) {
      const check = activeCheck(watched);
      if (check) this.#schedule(watched, firstDelayMs(index, fresh.length, check));
    }
  }

  /** Ends all checks; nothing is reported afterwards. Safe to call twice. */
  stop(): void {
    this.#isStopped = true;
    for (const watched of this.#watched.values()) this.#forget(watched);
    this.#queue.length = 0;
    this.#means.destroy();
  }

  all(): MemberHealth[] {
    return [...this.#watched.values()].map((watched) => watched.state.health);
  }

  /** True when new sessions may go to the member: it is up, not yet known, or only its next hop is down and the service does not mind (S3-18). False for members nobody watches. */
  isUsable(memberId: string): boolean {
    const watched = this.#watched.get(memberId);
    if (!watched || watched.member.state === "disabled") return false;
    const { state } = watched.state.health;
    if (state === "next-hop") return !takesMemberOut(watched);
    return state !== "down";
  }

  /** Connections of clients to the member failed `failuresInRow` times in one engine; `detail` says how the last one did. */
  passiveFailure(memberId: string, failuresInRow: number, detail: string): void {
    const watched = this.#watched.get(memberId);
    const passive = watched?.pool.passiveCheck;
    if (!watched || !passive || this.#isStopped || watched.member.state === "disabled" || failuresInRow < passive.failures) return;
    const cause = `${watched.member.name}: down; ${failuresInRow} connection${failuresInRow === 1 ? "" : "s"} in a row failed: ${detail}`;
    this.#report(watched, watched.state.failedPassively(cause, passive.holdMs, this.#moment()));
    if (watched.pool.healthCheck.kind === "none") this.#endHoldLater(watched, (watched.state.heldUntil ?? 0) - performance.now());
  }

  /** A client's connection to the member worked: ends the trial after a hold. */
  passiveSuccess(memberId: string): void {
    const watched = this.#watched.get(memberId);
    if (!watched || this.#isStopped || watched.pool.healthCheck.kind !== "none" || watched.state.health.state !== "up") return;
    this.#report(watched, watched.state.become("up", uncheckedCause(watched), this.#moment()));
  }

  #useAnchors(anchorsPem: readonly string[] | undefined): void {
    if (!anchorsPem || anchorsPem.join("") === this.#anchorsPem.join("")) return;
    this.#anchorsPem = anchorsPem;
    this.#means = new ProbeMeans(anchorsPem, this.#means);
  }

  #add(kept: Watched | undefined, pool: SnapshotPool, member: SnapshotMember, fresh: Watched[]): Watched {
    if (kept) this.#forget(kept);
    const state = new MemberState({ poolId: pool.id, memberId: member.id }, `${member.name}: not checked yet`, this.#moment());
    const watched: Watched = { pool, member, state, phase: phaseOf(this.#ordinal++), timer: undefined, run: 0, holdTimer: undefined };
    this.#begin(watched, fresh);
    return watched;
  }

  #keep(kept: Watched, pool: SnapshotPool, member: SnapshotMember, fresh: Watched[]): Watched {
    const isOtherCheck = JSON.stringify(kept.pool.healthCheck) !== JSON.stringify(pool.healthCheck);
    const isOtherState = (kept.member.state === "disabled") !== (member.state === "disabled");
    kept.pool = pool;
    kept.member = member;
    if (!isOtherCheck && !isOtherState) return kept;
    clearTimeout(kept.timer);
    kept.run += 1;
    kept.state.recount();
    if (isOtherCheck) kept.state.forgetCertificate();
    this.#begin(kept, fresh);
    return kept;
  }

  /** Says what is known without a check, or asks for one. */
  #begin(watched: Watched, fresh: Watched[]): void {
    const { name, state } = watched.member;
    if (state === "disabled") {
      clearTimeout(watched.holdTimer);
      watched.state.release();
      this.#report(watched, watched.state.become("unknown", `${name}: disabled`, this.#moment()));
      return;
    }
    if (watched.state.health.cause === `${name}: disabled`) watched.state.become("unknown", `${name}: not checked yet`, this.#moment());
    if (watched.pool.healthCheck.kind !== "none") fresh.push(watched);
    else if (watched.state.heldUntil !== undefined) this.#endHoldLater(watched, watched.state.heldUntil - performance.now());
    else this.#report(watched, watched.state.become("up", uncheckedCause(watched), this.#moment()));
  }

  #forget(watched: Watched): void {
    clearTimeout(watched.timer);
    clearTimeout(watched.holdTimer);
    watched.run += 1;
  }

  #schedule(watched: Watched, delayMs: number): void {
    clearTimeout(watched.timer);
    watched.run += 1;
    const { run } = watched;
    watched.timer = setTimeout(() => {
      this.#queue.push({ watched, run });
      this.#startQueued();
    }, delayMs).unref();
  }

  #startQueued(): void {
    while (this.#running < (this.#options.checksMax ?? defaultChecksMax)) {
      const next = this.#queue.shift();
      if (!next) return;
      if (next.run === next.watched.run && !this.#isStopped) void this.#check(next.watched, next.run);
    }
  }

  async #check(watched: Watched, run: number): Promise<void> {
    const check = activeCheck(watched);
    if (!check) return;
    this.#running += 1;
    const startedAt = performance.now();
    try {
      const result = await (this.#options.probe ?? probeMember)({ member: watched.member, check, means: this.#means, proxyVersion: this.#proxyVersions.get(watched.pool.id) });
      if (run === watched.run && !this.#isStopped) this.#checked(watched, check, result, performance.now() - startedAt);
    } finally {
      this.#running -= 1;
      if (run === watched.run && !this.#isStopped) this.#scheduleNext(watched, check, startedAt);
      this.#startQueued();
    }
  }

  #checked(watched: Watched, check: ActiveCheck, result: CheckResult, tookMs: number): void {
    const isChanged = watched.state.checked(result, check, { ...this.#moment(), tookMs: Math.round(tookMs * 10) / 10 });
    this.#options.onChecked?.(watched.state.health, result);
    this.#report(watched, isChanged);
  }

  #scheduleNext(watched: Watched, check: ActiveCheck, startedAt: number): void {
    const now = performance.now();
    const start = nextStart({ startedAt, now, phase: watched.phase, timing: check, isConfirming: watched.state.isConfirming, random: Math.random() });
    this.#schedule(watched, start - now);
  }

  /** A member without a check of its own comes back on trial after the hold: the next failure takes it out again. */
  #endHoldLater(watched: Watched, delayMs: number): void {
    clearTimeout(watched.holdTimer);
    watched.holdTimer = setTimeout(() => {
      if (watched.pool.healthCheck.kind !== "none") return;
      watched.state.release();
      const cause = `${watched.member.name}: up on trial; connections to it failed before and no check is configured`;
      this.#report(watched, watched.state.become("up", cause, this.#moment()));
    }, Math.max(0, delayMs)).unref();
  }

  #report(watched: Watched, isChanged: boolean): void {
    if (isChanged && !this.#isStopped) this.#options.onChange(watched.state.health);
  }

  #moment(): Moment {
    return { at: performance.now(), iso: new Date((this.#options.now ?? Date.now)()).toISOString() };
  }
}

/** The same process of the same pool: what was found out about it still holds. */
function isSamePlace(kept: Watched, pool: SnapshotPool, member: SnapshotMember): boolean {
  return kept.pool.id === pool.id && kept.member.host === member.host && kept.member.port === member.port;
}

function activeCheck(watched: Watched): ActiveCheck | undefined {
  return watched.pool.healthCheck.kind === "none" || watched.member.state === "disabled" ? undefined : watched.pool.healthCheck;
}

function takesMemberOut(watched: Watched): boolean {
  const check = watched.pool.healthCheck;
  return check.kind === "smtp" && check.nextHop?.takesMemberOut === true;
}

function uncheckedCause(watched: Watched): string {
  return watched.pool.passiveCheck ? `${watched.member.name}: up; not checked, taken out when connections to it fail` : `${watched.member.name}: taken as up; neither checked nor watched`;
}
