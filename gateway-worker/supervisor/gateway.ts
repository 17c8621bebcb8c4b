/**
 * The running gateway: identity, engines, what they serve, and the control channel, put together. It serves from disk first and talks to the console second,
 * so that neither a dead console nor its own restart keeps agents out (N12).
 */
import type { AccessPage } from "../../contract/access.ts";
import type { ChannelElsewhere, GatewayStatus, SnapshotProblem } from "../../contract/control.ts";
import type { Snapshot } from "../../contract/snapshot.ts";
import { type GatewayConfig, gatewayVersion } from "../config.ts";
import type { ListenerCertificatePem } from "../engine-messages.ts";
import { explain } from "../errors.ts";
import type { AdminView } from "../observe/admin-server.ts";
import { Reach } from "../reach/reach.ts";
import { AccessTable } from "./control/access.ts";
import { type ChannelState, ControlChannel } from "./control/channel.ts";
import { Reporter } from "./control/report.ts";
import { SnapshotStore } from "./control/snapshot-store.ts";
import { EngineGroup, type EngineGroupStatus } from "./engines.ts";
import { OpenRelays } from "./control/open-relays.ts";
import { OpenTunnels } from "./control/open-tunnels.ts";
import { age, isRefusalLine, skewSentence } from "./gateway-words.ts";
import { ReachRunner } from "./health/reach.ts";
import { leafFingerprint, ListenerCertificates, type RegisterListenerCertificate } from "./identity/listener-certificate.ts";
import type { GatewayIdentity } from "./identity/store.ts";
import type { GatewayLog } from "./log.ts";
import { ServiceWatch } from "./service-watch.ts";
import { memberViews, serviceViews } from "./service-views.ts";

/** A clock that differs more than this from the console's is named (T17), milliseconds. */
const skewMax = 300_000;
/** A stored snapshot that cannot be served (its port is taken) is tried again after this, milliseconds. */
const storedRetryMs = 10_000;
/** How long a drained gateway waits for its last report to be taken, milliseconds. */
const lastReportWithinMs = 2_000;

export class Gateway {
  readonly identity: GatewayIdentity;
  readonly #log: GatewayLog;
  readonly #engines: EngineGroup;
  readonly #store: SnapshotStore;
  readonly #certificates: ListenerCertificates;
  readonly #access: AccessTable;
  readonly #reporter: Reporter;
  readonly #serverReach: ReachRunner;
  readonly #reach: Reach;
  readonly #services: ServiceWatch;
  readonly #channel: ControlChannel;
  readonly #open = new OpenTunnels();
  readonly #openRelays = new OpenRelays();
  #snapshot: Snapshot | undefined;
  #presented: string | undefined;
  #revisionSeen = 0;
  #channelDetail = "";
  #clockSkewMs: number | null = null;
  #isDraining = false;
  #isFed = false;
  #wasConnected = false;
  #storedTimer: NodeJS.Timeout | undefined;
  readonly #complained = new Set<string>();

