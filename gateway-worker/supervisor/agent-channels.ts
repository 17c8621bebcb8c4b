/**
 * Which engine holds which agent's channel, from what the engines say at once and again in their reports. When an engine dies it cannot say that its channels
 * ended, so the supervisor does.
 */
import type { ChannelReport } from "../../contract/channel.ts";

/** Channels remembered per engine; beyond it an agent is found through nobody. */
const perEngineMax = 50_000;
/** Ends remembered, to tell a session why it ended. */
const endsMax = 2_000;

type Held = { engine: number; report: ChannelReport };

export class AgentChannels {
  readonly #channels = new Map<string, Held>();
  readonly #byAgent = new Map<string, Set<string>>();
  readonly #ends = new Map<string, string>();
  readonly #countOf = new Map<number, number>();

  /** Open channels. */
  get size(): number {
    return this.#channels.size;
  }

  /** Takes reports in; returns those that say something new, for the console. */
  take(engine: number, reports: readonly ChannelReport[]): ChannelReport[] {
    return reports.filter((report) => (report.endedAt === null ? this.#opened(engine, report) : this.#ended(engine, report)));
  }

  /** The engine that holds this agent's newest channel, and the channel; undefined when there is none. */
  of(agentId: string): { engine: number; channelId: string } | undefined {
    let newest: Held | undefined;
    for (const channelId of this.#byAgent.get(agentId) ?? []) {
      const held = this.#channels.get(channelId);
      if (held && (!newest || Date.parse(held.report.openedAt) >= Date.parse(newest.report.openedAt))) newest = held;
    }
    return newest && { engine: newest.engine, channelId: newest.report.channelId };
  }

  knows(channelId: string): boolean {
    return this.#channels.has(channelId);
  }

  /** Why this agent's last channel here ended; undefined while nobody knows. */
  whyEnded(agentId: string): string | undefined {
    return this.#ends.get(agentId);
  }

  /** Every open channel as last reported. */
  open(): ChannelReport[] {
    return [...this.#channels.values()].map(({ report }) => report);
  }

  /** The engine is gone: its channels, each as ended. */
  engineGone(engine: number, now: Date): ChannelReport[] {
    const ended = [...this.#channels.values()].filter((held) => held.engine === engine).map(({ report }) => ({ ...report, streams: 0, endedAt: now.toISOString(), endReason: "engine died" }));
    for (const report of ended) this.#ended(engine, report);
    return ended;
  }

  #opened(engine: number, report: ChannelReport): boolean {
    const known = this.#channels.get(report.channelId);
    if (known && known.engine !== engine) return false; // ids are random: an engine that names another's channel is wrong
    if (!known) {
      const count = this.#countOf.get(engine) ?? 0;
      if (count >= perEngineMax) return false;
      this.#countOf.set(engine, count + 1);
      const ids = this.#byAgent.get(report.agentId) ?? new Set<string>();
      this.#byAgent.set(report.agentId, ids.add(report.channelId));
    }
    this.#channels.set(report.channelId, { engine, report });
    return true;
  }

  #ended(engine: number, report: ChannelReport): boolean {
    const known = this.#channels.get(report.channelId);
    if (known && known.engine !== engine) return false;
    if (known) {
      this.#channels.delete(report.channelId);
      this.#countOf.set(engine, (this.#countOf.get(engine) ?? 1) - 1);
      const ids = this.#byAgent.get(known.report.agentId);
      ids?.delete(report.channelId);
      if (ids?.size === 0) this.#byAgent.delete(known.report.agentId);
    }
    this.#ends.delete(report.agentId);
    this.#ends.set(report.agentId, report.endReason ?? "closed");
    // Maps iterate in the order of insertion: the oldest goes.
    if (this.#ends.size > endsMax) for (const oldest of this.#ends.keys()) { this.#ends.delete(oldest); break; }
    return true;
  }
}
