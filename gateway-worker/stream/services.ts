/**
 * The virtual services of an engine: their fronts, members and totals. Changes come in two phases like everything of an engine
 * (engine.ts): `prepare` builds and binds beside what serves, `commit` swaps.
 */
import type net from "node:net";
import type { SnapshotProblem } from "../../contract/control.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import type { ServiceLoad } from "../../contract/virtual-service.ts";
import type { EngineCommand, EngineReport } from "../engine-messages.ts";
import { nextConnectionId } from "../observe/connection-ids.ts";
import { PoolTable } from "../pools/pool-table.ts";
import type { Compiled } from "../runtime/compile.ts";
import type { CompiledFront } from "../runtime/service-plan.ts";
import { MemberDialer } from "../upstream/member-tls.ts";
import type { Engine } from "./engine.ts";
import { Front, planFront } from "./front.ts";
import type { FrontPlan } from "./front.ts";
import { makeLive, newTotals } from "./live-service.ts";
import type { LiveService, ServiceTotals, TerminatorCache } from "./live-service.ts";
import { endpointText, peerEndpoint } from "./peer-address.ts";
import { ServiceConnection } from "./service-connection.ts";

type Plan = { compiled: Compiled; totals: Map<string, ServiceTotals>; terminators: TerminatorCache; kept: Map<string, FrontPlan>; started: Map<string, Front>; httpSocket: string | null };

