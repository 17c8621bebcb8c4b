/**
 * The running agent: finishes a pending enrolment, keeps a way to the management server, brings the policy down and inventory, status and logs up.
 * Every stage fails on its own and is tried again; the process only ends on a signal.
 */
import { randomInt, randomUUID, X509Certificate } from "node:crypto";
import { type AgentPolicy, agentPolicy, agentStatusReply, agentTime, type AgentStatusReport } from "../contract/agent-site.ts";
import type { AgentConfig } from "./config.ts";
import { StatusChannel } from "./channel.ts";
import { asAgentError } from "./errors.ts";
import { completeEnrolment, initialPolicy } from "./identity/enrol.ts";
import { fingerprintOf, pemList } from "./identity/pem.ts";
import { IdentityStore, type Slot, type StoredIdentity } from "./identity/store.ts";
import { collectInventory } from "./inventory.ts";
import type { AgentLog } from "./log.ts";
import { type ActivePath, errorCodeOf, PathKeeper } from "./path/keeper.ts";
import type { Trust } from "./path/route.ts";
import { PolicyStore } from "./policy-store.ts";
import { type AgentStatus, statusWriteEveryMs, writeStatus } from "./status.ts";
import { agentVersion } from "./version.ts";

/** Log lines per report. */
const logLinesMax = 500;
const enrolRetryMs = { min: 3_000, max: 10_000 };
/** After a failed round of requests, ms. */
const retryMs = { min: 2_000, max: 5_000 };
const skewWarningMs = 5 * 60_000;

export class AgentRun {
  readonly #config: AgentConfig;
  readonly #log: AgentLog;
  readonly #store: IdentityStore;
  readonly #policies: PolicyStore;
  readonly #stop = new AbortController();
  readonly #instance = randomUUID();
  #candidates: { slot: Slot; identity: StoredIdentity }[] = [];
  #policy: AgentPolicy | undefined;
  #etag: string | null = null;
  #keeper: PathKeeper | undefined;
  #channel: StatusChannel | undefined;
  #inventorySentAt: string | null = null;
  #reportedAt: string | null = null;
  #clockSkewMs: number | null = null;
  #sleeper: (() => void) | undefined;
  #isWoken = false;
  /** Which unproven identity is in use, so that a refused one is not taken again. */
  #takenAt: string | undefined;
  /** Which unproven identity the server refused in this run. */
  #refusedNextAt: string | undefined;
  #statusTimer: NodeJS.Timeout | undefined;
  #problem: AgentStatus["error"] = null;

