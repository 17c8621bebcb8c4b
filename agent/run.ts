/**
 * The running agent: finishes a pending enrolment, keeps a way to the management server, brings the policy down and inventory, status and logs up.
 * Every stage fails on its own and is tried again; the process only ends on a signal.
 */
import { randomUUID } from "node:crypto";
import { type AgentPolicy, agentPolicy, agentStatusReply, agentTime } from "../contract/agent-site.ts";
import { type DialledWays, dialledWays } from "./channel/dialled-way.ts";
import { ChannelListener } from "./channel/listener.ts";
import type { AgentConfig } from "./config.ts";
import { asAgentError } from "./errors.ts";
import { completeEnrolment, initialPolicy } from "./identity/enrol.ts";
import { IdentityInUse } from "./identity/in-use.ts";
import { IdentityStore } from "./identity/store.ts";
import { collectInventory } from "./inventory.ts";
import { effectivePolicy, localSettings, type LocalSettings, relayUse } from "./local-settings.ts";
import type { AgentLog } from "./log.ts";
import { ownStatus, statusReport } from "./own-status.ts";
import { makeParts, type Parts } from "./parts.ts";
import { authority } from "./path/connect.ts";
import type { HttpRequest, HttpResponse } from "./path/http.ts";
import { errorCodeOf } from "./path/keeper.ts";
import type { Trust } from "./path/route.ts";
import { barePolicy, PolicyStore } from "./policy-store.ts";
import { Sleeper } from "./sleeper.ts";
import { type AgentStatus, runtimeName, statusWriteEveryMs, writeStatus } from "./status.ts";
import { TaskRunner } from "./tasks/runner.ts";
import { agentVersion } from "./version.ts";
import type { AgentWork } from "./work.ts";

/** Log lines per report. */
const logLinesMax = 500;
const enrolRetryMs = { min: 3_000, max: 10_000 };
/** After a failed round of requests, ms. */
const retryMs = { min: 2_000, max: 5_000 };
const skewWarningMs = 5 * 60_000;
const nobody = "00000000-0000-4000-8000-000000000000";

export class AgentRun {
  readonly #config: AgentConfig;
  readonly #log: AgentLog;
  readonly #local: LocalSettings;
  readonly #store: IdentityStore;
  readonly #identity: IdentityInUse;
  readonly #policies: PolicyStore;
  readonly #stop = new AbortController();
  readonly #instance = randomUUID();
  readonly #sleeper = new Sleeper();
  readonly #work: AgentWork;
  #tasks: TaskRunner | undefined;
  readonly #listener: ChannelListener | undefined;
  #policy: AgentPolicy | undefined;
  #etag: string | null = null;
  #parts: Parts | undefined;
  #inventorySentAt: string | null = null;
  #reportedAt: string | null = null;
  #clockSkewMs: number | null = null;
  #statusTimer: NodeJS.Timeout | undefined;
  #problem: AgentStatus["error"] = null;

  /** Throws TypeError when a setting of this computer cannot be read. */
  constructor(config: AgentConfig, log: AgentLog) {
    this.#config = config;
    this.#log = log;
    this.#local = localSettings(config);
    this.#listener = this.#local.listen === null ? undefined : new ChannelListener({ ...this.#local.listen, log });
    this.#store = new IdentityStore(config.stateDir);
    this.#identity = new IdentityInUse(this.#store, log);
    this.#policies = new PolicyStore(config.stateDir);
    this.#work = {
      config, log, onWake: [], onReply: [],
      identity: () => this.#identity.identity,
      policy: () => this.#currentPolicy(),
      now: () => this.#now(),
      ask: (request) => this.#ask(request),
      openSession: (signal) => (this.#parts ? this.#parts.keeper.openSession(signal) : Promise.reject(new Error("not started"))),
      refreshPolicy: () => this.#fetchPolicy(),
      sendInventory: () => this.#sendInventory(),
      takeNewIdentity: () => this.#takeNewIdentity(),
      stop: () => this.stop(),
    };
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    this.#log.info("the agent starts", { version: agentVersion, runtime: runtimeName(), state: this.#config.stateDir });
    this.#writeStatus();
    this.#statusTimer = setInterval(() => {
      this.#writeStatus();
      if (this.#store.loadPending()) this.#sleeper.wake(); // somebody called `enrol`
    }, statusWriteEveryMs);
    try {
      await this.#listener?.start();
      await this.#becomeEnrolled();
      if (!this.#stop.signal.aborted) await this.#workOn();
    } finally {
      clearInterval(this.#statusTimer);
      await this.#tasks?.close();
      this.#listener?.close();
      this.#closeParts();
      this.#writeStatus();
      this.#log.info("the agent stops");
    }
  }

  /** Ends `run` soon; safe to call twice. */
  stop(): void {
    this.#stop.abort();
    this.#sleeper.wake();
    this.#closeParts();
  }

  #closeParts(): void {
    const parts = this.#parts;
    parts?.reports.close();
    parts?.reach.close();
    parts?.channels.close();
    parts?.keeper.close();
  }

