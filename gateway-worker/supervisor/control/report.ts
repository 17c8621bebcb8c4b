/**
 * What the gateway tells the console: status, refusals, tunnels, log lines, members' health, services' numbers, agent channels, sessions, relays. Collected in bounded queues, sent at most once a second, at once for a refusal after
 * a quiet second. While the console is away, or does not answer, refusals and warnings are spooled to disk; each is delivered once (the console knows refusals by
 * id, T38).
 */
import path from "node:path";
import { z } from "zod";
import type { ChannelReport } from "../../../contract/channel.ts";
import { type ControlReport, type GatewayStatus, type LogLine, logLine, type Refusal, refusal, type TunnelReport } from "../../../contract/control.ts";
import type { MemberHealth } from "../../../contract/health-check.ts";
import { type SessionReport, sessionReport } from "../../../contract/reach.ts";
import type { RelayReport } from "../../../contract/relay.ts";
import type { ServiceLoad } from "../../../contract/virtual-service.ts";
import { makePrivateFolder, readIfPresent, removeFile, writeDurably } from "../durable-file.ts";
import { Changed } from "./changed.ts";
import { Latest } from "./latest.ts";

/** The contract's bound of refusals kept; what does not fit is counted. */
const refusalsMax = 5_000;
const logsMax = 2_000;
/** Latest report per tunnel; an ended tunnel stays until it is delivered. */
const tunnelsMax = 20_000;
/** The same of agent channels, sessions of reverse access and relays. */
const channelsMax = 60_000;
const sessionsMax = 20_000;
const relaysMax = 2_000;
/** Bounds of one report, within those of the contract and of one message of the control channel. */
const perReport = { refusals: 500, tunnels: 2_000, logs: 500, health: 5_000, services: 500, channels: 2_000, sessions: 1_000, relays: 200 };
/** A status without news is sent this often, milliseconds. */
const statusEveryMs = 5_000;
/** Health and numbers that did not change are said again this often, milliseconds: when a member was last checked, and one sample a minute. */
const allEveryMs = 60_000;

const spool = z.strictObject({ format: z.literal(1), refusals: z.array(refusal).max(refusalsMax), refusalsDropped: z.number().int().nonnegative(), logs: z.array(logLine).max(logsMax), /** Sessions that ended. */ sessions: z.array(sessionReport).max(sessionsMax).default([]) });

export type ReporterOptions = {
  stateDir: string;
  /** The status as it is now; null until there is one. */
  status: () => GatewayStatus | null;
  /** Every member's health, and every service's numbers, as they are now. */
  health?: () => MemberHealth[];
  services?: () => ServiceLoad[];
  /** Every open agent channel, every session of reverse access that is open, as they are now. */
  channels?: () => ChannelReport[];
  sessions?: () => SessionReport[];
  everyMs?: number;
};

