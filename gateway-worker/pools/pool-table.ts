/**
 * Which member a new connection goes to: pools, services, verdicts, counters and kept clients of one engine, decided locally and at once.
 * Pure of sockets and clocks. What two engines or gateways agree on, and what not, is in docs/persistence.md and at `pick`.
 */
import type { Persistence } from "../../contract/persistence.ts";
import type { SnapshotMember, SnapshotPool } from "../../contract/pool.ts";
import type { Snapshot } from "../../contract/snapshot.ts";
import type { SnapshotService } from "../../contract/virtual-service.ts";
import type { ActiveMember, MemberVerdict, StickyEntry } from "../engine-messages.ts";
import { LiveMember } from "./live-member.ts";
import { hashText, rendezvous } from "./rendezvous.ts";
import { createScheduler } from "./scheduler.ts";
import type { Scheduler } from "./scheduler.ts";
import { DialCounts, ServiceCounts } from "./service-counts.ts";
import type { DialCount, MemberCount } from "./service-counts.ts";
import { sourceKey, wholeAddress } from "./source-key.ts";
import type { Sticky } from "./sticky-table.ts";
import { StickyShare } from "./sticky-share.ts";

export type PickRequest = {
  service: Pick<SnapshotService, "id">;
  /** The client's address; null when unknown. */
  source: string | null;
  /** Member id that a cookie, or `lookUp`, keeps the client on. Believed only if the member is in the pool and can be used. */
  kept?: string | undefined;
  /** Members that just failed this client; not tried again. */
  exclude?: ReadonlySet<string> | undefined;
  /** Instead of the service's own: what the class of this client uses (an exception, N7). */
  persistence?: Persistence | undefined;
  nowMs: number;
};

export type PickResult =
  /** `sticky`: the client was kept on this member; otherwise it is a new choice, and a cookie method must set its cookie. */
  | { kind: "member"; member: SnapshotMember; sticky: boolean }
  | { kind: "none"; code: "service-no-member" | "service-member-kept"; detail: string };

type LivePool = { pool: SnapshotPool; members: LiveMember[]; byId: Map<string, LiveMember> };
type LiveService = { service: SnapshotService; live: LivePool; scheduler: Scheduler; /** What the scheduler was built for. */ signature: string };
type SourcePersistence = Extract<Persistence, { kind: "source-address" | "duration" }>;

export class PoolTable {
  #services = new Map<string, LiveService>();
  #members = new Map<string, LiveMember>();
  #verdicts = new Map<string, MemberVerdict>();
  readonly #actives = new Map<string, string>();
  #isConfigured = false;
  readonly #counts = new Map<string, ServiceCounts>();
  readonly #dials = new DialCounts();
  readonly #sticky = new StickyShare();