  constructor(config: AgentConfig, log: AgentLog) {
    this.#config = config;
    this.#log = log;
    this.#store = new IdentityStore(config.stateDir);
    this.#policies = new PolicyStore(config.stateDir);
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    this.#log.info("the agent starts", { version: agentVersion, runtime: runtimeName(), state: this.#config.stateDir });
    this.#writeStatus();
    this.#statusTimer = setInterval(() => {
      this.#writeStatus();
      if (this.#store.loadPending()) this.#wake(); // somebody called `enrol`
    }, statusWriteEveryMs);
    try {
      await this.#becomeEnrolled();
      if (!this.#stop.signal.aborted) await this.#work();
    } finally {
      clearInterval(this.#statusTimer);
      this.#channel?.close();
      this.#keeper?.close();
      this.#writeStatus();
      this.#log.info("the agent stops");
    }
  }

  /** Ends `run` soon; safe to call twice. */
  stop(): void {
    this.#stop.abort();
    this.#wake();
    this.#channel?.close();
    this.#keeper?.close();
  }

  async #becomeEnrolled(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const pending = this.#store.loadPending();
      this.#candidates = this.#store.candidates();
      if (!pending && this.#candidates.length > 0) return;
      if (!pending) {
        this.#problem = { code: "not-enrolled", detail: "There is no identity and no enrolment token here." };
        this.#writeStatus();
        await this.#sleep(enrolRetryMs);
        continue;
      }
      try {
        this.#policy = initialPolicy(pending);
        await completeEnrolment(this.#store, pending, { log: this.#log, deadlineMs: 30_000, signal: this.#stop.signal });
        this.#policies.save({ policy: this.#policy, etag: null });
        this.#problem = null;
      } catch (error) {
        const failure = asAgentError(error, "enrolment-refused");
        this.#problem = { code: failure.code, detail: failure.message };
        this.#log.warn("could not enrol", { code: failure.code, detail: failure.message });
        this.#writeStatus();
        // An agent that has an identity works with it; the token may be wrong, the agent is not.
        if (failure.code === "enrolment-refused" && this.#candidates.length > 0) this.#store.dropPending();
        else if (this.#candidates.length > 0) return;
        else await this.#sleep(enrolRetryMs);
      }
    }
  }

  async #work(): Promise<void> {
    this.#takenAt = this.#store.load("next")?.enrolledAt;
    const stored = this.#policies.load();
    this.#policy = stored?.policy ?? this.#policy;
    this.#etag = stored?.etag ?? null;
    if (!this.#policy) this.#policy = this.#lastResortPolicy();
    const options = { policy: () => this.#currentPolicy(), trust: () => this.#trust(), log: this.#log, instance: this.#instance };
    let wasPath = "";
    const keeper = new PathKeeper({
      ...options,
      isProofNeeded: true,
      onRefused: (code, chainPem) => this.#identityRefused(code, chainPem),
      onChange: (active) => {
        const path = JSON.stringify([active.path, active.since]);
        this.#writeStatus();
        if (path !== wasPath && active.path.kind !== "none") this.#wake();
        wasPath = path;
      },
    });
    this.#keeper = keeper;
    this.#channel = new StatusChannel({ ...options, keeper });
    keeper.start();
    while (!this.#stop.signal.aborted) await this.#round();
  }

  /** One round: policy and inventory when the connection is new or they are due, then a report. Sleeps until the next is due or something changes. */
  async #round(): Promise<void> {
    const keeper = this.#keeper;
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
        await completeEnrolment(this.#store, pending, { log: this.#log, deadlineMs: 10_000, signal: this.#stop.signal });
      } catch (error) {
        const failure = asAgentError(error, "enrolment-refused");
        this.#log.warn("could not enrol", { code: failure.code, detail: failure.message });
        if (failure.code === "enrolment-refused") this.#store.dropPending();
      }
    }
    const next = this.#store.load("next");
    if (!next || next.enrolledAt === this.#takenAt) return;
    this.#takenAt = next.enrolledAt;
    this.#candidates = this.#store.candidates();
    this.#keeper?.identityChanged();
  }

  /** Step 8: policy down, inventory up (S0-21). The first answer also proves an identity that was just issued. */
  async #connectFully(): Promise<void> {
    await this.#fetchPolicy();
    this.#settleIdentity();
    await this.#compareClocks();
    await this.#sendInventory();
    this.#keeper?.markFullyConnected();
    this.#log.info("fully connected", { path: this.#keeper?.active.path.kind, connection: this.#keeper?.active.connectionId });
  }

  /** The identity in use was accepted: an unproven one becomes the current one. One that the server refused goes, now that the old one has worked again. */
  #settleIdentity(): void {
    if (this.#candidates[0]?.slot === "next") this.#store.promote();
    else if (this.#refusedNextAt !== undefined && this.#store.load("next")?.enrolledAt === this.#refusedNextAt) this.#store.dropNext();
    this.#candidates = this.#store.candidates();
  }

  async #fetchPolicy(): Promise<void> {
    const answer = await this.#ask("GET", "/v1/policy", this.#etag === null ? {} : { "if-none-match": this.#etag });
    if (answer.status === 304) return;
    const policy = agentPolicy.parse(JSON.parse(answer.body.toString("utf8")));
    this.#etag = answer.headers.get("etag") ?? null;
    this.#policy = policy;
    this.#policies.save({ policy, etag: this.#etag });
    this.#log.info("policy received", { revision: policy.revision, cloudEnabled: policy.isCloudEnabled, gateways: policy.gateways.map((gateway) => gateway.name).join(",") });
    this.#keeper?.policyChanged();
  }

  async #sendInventory(): Promise<void> {
    const inventory = await collectInventory();
    await this.#ask("PUT", "/v1/inventory", {}, inventory);
    this.#inventorySentAt = inventory.collectedAt;
  }

  #isInventoryDue(): boolean {
    if (this.#inventorySentAt === null) return true;
    return Date.now() - new Date(this.#inventorySentAt).getTime() > this.#currentPolicy().inventoryEverySeconds * 1_000;
  }

  async #compareClocks(): Promise<void> {
    const answer = await this.#ask("GET", "/v1/time");
    const server = agentTime.parse(JSON.parse(answer.body.toString("utf8")));
    this.#clockSkewMs = Date.now() - new Date(server.now).getTime();
    if (Math.abs(this.#clockSkewMs) > skewWarningMs) this.#log.error("this computer's clock is wrong", { code: "clock-skew", skewSeconds: Math.round(this.#clockSkewMs / 1000) });
  }

  async #report(): Promise<void> {
    const keeper = this.#keeper;
    const channel = this.#channel;
    if (!keeper || !channel) return;
    const attempts = keeper.attempts.take();
    const { path, step } = keeper.active;
    const report: AgentStatusReport = { now: new Date().toISOString(), version: agentVersion, path, step, policyRevision: this.#currentPolicy().revision, attempts, channel: null, channelProblem: null, relay: null, isRelayValidationOff: false };
    try {
      const answer = await channel.request({ method: "POST", path: "/v1/status", body: report });
      if (answer.status !== 200) throw new Error(`the management server answered ${answer.status} (${errorCodeOf(answer.body)}) to a status report`);
      const reply = agentStatusReply.parse(JSON.parse(answer.body.toString("utf8")));
      this.#reportedAt = report.now;
      this.#writeStatus();
      if (reply.policyRevision !== this.#currentPolicy().revision) await this.#fetchPolicy();
    } catch (error) {
      keeper.attempts.untake(attempts);
      throw error;
    }
  }

  async #sendLogs(): Promise<void> {
    const lines = this.#log.take(logLinesMax);
    if (lines.length === 0) return;
    try {
      await this.#ask("POST", "/v1/logs", {}, { lines });
    } catch (error) {
      this.#log.untake(lines);
      throw error;
    }
  }

  async #ask(method: "GET" | "PUT" | "POST", path: string, headers: Record<string, string> = {}, body?: unknown) {
    if (!this.#keeper) throw new Error("not started");
    const answer = await this.#keeper.request({ method, path, headers, ...(body === undefined ? {} : { body }) });
    if (answer.status < 400) return answer;
    throw new Error(`the management server answered ${answer.status} (${errorCodeOf(answer.body)}) to ${method} ${path}`);
  }

  /** The unproven identity was refused: the proven one is still there (T19). */
  #identityRefused(code: string, chainPem: string | null): boolean {
    // Several names are tried at once: the others may still tell of an identity that is out of use already.
    if (this.#candidates[0]?.identity.chainPem !== chainPem) return true;
    this.#log.error("the management server refused this agent's certificate", { code });
    if (this.#candidates.length < 2) return false;
    this.#refusedNextAt = this.#candidates[0]?.identity.enrolledAt;
    this.#candidates = this.#candidates.slice(1);
    return true;
  }

  #trust(): Trust {
    const [first] = this.#candidates;
    if (!first) return { credentials: null, ca: [] };
    return { credentials: { chainPem: first.identity.chainPem, keyPem: first.identity.keyPem }, ca: pemList(first.identity.caPem) };
  }

  #currentPolicy(): AgentPolicy {
    return this.#policy ?? this.#lastResortPolicy();
  }

  /** Identity but no policy (deleted by hand): nothing to dial but this computer itself; `enrol` again, or put the policy back. */
  #lastResortPolicy(): AgentPolicy {
    const organisationId = this.#candidates[0]?.identity.organisationId ?? "00000000-0000-4000-8000-000000000000";
    const server = { id: organisationId, name: "management server", kind: "management" as const, host: "localhost", port: 4726, isAgentSite: true };
    return { format: 1, revision: 0, agentId: null, organisationId, organisationName: "", isCloudEnabled: false, servers: [server], gateways: [], requestProxy: null, channelProxy: null, reportEverySeconds: 30, inventoryEverySeconds: 3_600, consoleKeys: { signing: [], encryption: [] }, reach: { services: [], scripts: [] }, hasChannel: true, relay: null };
  }

  #writeStatus(): void {
    const active: ActivePath = this.#keeper?.active ?? { path: { kind: "none" }, step: "idle", connectionId: null, since: new Date().toISOString(), error: null };
    const identity = this.#candidates[0]?.identity;
    const policy = this.#policy;
    try {
      writeStatus(this.#config.statusFile, {
        format: 1,
        updatedAt: new Date().toISOString(),
        pid: process.pid,
        version: agentVersion,
        runtime: runtimeName(),
        isEnrolled: identity !== undefined,
        agentId: identity?.agentId ?? null,
        organisationName: policy?.organisationName ?? null,
        certificate: identity ? certificateFacts(identity.chainPem) : null,
        isCloudEnabled: policy?.isCloudEnabled ?? false,
        policyRevision: policy?.revision ?? 0,
        path: active.path,
        step: active.step,
        connectionId: active.connectionId,
        since: active.since,
        channelVia: this.#channel?.via ?? null,
        servers: (policy?.servers ?? []).map(({ name, host, port }) => ({ name, host, port })),
        gateways: (policy?.gateways ?? []).map(({ name, fqdn, port, pins }) => ({ name, fqdn, port, pins })),
        inventorySentAt: this.#inventorySentAt,
        reportedAt: this.#reportedAt,
        clockSkewMs: this.#clockSkewMs,
        error: active.error ?? this.#problem,
      });
    } catch (error) {
      this.#log.warn("the status file could not be written", { reason: error instanceof Error ? error.message : String(error) });
    }
  }

  /** Waits for a random time in the range, or until `wake`; a wake that came before counts. */
  #sleep(range: { min: number; max: number }): Promise<void> {
    if (this.#stop.signal.aborted || this.#isWoken) {
      this.#isWoken = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#sleeper = undefined;
        this.#isWoken = false;
        resolve();
      };
      const timer = setTimeout(done, randomInt(range.min, range.max + 1));
      this.#sleeper = done;
    });
  }

  #wake(): void {
    this.#isWoken = true;
    this.#sleeper?.();
  }
}

function certificateFacts(chainPem: string): AgentStatus["certificate"] {
  const leaf = new X509Certificate(chainPem);
  return { fingerprint: fingerprintOf(leaf), notAfter: new Date(leaf.validTo).toISOString() };
}

function runtimeName(): string {
  return process.versions["bun"] === undefined ? `node ${process.versions.node}` : `bun ${process.versions["bun"]}`;
}
