/**
 * The agent channels of one engine: which agent has which, newest first; what the supervisor is told of them; and who gives way when two machines
 * show one identity (T22).
 */
import type { ChannelReport } from "../../contract/channel.ts";
import type { Channel } from "./channel.ts";
import { Wakes } from "./wakes.ts";

/** Channels of one agent at once: one, two during a hand-over; more is a fault, and the oldest ends. */
const perAgentMax = 4;
/** Numbers of a channel that moved are reported this often, milliseconds. */
const reportEveryMs = 10_000;
/** The gateway measures the path of an idle channel this often, milliseconds. */
const pingEveryMs = 60_000;
/** Of one report, and of what waits for one: contract/control.ts, engine-messages.ts. */
const perReport = 5_000;

/** A channel that another engine of this gateway holds. */
export type ChannelElsewhere = { agentId: string; instance: string; openedAt: string; source: string };

export class ChannelTable {
  readonly #byAgent = new Map<string, Channel[]>();
  readonly #wakes = new Wakes();
  /** Opened and closed ones that could not be told at once, by id. */
  readonly #waiting = new Map<string, ChannelReport>();
  readonly #tell: (report: ChannelReport) => boolean;
  #size = 0;

  /** `tell` passes a report on at once; false: the supervisor is slow, it goes with the next report. */
  constructor(tell: (report: ChannelReport) => boolean) {
    this.#tell = tell;
  }

  /** Open channels. */
  get size(): number {
    return this.#size;
  }

  /** The agent's channels, newest first. */
  of(agentId: string): readonly Channel[] {
    return this.#byAgent.get(agentId) ?? [];
  }

  /** The agent said hello. An older channel of another run of it is ended: the newest wins (T22). One of the same run may finish its streams. */
  opened(channel: Channel): void {
    const others = this.#byAgent.get(channel.agentId) ?? [];
    this.#byAgent.set(channel.agentId, [channel, ...others]);
    this.#size += 1;
    this.#say(channel);
    channel.ping();
    for (const other of others) if (other.instance !== channel.instance) supersede(other, channel.source);
    for (const excess of others.slice(perAgentMax - 1)) excess.close("too many channels of one agent");
  }

  /** Another engine of this gateway has a new channel of this agent. */
  openedElsewhere(elsewhere: ChannelElsewhere): void {
    for (const channel of [...this.of(elsewhere.agentId)]) {
      if (channel.instance !== elsewhere.instance && channel.openedAtMs <= Date.parse(elsewhere.openedAt)) supersede(channel, elsewhere.source);
    }
  }

  /** Called by the channel, once, when it is over. */
  closed(channel: Channel): void {
    const left = this.of(channel.agentId).filter((other) => other !== channel);
    if (left.length > 0) this.#byAgent.set(channel.agentId, left);
    else this.#byAgent.delete(channel.agentId);
    this.#size -= 1;
    this.#wakes.forget(channel);
    this.#say(channel);
  }

  /** Commands wait for these agents. */
  knock(agentIds: readonly string[]): void {
    for (const agentId of agentIds) {
      const channel = this.of(agentId).find((candidate) => candidate.takesStreams);
      if (channel) this.#wakes.add(channel);
    }
  }

  /** The gateway ends: every agent is told to open its next channel. */
  drain(): void {
    for (const channel of this.#all()) channel.drain();
  }

  /** What moved since it was last said. `nowMs` on the wheel's clock. */
  takeReports(nowMs: number): ChannelReport[] {
    const reports = [...this.#waiting.values()].slice(0, perReport);
    for (const { channelId } of reports) this.#waiting.delete(channelId);
    for (const channel of this.#all()) {
      if (nowMs - channel.pingedAtMs >= pingEveryMs) channel.ping();
      if (reports.length >= perReport || nowMs - channel.reportedAtMs < reportEveryMs) continue;
      const mark = markOf(channel);
      if (mark === channel.reportedMark) continue;
      this.#mark(channel, nowMs, mark);
      reports.push(channel.report());
    }
    return reports;
  }

  *#all(): Iterable<Channel> {
    for (const channels of this.#byAgent.values()) yield* channels;
  }

  #say(channel: Channel): void {
    const report = channel.report();
    if (this.#waiting.has(channel.id) || !this.#tell(report)) this.#waiting.set(channel.id, report);
    this.#mark(channel, performance.now(), markOf(channel));
  }

  #mark(channel: Channel, nowMs: number, mark: string): void {
    channel.reportedAtMs = nowMs;
    channel.reportedMark = mark;
  }
}

/** Changes whenever there is something to report; the path only when it became noticeably slower or faster. */
function markOf(channel: Channel): string {
  const { up, down } = channel.bytes;
  const path = channel.roundTripMs === null ? "" : Math.round(Math.log2(1 + channel.roundTripMs));
  return `${channel.streams} ${up} ${down} ${path}`;
}

function supersede(channel: Channel, newSource: string): void {
  channel.record("channel-superseded", `a machine at ${newSource} opened a channel with the same identity; the channel of the one at ${channel.source} was ended`);
  channel.close("channel-superseded");
}