export class Reporter {
  /** Lines of warn and above are passed on only while this is true (S1-48). */
  forwardsLogs = true;
  readonly #options: ReporterOptions;
  readonly #spoolFile: string;
  #refusals: Refusal[] = [];
  #refusalsDropped = 0;
  #logs: LogLine[] = [];
  readonly #tunnels = new Latest<TunnelReport>((tunnel) => tunnel.connectionId, tunnelsMax);
  readonly #channels = new Latest<ChannelReport>((channel) => channel.channelId, channelsMax);
  readonly #sessions = new Latest<SessionReport>((session) => session.sessionId, sessionsMax);
  readonly #relays = new Latest<RelayReport>((relay) => `${relay.relayId} ${relay.node ?? ""}`, relaysMax);
  /** This connection of the console knows every open channel. */
  #areChannelsSaid = false;
  readonly #health = new Changed<MemberHealth>((member) => member.memberId, ({ state, since, cause, certificate }) => JSON.stringify([state, since, cause, certificate?.fingerprint, certificate?.problem]));
  readonly #services = new Changed<ServiceLoad>((load) => load.serviceId, (load) => JSON.stringify(load));
  #allSentAt = 0;
  #send: ((report: ControlReport) => Promise<void>) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** What is on its way and not confirmed; a console that hangs may never confirm it. */
  #inFlight: ControlReport | undefined;
  /** Changes of the spool file take turns. */
  #disk: Promise<void> = Promise.resolve();
  #sentAt = 0;
  #statusSentAt = 0;
  #statusSent = "";
  #isSpoolDirty = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#spoolFile = path.join(options.stateDir, "spool.json");
  }

  /** Takes up what an earlier run could not deliver. A damaged spool is dropped and the sentence returned. */
  async load(): Promise<string | undefined> {
    const text = await readIfPresent(this.#spoolFile);
    if (text === undefined) return undefined;
    try {
      const stored = spool.parse(JSON.parse(text));
      this.#refusals = stored.refusals;
      this.#refusalsDropped = stored.refusalsDropped;
      this.#logs = stored.logs;
      this.#sessions.add(stored.sessions);
      return undefined;
    } catch {
      await removeFile(this.#spoolFile);
      return `the spool ${this.#spoolFile} was damaged; reports that an earlier run could not deliver are lost`;
    }
  }

  addRefusals(refusals: readonly Refusal[], dropped: number): void {
    const room = refusalsMax - this.#refusals.length;
    this.#refusals.push(...refusals.slice(0, room));
    this.#refusalsDropped += dropped + Math.max(0, refusals.length - room);
    this.#isSpoolDirty = true;
    this.#soon();
  }

  addTunnels(reports: readonly TunnelReport[]): void {
    this.#tunnels.add(reports);
  }

  /** Channels that opened, moved or ended. */
  addChannels(reports: readonly ChannelReport[]): void {
    this.#channels.add(reports);
    this.#soon();
  }

  addSessions(reports: readonly SessionReport[]): void {
    this.#sessions.add(reports);
    if (reports.some((session) => session.endedAt !== null)) this.#isSpoolDirty = true;
    this.#soon();
  }

  addRelays(reports: readonly RelayReport[]): void {
    this.#relays.add(reports);
    this.#soon();
  }

  addLog(line: LogLine): void {
    if (!this.forwardsLogs || (line.level !== "warn" && line.level !== "error")) return;
    this.#logs.push(line);
    if (this.#logs.length > logsMax) this.#logs.shift();
    this.#isSpoolDirty = true;
  }

  /** A member's health changed: the console shall know now rather than at the next tick. */
  healthChanged(): void {
    this.#soon();
  }

  /** The console can be reached: deliver through `send` until `stop`. */
  start(send: (report: ControlReport) => Promise<void>): void {
    this.#send = send;
    this.#statusSent = "";
    this.#sayAll();
    this.#areChannelsSaid = false;
    this.#channels.giveBack(this.#options.channels?.() ?? []);
    this.#sessions.giveBack(this.#options.sessions?.() ?? []);
    this.#timer ??= setInterval(() => void this.#tick(), this.#options.everyMs ?? 1_000).unref();
    this.#soon();
  }

  /** The console is away: collect, and spool to disk every tick. */
  pause(): void {
    this.#send = undefined;
    this.#timer ??= setInterval(() => void this.#tick(), this.#options.everyMs ?? 1_000).unref();
  }

  /** Gives the engines a moment for their last word and delivers what waits; gives up after `withinMs`, or at once when the console is away. */
  async flush(withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    await new Promise((resolve) => setTimeout(resolve, 200));
    await this.#tick();
    while (this.#send && performance.now() < deadline && (this.#inFlight || this.#refusals.length > 0 || this.#tunnels.size > 0 || this.#logs.length > 0 || this.#channels.size > 0 || this.#sessions.size > 0)) {
      await this.#tick();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    if (performance.now() < deadline) await this.#tick();
  }

  /** Ends the timer and leaves what was not delivered on disk. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#send = undefined;
    await this.#spool();
  }

  /** Sends at once when the last report is more than a second old; otherwise the next tick does. */
  #soon(): void {
    if (performance.now() - this.#sentAt >= (this.#options.everyMs ?? 1_000)) setImmediate(() => void this.#tick());
  }

  #sayAll(): void {
    this.#health.reset();
    this.#services.reset();
    this.#allSentAt = performance.now();
  }

  async #tick(): Promise<void> {
    if (this.#inFlight || !this.#send) return await this.#spool();
    if (performance.now() - this.#allSentAt > allEveryMs) this.#sayAll();
    const report = this.#take();
    if (!report) return;
    this.#inFlight = report;
    this.#sentAt = performance.now();
    try {
      await this.#send(report);
      this.#health.confirm(report.health);
      this.#services.confirm(report.services);
      this.#areChannelsSaid ||= report.areChannelsComplete;
      if (report.status) {
        this.#statusSent = JSON.stringify(report.status);
        this.#statusSentAt = performance.now();
      }
      this.#inFlight = undefined;
      if (this.#refusals.length === 0 && this.#logs.length === 0 && this.#sessions.size === 0) await this.#forgetSpool();
    } catch {
      // The channel names the loss of the connection; here the content only goes back to the head of the queues.
      this.#inFlight = undefined;
      this.#giveBack(report);
    }
    if (this.#refusals.length + this.#tunnels.size + this.#channels.size + this.#sessions.size > 0) this.#soon();
  }

  /** Takes one report's worth off the queues; undefined when there is nothing to say. */
  #take(): ControlReport | undefined {
    const status = this.#options.status();
    const isNews = status !== null && (performance.now() - this.#statusSentAt > statusEveryMs || withoutCounters(status) !== withoutCounters(this.#statusSent));
    const health = this.#health.of(this.#options.health?.() ?? [], perReport.health);
    const services = this.#services.of(this.#options.services?.() ?? [], perReport.services);
    const waiting = this.#refusals.length + this.#refusalsDropped + this.#tunnels.size + this.#logs.length + this.#channels.size + this.#sessions.size + this.#relays.size;
    if (!isNews && health.length === 0 && services.length === 0 && waiting === 0 && this.#areChannelsSaid) return undefined;
    const refusalsDropped = this.#refusalsDropped;
    this.#refusalsDropped = 0;
    const channels = this.#channels.take(perReport.channels);
    return {
      status: isNews ? status : null, refusals: this.#refusals.splice(0, perReport.refusals), refusalsDropped, tunnels: this.#tunnels.take(perReport.tunnels), logs: this.#logs.splice(0, perReport.logs), health, services,
      channels, areChannelsComplete: !this.#areChannelsSaid && this.#channels.size === 0, sessions: this.#sessions.take(perReport.sessions), relays: this.#relays.take(perReport.relays),
    };
  }

  #giveBack(report: ControlReport): void {
    this.#refusals = [...report.refusals, ...this.#refusals];
    this.#refusalsDropped += report.refusalsDropped + Math.max(0, this.#refusals.length - refusalsMax);
    this.#refusals.length = Math.min(this.#refusals.length, refusalsMax);
    this.#logs = [...report.logs, ...this.#logs].slice(-logsMax);
    this.#tunnels.giveBack(report.tunnels);
    this.#channels.giveBack(report.channels);
    this.#sessions.giveBack(report.sessions);
    this.#relays.giveBack(report.relays);
    this.#isSpoolDirty = true;
  }

  /** Keeps on disk what no console has confirmed: what waits, and what is on its way. */
  async #spool(): Promise<void> {
    if (!this.#isSpoolDirty) return;
    this.#isSpoolDirty = false;
    this.#disk = this.#disk.then(async () => await this.#writeSpool());
    await this.#disk;
  }

  async #writeSpool(): Promise<void> {
    const all = [...(this.#inFlight?.refusals ?? []), ...this.#refusals];
    const refusals = all.slice(0, refusalsMax);
    const logs = [...(this.#inFlight?.logs ?? []), ...this.#logs].slice(-logsMax);
    const refusalsDropped = this.#refusalsDropped + (this.#inFlight?.refusalsDropped ?? 0) + all.length - refusals.length;
    const sessions = [...(this.#inFlight?.sessions ?? []), ...this.#sessions.all()].filter((session) => session.endedAt !== null).slice(0, sessionsMax);
    if (refusals.length === 0 && logs.length === 0 && refusalsDropped === 0 && sessions.length === 0) return;
    try {
      await makePrivateFolder(this.#options.stateDir);
      await writeDurably(this.#spoolFile, `${JSON.stringify({ format: 1, refusals, refusalsDropped, logs, sessions } satisfies z.infer<typeof spool>)}\n`);
    } catch {
      // A full disk must not stop the gateway; the queues in memory still hold the reports.
      this.#isSpoolDirty = true;
    }
  }

  /** All is delivered. What came while the disk was busy is spooled by the next tick that cannot deliver it. */
  async #forgetSpool(): Promise<void> {
    this.#isSpoolDirty = this.#refusals.length > 0 || this.#logs.length > 0 || this.#sessions.size > 0;
    this.#disk = this.#disk.then(async () => await removeFile(this.#spoolFile).catch(() => undefined)); // a file that stays is delivered twice at worst, and known by its ids
    await this.#disk;
  }
}

/** What of a status counts as news; counters alone wait for the next regular one. */
function withoutCounters(status: GatewayStatus | string): string {
  if (status === "") return "";
  const parsed = typeof status === "string" ? (JSON.parse(status) as GatewayStatus) : status;
  const { revision, accessVersion, isDraining, listeners, tunnels } = parsed;
  return JSON.stringify([revision, accessVersion, isDraining, listeners, tunnels, parsed.engines.map((engine) => [engine.pid, engine.state]), parsed.servers.map((server) => [server.serverId, server.isReachable, server.detail])]);
}