  /** Takes a new snapshot in force. Counters, turns and kept clients of what stays are kept; established connections are not touched. */
  configure(snapshot: Pick<Snapshot, "pools" | "virtualServices">): void {
    const pools = new Map(snapshot.pools.map((pool) => [pool.id, this.#livePool(pool)]));
    const services = new Map<string, LiveService>();
    for (const service of snapshot.virtualServices) {
      const live = pools.get(service.poolId);
      if (live) services.set(service.id, this.#liveService(service, live));
    }
    this.#services = services;
    this.#isConfigured = true;
    this.#forget(pools);
  }

  /** The supervisor's word on members, and on the member in use of pools that do not fail back. `isFull` replaces all earlier verdicts. */
  setVerdicts(verdicts: readonly MemberVerdict[], actives: readonly ActiveMember[], isFull: boolean): void {
    if (isFull) this.#verdicts = new Map();
    for (const verdict of verdicts) this.#verdicts.set(verdict.memberId, verdict);
    for (const { poolId, memberId } of actives) this.#actives.set(poolId, memberId);
    for (const member of isFull ? this.#members.values() : verdicts.flatMap(({ memberId }) => this.#members.get(memberId) ?? [])) this.#applyVerdict(member);
  }

  /**
   * The member for a new connection (or request). Call `opened` for it at once, before dialling, so that the next pick counts it.
   *
   * A client that its address keeps (source-address, duration) gets its first member under a spreading method by a weighted rendezvous hash of its masked
   * address over the members that can take it. So all engines and gateways that see the same members up give it the same member without talking to each other,
   * and a restart changes nothing. Where they see different members up, or the pool changed since, the table of kept clients decides; it is shared by the
   * engines of one gateway, not by two gateways. Cookie methods need no table; `kept` says it all. Held by pool-table.test.ts.
   */
  pick(request: PickRequest): PickResult {
    const found = this.#services.get(request.service.id);
    if (!found) return { kind: "none", code: "service-no-member", detail: "the service has no pool on this gateway" };
    const cookie = request.kept === undefined ? undefined : found.live.byId.get(request.kept);
    if (cookie && canKeep(cookie, request)) return { kind: "member", member: cookie.member, sticky: true };
    const persistence = request.persistence ?? found.service.persistence;
    if (request.source !== null && (persistence.kind === "source-address" || persistence.kind === "duration")) return this.#pickBySource(found, request, { persistence, key: sourceKey(request.source, persistence) });
    const key = request.source === null || found.live.pool.scheduling !== "source-hash" ? "" : sourceKey(request.source, wholeAddress);
    return toResult(found, choose(found, request, { key, isSourceKept: false }), request);
  }

  /** A connection to the member begins (its dial included). */
  opened(serviceId: string, memberId: string): void {
    const count = this.#countsOf(serviceId).of(memberId);
    count.connections += 1;
    count.opened += 1;
    const member = this.#members.get(memberId);
    if (member) member.connections += 1;
  }

  /** A connection that was `opened` is over, whether or not its dial succeeded. */
  closed(serviceId: string, memberId: string): void {
    const count = this.#countsOf(serviceId).of(memberId);
    count.connections = Math.max(0, count.connections - 1);
    const member = this.#members.get(memberId);
    if (member) member.connections = Math.max(0, member.connections - 1);
  }

  /** A dial ended: `error` says why it failed, null that it did not. `serviceId`: whose failures it adds to. */
  dialled(memberId: string, error: string | null, serviceId?: string): void {
    this.#dials.add(memberId, error);
    if (error !== null && serviceId !== undefined) this.#countsOf(serviceId).of(memberId).failed += 1;
  }

  /** Entries of other engines, or from disk. They are not told on. Before the first snapshot all are taken in, so that the first client already finds its own. */
  learn(entries: readonly StickyEntry[]): void {
    for (const entry of entries) if (!this.#isConfigured || this.#services.has(entry.serviceId)) this.#sticky.learn(entry);
  }

  /** Keeps `key` (at most 64 characters; hash what is secret) on a member, or forgets it (null); other engines are told. */
  remember(serviceId: string, key: string, memberId: string | null, expiresAtMs: number): void {
    if (memberId === null) this.#sticky.forget(serviceId, key);
    else this.#sticky.keep(serviceId, key, { memberId, expiresAt: expiresAtMs });
  }

  /** The member that `key` is kept on; undefined: none, or it is over. */
  lookUp(serviceId: string, key: string, nowMs: number): string | undefined {
    return this.#sticky.table(serviceId).find(key, nowMs)?.memberId;
  }

  /** Dials since the last call, for the report. */
  takeDials(): DialCount[] {
    return this.#dials.take();
  }

  /** Kept clients that other engines do not know yet, at most 5,000 a call; the rest waits for the next. */
  takeSticky(): StickyEntry[] {
    return this.#sticky.take();
  }

  /** Connections per service and member of the snapshot in force. */
  loads(): { serviceId: string; members: MemberCount[] }[] {
    return Array.from(this.#services, ([serviceId, { live }]) => ({ serviceId, members: this.#countsOf(serviceId).list(live.byId.keys()) }));
  }

  #pickBySource(found: LiveService, request: PickRequest, { persistence, key }: { persistence: SourcePersistence; key: string }): PickResult {
    const serviceId = found.service.id;
    const entry = this.#sticky.table(serviceId).find(key, request.nowMs);
    const member = entry && found.live.byId.get(entry.memberId);
    if (entry && member && canKeep(member, request)) {
      this.#use(serviceId, key, { entry, persistence, nowMs: request.nowMs });
      return { kind: "member", member: member.member, sticky: true };
    }
    // A client whose very first dial failed has no session to lose; all others wait for their member (S3-42).
    if (entry && member && persistence.kind === "duration" && persistence.whenDown === "refuse" && (entry.isProven || request.exclude === undefined)) {
      return { kind: "none", code: "service-member-kept", detail: `the client is kept on ${member.member.name}, which is ${reasonNotKept(member, request)}` };
    }
    const chosen = choose(found, request, { key, isSourceKept: true });
    if (chosen) this.#sticky.keep(serviceId, key, { memberId: chosen.member.id, expiresAt: request.nowMs + lifeOf(persistence) });
    return toResult(found, chosen, request);
  }

  /** An idle timeout starts again with each connection; a duration does not. */
  #use(serviceId: string, key: string, { entry, persistence, nowMs }: { entry: Sticky; persistence: SourcePersistence; nowMs: number }): void {
    entry.isProven = true;
    if (persistence.kind === "source-address") this.#sticky.extend(serviceId, key, { expiresAt: nowMs + lifeOf(persistence), lifeMs: lifeOf(persistence) });
  }

  #livePool(pool: SnapshotPool): LivePool {
    const members = pool.members.map((member) => this.#liveMember(member));
    return { pool, members, byId: new Map(members.map((member) => [member.member.id, member])) };
  }

  #liveMember(member: SnapshotMember): LiveMember {
    const live = this.#members.get(member.id) ?? new LiveMember(member);
    live.member = member;
    this.#members.set(member.id, live);
    this.#applyVerdict(live);
    return live;
  }

  #applyVerdict(live: LiveMember): void {
    const verdict = this.#verdicts.get(live.member.id);
    live.isUp = verdict?.isUp ?? true;
    live.elsewhere = verdict?.elsewhere ?? 0;
  }

  /** Keeps the scheduler's turns unless what they depend on changed. */
  #liveService(service: SnapshotService, live: LivePool): LiveService {
    const { id, scheduling, failsBack, members } = live.pool;
    const signature = JSON.stringify([id, scheduling, failsBack, members.map((member) => [member.id, member.weight, member.state])]);
    const known = this.#services.get(service.id);
    return { service, live, signature, scheduler: known?.signature === signature ? known.scheduler : createScheduler(live.pool, this.#actives) };
  }

  #forget(pools: ReadonlyMap<string, LivePool>): void {
    const memberIds = new Set([...pools.values()].flatMap(({ byId }) => [...byId.keys()]));
    for (const [id, { connections }] of this.#members) if (!memberIds.has(id) && connections === 0) this.#members.delete(id);
    for (const id of this.#actives.keys()) if (!pools.has(id)) this.#actives.delete(id);
    for (const [id, counts] of this.#counts) {
      counts.keepOnly(memberIds);
      if (!this.#services.has(id) && !counts.hasConnections) this.#counts.delete(id);
    }
    this.#dials.keepOnly(memberIds);
    this.#sticky.keepOnly(this.#services);
  }

  #countsOf(serviceId: string): ServiceCounts {
    const known = this.#counts.get(serviceId);
    if (known) return known;
    const counts = new ServiceCounts();
    this.#counts.set(serviceId, counts);
    return counts;
  }
}

function canKeep(member: LiveMember, request: PickRequest): boolean {
  return member.keepsClients && request.exclude?.has(member.member.id) !== true;
}

/** A new choice by the pool's method; undefined when nobody can take the connection. */
function choose({ live, scheduler }: LiveService, request: PickRequest, { key, isSourceKept }: { key: string; isSourceKept: boolean }): LiveMember | undefined {
  const working = live.members.filter((member) => member.isWorking);
  const free = working.filter((member) => !member.isFull && request.exclude?.has(member.member.id) !== true);
  if (!isNonEmpty(free)) return undefined;
  if (!isSourceKept || !isSpreading(live.pool)) return scheduler.choose({ working, free, sourceKey: key });
  return rendezvous(hashText(key), free, ({ member }) => (live.pool.scheduling === "round-robin" ? 1 : member.weight));
}

function isNonEmpty(members: LiveMember[]): members is [LiveMember, ...LiveMember[]] {
  return members.length > 0;
}

function isSpreading({ scheduling }: SnapshotPool): boolean {
  return scheduling === "weighted-round-robin" || scheduling === "round-robin" || scheduling === "least-connections";
}

function lifeOf(persistence: SourcePersistence): number {
  return (persistence.kind === "duration" ? persistence.seconds : persistence.idleSeconds) * 1_000;
}

function toResult({ live }: LiveService, chosen: LiveMember | undefined, request: PickRequest): PickResult {
  return chosen ? { kind: "member", member: chosen.member, sticky: false } : { kind: "none", code: "service-no-member", detail: whyNone(live, request) };
}

/** Names the first few members and why each is out. */
function whyNone({ pool, members }: LivePool, request: PickRequest): string {
  if (members.length === 0) return `the pool ${pool.name} has no members`;
  const reasons = members.slice(0, 4).map((member) => `${member.member.name} is ${member.reasonOut ?? (request.exclude?.has(member.member.id) === true ? "failing this client" : "out")}`);
  const more = members.length > 4 ? ` and ${members.length - 4} more` : "";
  return `no member of pool ${pool.name} can take it: ${reasons.join(", ")}${more}`.slice(0, 300);
}

function reasonNotKept(member: LiveMember, request: PickRequest): string {
  if (request.exclude?.has(member.member.id) === true) return "failing this client";
  return member.isUp ? (member.reasonOut ?? "out") : "down";
}
