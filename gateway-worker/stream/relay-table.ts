/**
 * The relays of one engine: their sessions, those that it dials, and the listening agents behind them. A reload that leaves a relay alone leaves its session alone; one
 * that removes it or its confirmation ends everything that goes through it at once.
 */
import type { RelayReport, SnapshotRelay } from "../../contract/relay.ts";
import type { GatewayIdentityPem } from "../engine-messages.ts";
import type { Engine } from "./engine.ts";
import { ListeningAgents } from "./listening-agents.ts";
import { RelayDial } from "./relay-dial.ts";
import type { RelaySession } from "./relay-session.ts";

/** Numbers of a session are reported this often, milliseconds. */
const reportEveryMs = 10_000;
/** engine-messages.ts, report.relays. */
const perReport = 500;

export class RelayTable {
  readonly #engine: Engine;
  readonly #sessions = new Set<RelaySession>();
  /** Which session dials the listening agents of a relay. */
  readonly #keepers = new Map<string, { session: RelaySession; agents: ListeningAgents }>();
  readonly #dials = new Map<string, RelayDial>();
  /** Changes that wait for the next report; per relay and node only the last. */
  readonly #waiting = new Map<string, RelayReport>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** What the snapshot in force says; `identity` null: this engine dials no relay. */
  commit(relays: readonly SnapshotRelay[], dialling: { isOn: boolean; identity: GatewayIdentityPem | null }): void {
    const byId = new Map(relays.map((relay) => [relay.relayId, relay]));
    for (const session of [...this.#sessions]) this.#recheck(session, byId);
    for (const [relayId, dial] of [...this.#dials]) {
      const relay = byId.get(relayId);
      if (dialling.isOn && relay?.dial && dial.fits(relay.dial, dialling.identity)) continue;
      dial.stop();
      this.#dials.delete(relayId);
    }
    for (const relay of dialling.isOn ? relays : []) {
      if (relay.dial && !this.#dials.has(relay.relayId)) this.#dials.set(relay.relayId, new RelayDial(this.#engine, { relay, at: relay.dial, identity: dialling.identity }));
    }
  }

  opened(session: RelaySession): void {
    this.#sessions.add(session);
    this.#say(session);
    this.#keepAgents(session);
    this.#engine.log("info", `relay ${session.relay?.name ?? ""} is connected`);
  }

  closed(session: RelaySession): void {
    if (!this.#sessions.delete(session)) return;
    this.#say(session);
    this.#engine.log("info", `relay ${session.relay?.name ?? ""}: ${session.report()?.detail ?? "closed"}`);
    const relayId = session.relay?.relayId ?? "";
    const keeper = this.#keepers.get(relayId);
    if (keeper?.session !== session) return;
    keeper.agents.close();
    this.#keepers.delete(relayId);
    for (const other of this.#sessions) if (other.relay?.relayId === relayId) this.#keepAgents(other);
  }

  /** A relay that is not served yet: known but not confirmed, or dialled without an answer. */
  waits(report: RelayReport): void {
    this.#waiting.set(`${report.relayId} ${report.node ?? ""}`, report);
    this.#engine.refusalWaits();
  }

  /** Something of the session changed that people look at. */
  changed(session: RelaySession): void {
    if (this.#sessions.has(session)) this.#say(session);
  }

  unreachableOf(session: RelaySession): RelayReport["unreachable"] {
    const keeper = this.#keepers.get(session.relay?.relayId ?? "");
    return keeper?.session === session ? keeper.agents.unreachable() : [];
  }

  /** The gateway ends: relays are told to open their next sessions. */
  drain(): void {
    for (const dial of this.#dials.values()) dial.stop({ isDraining: true });
    this.#dials.clear();
    for (const { agents } of this.#keepers.values()) agents.close();
    this.#keepers.clear();
    for (const session of this.#sessions) session.drain();
  }

  /** `nowMs` on the wheel's clock. */
  takeReports(nowMs: number): RelayReport[] {
    for (const session of this.#sessions) if (nowMs - session.reportedAtMs >= reportEveryMs) this.#say(session);
    const reports = [...this.#waiting].slice(0, perReport);
    for (const [key] of reports) this.#waiting.delete(key);
    return reports.map(([, report]) => report);
  }

  #say(session: RelaySession): void {
    const report = session.report();
    session.reportedAtMs = this.#engine.wheel.nowMs;
    if (report) this.waits(report);
  }

  #recheck(session: RelaySession, byId: ReadonlyMap<string, SnapshotRelay>): void {
    const known = session.relay;
    const relay = known && byId.get(known.relayId);
    if (!known || !relay || relay.relayKeySha256 !== known.relayKeySha256) session.close("the relay was deregistered");
    else if (!session.isConfirmed(relay)) session.close("the relay's certificate is no longer confirmed");
    else {
      session.relay = relay;
      this.#keepAgents(session);
    }
  }

  #keepAgents(session: RelaySession): void {
    const { relay } = session;
    if (!relay || this.#engine.isDraining) return;
    const keeper = this.#keepers.get(relay.relayId);
    if (keeper) {
      if (keeper.session === session) keeper.agents.update(relay.listeningAgents);
    } else if (relay.listeningAgents.length > 0) this.#keepers.set(relay.relayId, { session, agents: new ListeningAgents(this.#engine, session, relay.listeningAgents) });
  }
}