  async #becomeEnrolled(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const pending = this.#store.loadPending();
      this.#identity.load();
      const isEnrolled = this.#identity.identity !== undefined;
      if (!pending && isEnrolled) return;
      if (!pending) {
        this.#problem = { code: "not-enrolled", detail: "There is no identity and no enrolment token here." };
        this.#writeStatus();
        await this.#sleep(enrolRetryMs);
        continue;
      }
      try {
        this.#policy = initialPolicy(pending);
        this.#warnOfRelay();
        await completeEnrolment(this.#store, pending, { log: this.#log, deadlineMs: 30_000, signal: this.#stop.signal, relay: this.#relay(), ...this.#dialled() });
        this.#policies.save({ policy: this.#policy, etag: null });
        this.#problem = null;
      } catch (error) {
        const failure = asAgentError(error, "enrolment-refused");
        this.#problem = { code: failure.code, detail: failure.message };
        this.#log.warn("could not enrol", { code: failure.code, detail: failure.message });
        this.#writeStatus();
        // An agent that has an identity works with it; the token may be wrong, the agent is not.
        if (failure.code === "enrolment-refused" && isEnrolled) this.#store.dropPending();
        else if (isEnrolled) return;
        else await this.#sleep(enrolRetryMs);
      }
    }
  }

  async #workOn(): Promise<void> {
    this.#identity.load();
    this.#tasks = new TaskRunner(this.#work);
    const stored = this.#policies.load();
    this.#policy = stored?.policy ?? this.#policy;
    this.#etag = stored?.etag ?? null;
    if (!this.#policy) this.#policy = this.#lastResortPolicy();
    this.#warnOfRelay();
    this.#parts = this.#makeParts();
    this.#parts.keeper.start();
    this.#parts.channels.start();
    this.#parts.acceptChannels(this.#stop.signal);
    while (!this.#stop.signal.aborted) await this.#round();
  }

  /** What enrolment takes while there is no channel yet, and with one. */
  #dialled(): { dialled?: DialledWays } {
    const channels = this.#parts?.channels;
    if (!this.#listener) return {};
    return { dialled: channels ? { route: () => channels.route, watch: () => () => undefined } : dialledWays(this.#listener) };
  }

  #makeParts(): Parts {
    let wasPath = "";
    return makeParts({
      log: this.#log, local: this.#local, instance: this.#instance, listener: this.#listener, work: this.#work,
      trust: () => this.#trust(),
      onRefused: (code, chainPem) => this.#identity.refused(code, chainPem),
      onChange: (active) => {
        this.#writeStatus();
        const path = JSON.stringify([active?.path, active?.since]);
        if (active === undefined || path === wasPath) return;
        wasPath = path;
        if (active.path.kind !== "none") this.#sleeper.wake();
      },
    });
  }

  /** One round: policy and inventory when the connection is new or they are due, then a report. Sleeps until the next is due or something changes. */
  async #round(): Promise<void> {
    const keeper = this.#parts?.keeper;
    if (!keeper) return;
    try {
      await this.#takeNewEnrolment();
      const connected = keeper.active;
      if (connected.step !== "fully-connected") await this.#connectFully();
      else if (this.#isInventoryDue()) await this.#sendInventory();
      await this.#report();
      await this.#sendLogs();
      const every = this.#currentPolicy().reportEverySeconds * 1_000;
      await this.#sleep({ min: Math.floor(every * 0.85), max: every });
    } catch (error) {
      const failure = asAgentError(error, "lan-unreachable");
      this.#log.warn("could not report", { code: failure.code, detail: failure.message, connection: keeper.active.connectionId });
      await this.#sleep(retryMs);
    }
  }

  /** `enrol` was called while we run: finishes it, and changes over to the new identity. The old one is kept until the new one has worked. */
  async #takeNewEnrolment(): Promise<void> {
    const pending = this.#store.loadPending();
    if (pending) {
      try {
        await completeEnrolment(this.#store, pending, { log: this.#log, deadlineMs: 10_000, signal: this.#stop.signal, relay: this.#relay(), ...this.#dialled() });
      } catch (error) {
        const failure = asAgentError(error, "enrolment-refused");
        this.#log.warn("could not enrol", { code: failure.code, detail: failure.message });
        if (failure.code === "enrolment-refused") this.#store.dropPending();
      }
    }
    this.#takeNewIdentity();
  }

  #takeNewIdentity(): void {
    if (!this.#identity.takeNew()) return;
    this.#parts?.keeper.identityChanged();
    this.#parts?.channels.identityChanged();
  }

  /** Step 8: policy down, inventory up (S0-21). The first answer also proves an identity that was just issued. */
  async #connectFully(): Promise<void> {
    await this.#fetchPolicy();
    this.#identity.settle();
    await this.#compareClocks();
    await this.#sendInventory();
    this.#parts?.keeper.markFullyConnected();
    this.#parts?.channels.accepted();
    const active = this.#parts?.keeper.active;
    this.#log.info("fully connected", { path: active?.path.kind, connection: active?.connectionId });
  }

  async #fetchPolicy(): Promise<void> {
    const answer = await this.#ask({ method: "GET", path: "/v1/policy", headers: this.#etag === null ? {} : { "if-none-match": this.#etag } });
    if (answer.status === 304) return;
    const policy = agentPolicy.parse(JSON.parse(answer.body.toString("utf8")));
    this.#etag = answer.headers.get("etag") ?? null;
    this.#policy = policy;
    this.#policies.save({ policy, etag: this.#etag });
    this.#log.info("policy received", { revision: policy.revision, cloudEnabled: policy.isCloudEnabled, gateways: policy.gateways.map((gateway) => gateway.name).join(",") });
    this.#parts?.keeper.policyChanged();
    this.#parts?.channels.policyChanged();
  }

  async #sendInventory(): Promise<void> {
    const inventory = await collectInventory();
    await this.#ask({ method: "PUT", path: "/v1/inventory", body: inventory });
    this.#inventorySentAt = inventory.collectedAt;
  }

  #isInventoryDue(): boolean {
    if (this.#inventorySentAt === null) return true;
    return Date.now() - new Date(this.#inventorySentAt).getTime() > this.#currentPolicy().inventoryEverySeconds * 1_000;
  }

  async #compareClocks(): Promise<void> {
    const answer = await this.#ask({ method: "GET", path: "/v1/time" });
    const server = agentTime.parse(JSON.parse(answer.body.toString("utf8")));
    this.#clockSkewMs = Date.now() - new Date(server.now).getTime();
    if (Math.abs(this.#clockSkewMs) > skewWarningMs) this.#log.error("this computer's clock is wrong", { code: "clock-skew", skewSeconds: Math.round(this.#clockSkewMs / 1000) });
  }

  async #report(): Promise<void> {
    const parts = this.#parts;
    if (!parts) return;
    const { keeper, reports } = parts;
    const attempts = keeper.attempts.take();
    const report = statusReport(parts, { attempts, policyRevision: this.#currentPolicy().revision, relay: this.#relay() });
    try {
      const answer = await reports.request({ method: "POST", path: "/v1/status", body: report });
      if (answer.status !== 200) throw new Error(`the management server answered ${answer.status} (${errorCodeOf(answer.body)}) to a status report`);
      const reply = agentStatusReply.parse(JSON.parse(answer.body.toString("utf8")));
      this.#reportedAt = report.now;
      this.#writeStatus();
      if (reply.policyRevision !== this.#currentPolicy().revision) await this.#fetchPolicy();
      for (const take of this.#work.onReply) take(reply);
    } catch (error) {
      keeper.attempts.untake(attempts);
      throw error;
    }
  }

  async #sendLogs(): Promise<void> {
    const lines = this.#log.take(logLinesMax);
    if (lines.length === 0) return;
    try {
      await this.#ask({ method: "POST", path: "/v1/logs", body: { lines } });
    } catch (error) {
      this.#log.untake(lines);
      throw error;
    }
  }

  async #ask(request: HttpRequest): Promise<HttpResponse> {
    if (!this.#parts) throw new Error("not started");
    const answer = await this.#parts.keeper.request(request);
    if (answer.status < 400) return answer;
    throw new Error(`the management server answered ${answer.status} (${errorCodeOf(answer.body)}) to ${request.method} ${request.path}`);
  }

  /** The management server's clock: grants and commands are dated by it. */
  #now(): number {
    return Date.now() - (this.#clockSkewMs ?? 0);
  }

  #trust(): Trust {
    return { ...this.#identity.trust, relay: this.#relay() };
  }

  #relay(): Trust["relay"] {
    return relayUse(this.#policy ?? null, this.#local);
  }

  #warnOfRelay(): void {
    const relay = this.#relay();
    if (relay === null) return;
    this.#log.info("every connection goes to a relay", { relay: authority(relay.host, relay.port) });
    if (!relay.isValidated) this.#log.warn("THE RELAY'S AND GATEWAY'S CERTIFICATES ARE NOT CHECKED: whoever controls this network can pretend to be the gateway. The management server's is checked all the same. Turn it on again with: sallyport-agent relay --relay-validation on");
  }

  #currentPolicy(): AgentPolicy {
    return effectivePolicy(this.#policy ?? this.#lastResortPolicy(), this.#local);
  }

  /** Identity but no policy (deleted by hand): nothing to dial but this computer itself; `enrol` again, or put the policy back. */
  #lastResortPolicy(): AgentPolicy {
    return barePolicy(this.#identity.identity?.organisationId ?? nobody, { name: "management server", host: "localhost", port: 4726 });
  }

  #writeStatus(): void {
    const facts = { parts: this.#parts, identity: this.#identity.identity, policy: this.#policy, local: this.#local, relay: this.#relay(), inventorySentAt: this.#inventorySentAt, reportedAt: this.#reportedAt, clockSkewMs: this.#clockSkewMs, problem: this.#problem };
    try {
      writeStatus(this.#config.statusFile, ownStatus(facts));
    } catch (error) {
      this.#log.warn("the status file could not be written", { reason: error instanceof Error ? error.message : String(error) });
    }
  }

  #sleep(range: { min: number; max: number }): Promise<void> {
    return this.#stop.signal.aborted ? Promise.resolve() : this.#sleeper.sleep(range);
  }
}
