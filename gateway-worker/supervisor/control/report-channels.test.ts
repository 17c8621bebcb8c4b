import { mkdtempSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ChannelReport } from "../../../contract/channel.ts";
import type { ControlReport } from "../../../contract/control.ts";
import type { SessionReport } from "../../../contract/reach.ts";
import { Reporter } from "./report.ts";

const id = (last: number): string => `00000000-0000-4000-8000-${String(last).padStart(12, "0")}`;
const at = "2026-11-23T12:00:00.000Z";
const channel = (last: number, changes: Partial<ChannelReport> = {}): ChannelReport => ({ channelId: id(last), agentId: id(500_000 + last), instance: id(9), openedAt: at, source: "192.0.2.1:1", relayPath: [], isListening: false, version: "1", streams: 0, bytesUp: 0, bytesDown: 0, roundTripMs: null, endedAt: null, endReason: null, ...changes });
const session = (last: number, endReason: string | null): SessionReport => ({ sessionId: id(last), agentId: id(9), channelGatewayId: null, source: "192.0.2.1", openedAt: at, endedAt: endReason === null ? null : at, bytesUp: 1, bytesDown: 2, endReason });

let open: ChannelReport[];
let reports: ControlReport[];
let isLosing: boolean;
let stateDir: string;
let reporter: Reporter;
const make = (): Reporter => new Reporter({ stateDir, status: () => null, channels: () => open, sessions: () => [], everyMs: 10 });
const send = async (report: ControlReport): Promise<void> => {
  if (isLosing) throw new Error("the reply was lost");
  reports.push(report);
};
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
};

beforeEach(() => {
  [open, reports, isLosing] = [[], [], false];
  stateDir = mkdtempSync(path.join(os.tmpdir(), "sallyport-report-"));
  reporter = make();
});
afterEach(async () => await reporter.stop());

describe("reports about channels", () => {
  it("name every open one after each hello, in several reports where they are many, and say with the last that this was all", async () => {
    open = Array.from({ length: 4_500 }, (_, index) => channel(index));
    reporter.start(send);
    await until(() => reports.some((report) => report.areChannelsComplete));
    expect(reports.map((report) => [report.channels.length, report.areChannelsComplete])).toEqual([[2_000, false], [2_000, false], [500, true]]);
    reporter.pause();
    open = [];
    reports.length = 0;
    reporter.start(send);
    await until(() => reports.length > 0);
    expect(reports[0]).toMatchObject({ channels: [], areChannelsComplete: true });
  });

  it("are not lost with a reply; the newest word about each is what is said again", async () => {
    isLosing = true;
    reporter.start(send);
    reporter.addChannels([channel(1), channel(2)]);
    await new Promise((resolve) => setTimeout(resolve, 40));
    reporter.addChannels([channel(1, { endedAt: at, endReason: "agent-revoked" })]);
    await new Promise((resolve) => setTimeout(resolve, 40));
    isLosing = false;
    await until(() => reports.length > 0);
    expect(reports[0]?.channels.map((one) => [one.channelId, one.endReason])).toEqual(expect.arrayContaining([[id(1), "agent-revoked"], [id(2), null]]));
    expect(reports[0]?.channels).toHaveLength(2);
    expect(reports[0]?.areChannelsComplete).toBe(true);
  });
});

describe("reports about sessions", () => {
  it("that ended while the console was away outlive the program, those that are open do not", async () => {
    reporter.pause();
    reporter.addSessions([session(1, "both sides were done"), session(2, null)]);
    await reporter.stop();
    reporter = make();
    expect(await reporter.load()).toBeUndefined();
    reporter.start(send);
    await until(() => reports.some((report) => report.sessions.length > 0));
    expect(reports.flatMap((report) => report.sessions).map((one) => [one.sessionId, one.endReason])).toEqual([[id(1), "both sides were done"]]);
  });
});