export class Services {
  readonly pools = new PoolTable();
  readonly dialer = new MemberDialer();
  /** Where the HTTP engine takes connections over; null: there is none. */
  httpSocket: string | null = null;
  readonly #engine: Engine;
  readonly #fronts = new Map<string, Front>();
  readonly #ofMember = new Map<string, Set<ServiceConnection>>();
  #totals = new Map<string, ServiceTotals>();
  #terminators: TerminatorCache = new Map();
  /** How often people asked to end a member's connections, per member of the snapshot in force. */
  #cuts = new Map<string, number>();
  #plan: Plan | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Proves the TLS material and binds new fronts. Returns every problem; none means ready to commit. */
  async prepare(compiled: Compiled, httpSocket: string | null): Promise<SnapshotProblem[]> {
    this.abort();
    const plan: Plan = { compiled, totals: new Map(), terminators: new Map(), kept: new Map(), started: new Map(), httpSocket };
    this.#plan = plan;
    const problems: SnapshotProblem[] = [];
    for (const front of compiled.fronts) problems.push(...(await this.#prepareFront(plan, front)));
    if (problems.length > 0) this.abort();
    return problems;
  }

  commit(): void {
    const plan = this.#plan;
    if (!plan) return;
    this.#plan = undefined;
    this.#totals = plan.totals;
    // Members may have come or gone.
    for (const totals of plan.totals.values()) totals.isReported = false;
    this.#terminators = plan.terminators;
    this.httpSocket = plan.httpSocket;
    this.dialer.useAnchors(plan.compiled.anchorsPem);
    this.pools.configure(plan.compiled.snapshot);
    this.#takeCuts(plan.compiled.snapshot.pools);
    for (const [key, front] of this.#fronts) {
      const next = plan.kept.get(key);
      if (next) front.plan = next;
      else this.#retire(key, front);
    }
    for (const [key, front] of plan.started) {
      this.#fronts.set(key, front);
      front.commit();
    }
  }

  abort(): void {
    for (const front of this.#plan?.started.values() ?? []) front.close();
    this.#plan = undefined;
  }

  /** Accepts no more; what runs goes on. */
  close(): void {
    this.abort();
    for (const [key, front] of this.#fronts) this.#retire(key, front);
  }

  setMembers(command: Extract<EngineCommand, { kind: "members" }>): void {
    this.pools.setVerdicts(command.verdicts, command.actives, command.isFull);
  }

  /** Ends the established connections to the member now, with a reset. */
  cutMember(memberId: string): void {
    for (const connection of [...(this.#ofMember.get(memberId) ?? [])]) connection.cut();
  }

  /** A count that rose since the last snapshot asks to end the member's connections; a member that is met for the first time loses none. */
  #takeCuts(pools: Compiled["snapshot"]["pools"]): void {
    const cuts = new Map(pools.flatMap((pool) => pool.members.map((member) => [member.id, member.cuts ?? 0] as const)));
    for (const [id, count] of cuts) if (count > (this.#cuts.get(id) ?? count)) this.cutMember(id);
    this.#cuts = cuts;
  }

  enterMember(memberId: string, connection: ServiceConnection): void {
    const connections = this.#ofMember.get(memberId) ?? new Set();
    this.#ofMember.set(memberId, connections);
    connections.add(connection);
  }

  leaveMember(memberId: string, connection: ServiceConnection): void {
    const connections = this.#ofMember.get(memberId);
    connections?.delete(connection);
    if (connections?.size === 0) this.#ofMember.delete(memberId);
  }

  isFull(live: LiveService): boolean {
    return live.totals.connections >= this.#engine.admission.shareOf(live.service.limits.connectionsMax);
  }

  /** Services whose numbers did not move since the last report are left out. */
  takeReport(): Pick<EngineReport, "services" | "dials" | "sticky"> {
    const moved = [...this.#totals].filter(([, totals]) => !totals.isReported).slice(0, 500);
    const members = new Map(moved.length === 0 ? [] : this.pools.loads().map((load) => [load.serviceId, load.members]));
    const services: ServiceLoad[] = moved.map(([serviceId, totals]) => {
      totals.isReported = true;
      const { connections, opened, refused, bytesUp, bytesDown } = totals;
      return { serviceId, connections, opened, refused, requests: 0, responses: [0, 0, 0, 0, 0], bytesUp, bytesDown, members: members.get(serviceId) ?? [] };
    });
    return { services, dials: this.pools.takeDials().slice(0, 5_000), sticky: this.pools.takeSticky() };
  }

  async #prepareFront(plan: Plan, compiled: CompiledFront): Promise<SnapshotProblem[]> {
    const services = new Map<string, LiveService>();
    const problems: SnapshotProblem[] = [];
    for (const one of compiled.services.values()) {
      const { id, name } = one.service;
      const totals = this.#totals.get(id) ?? newTotals();
      plan.totals.set(id, totals);
      try {
        services.set(id, makeLive(one, totals, { known: this.#terminators, next: plan.terminators }));
        this.dialer.prove(one.service);
      } catch (cause) {
        problems.push(problem(compiled.path, "certificate-unusable", `service ${name}: TLS does not accept a certificate, key or trust anchor: ${textOf(cause)}`));
      }
    }
    const next = planFront(compiled, services);
    const { key, address, port } = compiled.table;
    if (problems.length > 0) return problems;
    if (this.#fronts.has(key)) {
      plan.kept.set(key, next);
      return [];
    }
    const front = new Front(next, (from, raw) => this.#accepted(from, raw));
    plan.started.set(key, front);
    try {
      await front.bind();
      return [];
    } catch (cause) {
      return [problem(`${compiled.path}.port`, "listener-bind", `${address} port ${port} cannot be bound: ${textOf(cause)}`)];
    }
  }

  #accepted(front: Front, raw: net.Socket): void {
    const peer = peerEndpoint(raw);
    const { isBalancer, limits } = front.plan;
    const refuse = (code: RefusalCode, detail: string): void => {
      raw.destroy();
      this.#engine.refuse({ code, detail, connectionId: nextConnectionId(), source: endpointText(peer), serverName: null, target: null, certificate: null });
    };
    if (isBalancer && !isBalancer(peer.address)) {
      refuse("proxy-header-untrusted", `${front.plan.compiled.table.address} port ${front.plan.compiled.table.port} takes connections only from the listed load balancers; ${peer.address} is none`);
      return;
    }
    const address = isBalancer ? null : peer.address;
    const verdict = this.#engine.admission.admit(address, limits, this.#engine.wheel.nowMs);
    if (verdict === "admitted") this.#engine.enter(new ServiceConnection(this.#engine, front.plan, raw, peer), address);
    else refuse(verdict, verdict === "source-limit" ? `more than ${limits.handshakesPerSourceMax} unfinished handshakes from this address` : "the gateway is at its limit of connections or unfinished handshakes");
  }

  #retire(key: string, front: Front): void {
    this.#fronts.delete(key);
    front.close();
  }
}

function problem(path: string, code: string, message: string): SnapshotProblem {
  return { path: path.slice(0, 200), code, message: message.slice(0, 500) };
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