  constructor(config: GatewayConfig, identity: GatewayIdentity, log: GatewayLog) {
    this.identity = identity;
    this.#log = log;
    this.#store = new SnapshotStore(config.stateDir);
    this.#certificates = new ListenerCertificates(config.stateDir);
    this.#access = new AccessTable(config.stateDir, identity.organisationId);
    this.#services = new ServiceWatch({ stateDir: config.stateDir, engines: () => this.#engines, onHealth: () => this.#reporter.healthChanged(), onLog: (line) => log.write(line) });
    this.#reporter = new Reporter({ stateDir: config.stateDir, status: () => (this.#snapshot ? this.status() : null), health: () => this.#services.health(), services: () => this.#engines.loads(), channels: () => this.#engines.channels.open(), sessions: () => this.#reach.ledger.reports() });
    // A refusal's line stays here: the console gets the refusal itself.
    log.listen((line) => { if (!isRefusalLine(line)) this.#reporter.addLog(line); });
    this.#serverReach = new ReachRunner(() => this.#engines.refresh());
    this.#engines = new EngineGroup({
      runtime: config.runtime,
      count: config.engines,
      stateDir: config.stateDir,
      gatewayIdentity: { chainPem: identity.certificateChainPem, keyPem: identity.keyPem, caPem: identity.caPem },
      ...(config.httpEnginePath ? { httpEnginePath: config.httpEnginePath } : {}),
      ...(config.enginePath ? { enginePath: config.enginePath } : {}),
      ...(config.bunPath ? { bunPath: config.bunPath } : {}),
      onRefusals: (refusals, dropped) => this.#reporter.addRefusals(refusals, dropped),
      onTunnels: (reports, engine) => {
        this.#open.take(engine, reports);
        this.#reporter.addTunnels(reports);
      },
      onEngineGone: (engine) => {
        this.#services.engineGone(engine);
        this.#reporter.addTunnels(this.#open.endAll(engine, new Date()));
        this.#reporter.addRelays(this.#openRelays.endAll(engine));
      },
      onChannels: (reports) => this.#reporter.addChannels(reports),
      onRelays: (reports, engine) => {
        this.#openRelays.take(engine, reports);
        this.#reporter.addRelays(reports);
      },
      onFeed: (engine) => this.#services.feed(engine),
      onServices: (engine, report) => this.#services.reported(engine, report),
      onStatus: () => {},
      onLog: (line) => log.write(line),
    });
    this.#reach = new Reach({
      gatewayId: identity.gatewayId,
      organisationId: identity.organisationId,
      trustDomain: identity.trustDomain,
      identity,
      authorise: async (question) => await this.#channel.authoriseReach(question),
      locate: async (agentId) => await this.#channel.locateAgent(agentId),
      socketOf: (agentId) => this.#engines.reachSocketOf(agentId),
      channelOf: (agentId) => this.#engines.channels.of(agentId)?.channelId,
      whyEnded: (agentId) => this.#engines.channels.whyEnded(agentId),
      onSessions: (reports) => this.#reporter.addSessions(reports),
      onRefusals: (refused, dropped) => this.#reporter.addRefusals(refused, dropped),
      onLog: (line) => log.write(line),
    });
    this.#channel = new ControlChannel({
      link: () => ({ address: { ...identity.console, organisationId: identity.organisationId }, caPem: identity.caPem, client: identity }),
      host: this,
      version: gatewayVersion,
      runtime: `node ${process.version}, engines on ${config.runtime}`,
      startedAt: new Date(),
      onState: (state, detail) => this.#channelMoved(state, detail),
      onWelcome: (welcome) => {
        this.#reporter.start(welcome.send);
        this.#noteSkew(welcome.clockSkewMs);
      },
    });
  }

  // What the channel asks -------------------------------------------------------------------------------------------

  get revision(): number {
    return this.#snapshot?.revision ?? 0;
  }

  get revisionSeen(): number {
    return this.#revisionSeen;
  }

  get accessVersion(): number {
    return this.#access.version;
  }

  /** Makes the certificates, gives the snapshot to every engine or to none, and keeps it on disk. */
  async applySnapshot(snapshot: Snapshot, register: RegisterListenerCertificate): Promise<{ ok: true } | { ok: false; problems: SnapshotProblem[] }> {
    if (snapshot.gatewayId !== this.identity.gatewayId || snapshot.organisationId !== this.identity.organisationId) {
      return { ok: false, problems: [{ path: "gatewayId", code: "snapshot-foreign", message: "this snapshot is for another gateway; nothing was changed" }] };
    }
    const result = await this.#put(snapshot, register);
    if (!result.ok) {
      const serving = this.revision > 0 ? `revision ${this.revision} goes on serving` : "nothing is served yet";
      for (const problem of result.problems) this.#complain(`revision ${snapshot.revision} is refused: ${problem.message}; ${serving}`, problem);
      return result;
    }
    this.#complained.clear();
    await this.#store.save(snapshot).catch((error: unknown) => this.#log.error(`the snapshot cannot be stored: ${explain(error)}; after a restart this gateway would serve the one before it until the console is reached`));
    this.#log.info(`serving revision ${snapshot.revision}`, { revision: snapshot.revision });
    return result;
  }

  /** Takes a page in: engines decide by it at once, and it is on disk before it is confirmed. */
  async applyAccess(page: AccessPage): Promise<{ tunnelsEnded: number }> {
    const wasFed = this.#isFed;
    if (!wasFed) {
      await this.#access.take(page);
      if (this.#access.isComplete) await this.#feedAccess();
      return { tunnelsEnded: 0 };
    }
    // Engines and disk side by side: a revocation is in force without waiting for the disk, and confirmed only with it.
    const [ended] = await Promise.all([this.#engines.access(page), this.#access.take(page)]);
    if (ended.tunnelsEnded > 0) this.#log.warn(`${ended.tunnelsEnded} tunnels were ended because their agent was revoked or removed`, { accessVersion: page.version, tunnelsEnded: ended.tunnelsEnded });
    return ended;
  }

  /** The certificate of the inside listener is issued anew before it ends; sessions do not notice. */
  async renewCertificates(register: RegisterListenerCertificate): Promise<void> {
    const snapshot = this.#snapshot;
    try {
      if (!snapshot || this.#isDraining || !(await this.#certificates.endsInsideSoon(snapshot))) return;
      const reach = await this.#reach.prepare(snapshot, await this.#certificates.resolveInside(snapshot, register));
      if (!reach.ok) throw new Error(reach.problem.message);
      this.#reach.commit(snapshot, reach.prepared);
      this.#log.info("the inside listener presents a new certificate");
    } catch (error) {
      this.#log.warn(`the certificate of the inside listener ends soon and could not be renewed: ${explain(error)}; it is tried again in some hours`);
    }
  }

  /** Commands wait for these agents: those that hold a channel here are told. */
  knock(agentIds: readonly string[]): void {
    this.#engines.knock(agentIds);
  }

  /** Newer channels of these agents are open at other gateways: those of another run of the agent end here. */
  channelsElsewhere(channels: readonly ChannelElsewhere[]): void {
    this.#engines.endOlder(channels);
  }

  /** A person ended these sessions of reverse access. */
  endSessions(sessionIds: readonly string[]): void {
    this.#reach.endSessions(sessionIds);
  }

  // Life ------------------------------------------------------------------------------------------------------------

  /** Serves what is on disk, then connects. Resolves when the engines run. */
  async start(): Promise<void> {
    const spoolProblem = await this.#reporter.load();
    if (spoolProblem) this.#log.warn(spoolProblem);
    this.#reporter.pause();
    for (const problem of [...(await this.#access.load()), ...(await this.#services.load())]) this.#log.error(problem);
    const stored = await this.#store.load();
    for (const problem of stored.problems) this.#log.error(problem);
    this.#revisionSeen = stored.revisionSeen;
    await this.#engines.start();
    if (this.#access.isComplete) await this.#feedAccess();
    if (stored.snapshot) await this.#serveStored(stored.snapshot);
    this.#channel.start();
  }

  /** Local files may have changed: drop the connection and use what the identity says now. */
  reconnect(): void {
    this.#channel.reconnect();
  }

  /** No new tunnels; the open ones may finish within the snapshot's deadline, then everything ends. */
  async drain(): Promise<void> {
    if (this.#isDraining) return;
    this.#isDraining = true;
    const timeoutMs = this.#snapshot?.drainTimeoutMs ?? 0;
    this.#log.info(`draining: no new tunnels; ${this.#engines.status().tunnels} open ones have ${timeoutMs / 1000} s to finish`, { drainTimeoutMs: timeoutMs });
    const [{ tunnelsCut }] = await Promise.all([this.#engines.drain(timeoutMs), this.#reach.drain(timeoutMs)]);
    this.#engines.refresh();
    await this.#reporter.flush(lastReportWithinMs);
    await this.#services.save();
    this.#log.info(`drained; ${tunnelsCut} tunnels were cut`, { tunnelsCut });
  }

  /** Ends everything now. Safe to call twice. */
  async close(): Promise<void> {
    clearTimeout(this.#storedTimer);
    this.#serverReach.stop();
    this.#reach.close();
    await this.#channel.stop();
    await this.#reporter.stop();
    await this.#engines.close();
    await this.#services.close();
    await this.#access.close();
  }

  // What people see -------------------------------------------------------------------------------------------------

  status(): GatewayStatus {
    const engines: EngineGroupStatus = this.#engines.status();
    const { revision, accessVersion, isDraining, listeners, tunnels, bytesUp, bytesDown, handshakes, channels, refused } = engines;
    return { revision, accessVersion, isDraining: isDraining || this.#isDraining, listeners, engines: engines.engines, tunnels, bytesUp, bytesDown, handshakes, channels, refused, snapshotBuiltAt: this.#snapshot?.builtAt ?? null, servers: this.#serverReach.results() };
  }

  view(): AdminView {
    const { connections, handshakesResumed, tunnelsOpened, loopDelayMaxMs } = this.#engines.status();
    return {
      status: this.status(),
      channel: { state: this.#channel.state, detail: this.#channelDetail, heardAt: this.#channel.heardAt?.toISOString() ?? null },
      logForwarding: this.#logForwarding(),
      notReady: this.#notReady(),
      notes: this.#notes(),
      gatewayId: this.identity.gatewayId,
      name: this.identity.name,
      fingerprint: this.#presented ?? null,
      version: gatewayVersion,
      clockSkewMs: this.#clockSkewMs,
      counters: { connections, handshakesResumed, tunnelsOpened, loopDelayMaxMs, accessEntries: this.#access.size },
      services: serviceViews(this.#snapshot, this.#engines.loads()),
      reach: this.#reach.view(),
      members: memberViews(this.#snapshot, this.#services.health()),
    };
  }

  #notReady(): string | null {
    if (this.#isDraining) return "draining: no new tunnels are taken";
    if (!this.#snapshot) return `nothing to serve yet: no snapshot has come from the console (control channel: ${this.#channel.state}${this.#channelDetail ? `, ${this.#channelDetail}` : ""})`;
    if (!this.#isFed) return "the list of agents has not arrived yet";
    return null;
  }

  /** The gateway's own identity is what lets its log in at the console (S1-47, S1-48). */
  #logForwarding(): string {
    if (this.#snapshot?.forwardsLogs === false) return "off: switched off in the console";
    if (this.#channel.state === "subscribed") return "on, with the gateway's own identity";
    return `off: the console is not connected${this.#channelDetail ? ` (${this.#channelDetail})` : ""}; warnings and errors wait here until it is`;
  }

  #notes(): string[] {
    const notes: string[] = [];
    if (this.#snapshot && this.#channel.state !== "subscribed") notes.push(`the console is not connected; serving revision ${this.#snapshot.revision}, built ${age(this.#snapshot.builtAt)} ago`);
    if (this.#clockSkewMs !== null && Math.abs(this.#clockSkewMs) > skewMax) notes.push(skewSentence(this.#clockSkewMs));
    return notes;
  }

  // Inside ----------------------------------------------------------------------------------------------------------

  async #put(snapshot: Snapshot, register?: RegisterListenerCertificate): Promise<{ ok: true } | { ok: false; problems: SnapshotProblem[] }> {
    let certificates: ListenerCertificatePem[];
    let inside: { chainPem: string; keyPem: string } | undefined;
    try {
      certificates = await this.#certificates.resolve(snapshot, register);
      inside = await this.#certificates.resolveInside(snapshot, register);
    } catch (error) {
      return { ok: false, problems: [{ path: "listeners", code: "listener-certificate", message: explain(error).slice(0, 500) }] };
    }
    const reach = await this.#reach.prepare(snapshot, inside);
    if (!reach.ok) return { ok: false, problems: [reach.problem] };
    const result = await this.#engines.apply(snapshot, certificates);
    if (!result.ok) {
      this.#reach.abort(reach.prepared);
      return result;
    }
    this.#reach.commit(snapshot, reach.prepared);
    this.#snapshot = snapshot;
    this.#revisionSeen = Math.max(this.#revisionSeen, snapshot.revision);
    const presented = certificates[0] ? leafFingerprint(certificates[0].chainPem) : undefined;
    if (presented && presented !== this.#presented) this.#log.info(`the listener presents the certificate with the SHA-256 fingerprint ${presented}`, { fingerprint: presented });
    this.#presented = presented;
    this.#reporter.forwardsLogs = snapshot.forwardsLogs;
    this.#serverReach.watch(snapshot.servers);
    this.#services.configure(snapshot);
    this.#engines.refresh();
    return { ok: true };
  }

  async #serveStored(snapshot: Snapshot): Promise<void> {
    const result = await this.#put(snapshot);
    if (result.ok) this.#log.info(`serving the last good snapshot from disk: revision ${snapshot.revision}, built ${age(snapshot.builtAt)} ago, ${this.#access.size} agents and bundles known`, { revision: snapshot.revision, builtAt: snapshot.builtAt });
    else {
      for (const problem of result.problems) this.#complain(`the stored snapshot of revision ${snapshot.revision} cannot be served: ${problem.message}`, problem);
      this.#storedTimer = setTimeout(() => { if (!this.#snapshot && !this.#isDraining) void this.#serveStored(snapshot); }, storedRetryMs).unref();
    }
  }

  /** Says a problem once, however often it is met again. */
  #complain(sentence: string, problem: SnapshotProblem): void {
    if (this.#complained.has(sentence)) return;
    this.#complained.add(sentence);
    this.#log.error(sentence, { path: problem.path, code: problem.code });
  }

  async #feedAccess(): Promise<void> {
    let isFirst = true;
    for (const page of this.#access.pages()) {
      await this.#engines.access(page, isFirst);
      isFirst = false;
    }
    this.#isFed = true;
  }

  #channelMoved(state: ChannelState, detail: string): void {
    if (state === "subscribed") {
      this.#log.info("the control channel is open");
      this.#wasConnected = true;
      this.#channelDetail = "";
      return;
    }
    if (state === "lost") {
      this.#reporter.pause();
      this.#channelDetail = detail;
      const serving = this.#snapshot ? `; serving revision ${this.#snapshot.revision}, built ${age(this.#snapshot.builtAt)} ago` : "; nothing to serve yet";
      this.#log.warn(`the console is ${this.#wasConnected ? "no longer" : "not"} connected: ${detail}${serving}`);
    }
    if (state === "backoff") this.#log.debug(`control channel: ${detail}`);
  }

  #noteSkew(clockSkewMs: number): void {
    this.#clockSkewMs = clockSkewMs;
    if (Math.abs(clockSkewMs) > skewMax) this.#log.warn(skewSentence(clockSkewMs), { clockSkewMs });
  }
}
