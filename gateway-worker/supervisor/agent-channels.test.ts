import { describe, expect, it } from "vitest";
import type { ChannelReport } from "../../contract/channel.ts";
import { AgentChannels } from "./agent-channels.ts";

const id = (last: number): string => `00000000-0000-4000-8000-${String(last).padStart(12, "0")}`;
const channel = (last: number, agent: number, second: number, endReason: string | null = null): ChannelReport => ({
  channelId: id(last), agentId: id(agent), instance: id(7), openedAt: `2026-11-23T12:00:0${second}.000Z`, source: "192.0.2.1:1", relayPath: [], isListening: false, version: "1", streams: 0, bytesUp: 0, bytesDown: 0, roundTripMs: null,
  endedAt: endReason === null ? null : "2026-11-23T12:01:00.000Z", endReason,
});

describe("the channels of a gateway", () => {
  it("lead to the engine with the newest one, and to the older one again when that ends", () => {
    const channels = new AgentChannels();
    channels.take(0, [channel(1, 100, 1)]);
    channels.take(1, [channel(2, 100, 2)]);
    expect(channels.of(id(100))).toEqual({ engine: 1, channelId: id(2) });
    channels.take(1, [channel(2, 100, 2, "drained")]);
    expect(channels.of(id(100))).toEqual({ engine: 0, channelId: id(1) });
    expect(channels.whyEnded(id(100))).toBe("drained");
    expect(channels.size).toBe(1);
  });

  it("are lost at once with their engine, and only those", () => {
    const channels = new AgentChannels();
    channels.take(0, [channel(1, 100, 1), channel(2, 101, 1)]);
    channels.take(1, [channel(3, 102, 1)]);
    expect(channels.engineGone(0, new Date()).map((report) => [report.channelId, report.endReason])).toEqual([[id(1), "engine died"], [id(2), "engine died"]]);
    expect([channels.of(id(100)), channels.of(id(101)), channels.of(id(102))?.engine]).toEqual([undefined, undefined, 1]);
    expect(channels.open()).toHaveLength(1);
  });

  it("belong to the engine that named them first", () => {
    const channels = new AgentChannels();
    channels.take(0, [channel(1, 100, 1)]);
    expect(channels.take(1, [channel(1, 100, 1, "gone")])).toEqual([]);
    expect(channels.of(id(100))?.engine).toBe(0);
  });
});
