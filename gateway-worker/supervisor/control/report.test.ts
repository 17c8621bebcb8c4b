import { mkdtempSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ControlReport } from "../../../contract/control.ts";
import type { MemberHealth } from "../../../contract/health-check.ts";
import type { ServiceLoad } from "../../../contract/virtual-service.ts";
import { Reporter } from "./report.ts";

const id = (last: number): string => `00000000-0000-4000-8000-00000000000${last}`;
const health = (last: number, state: MemberHealth["state"], cause: string = state): MemberHealth => ({ poolId: id(9), memberId: id(last), state, cause, since: "2026-01-01T00:00:00.000Z", checkedAt: null, tookMs: null, certificate: null });
const load = (opened: number): ServiceLoad => ({ serviceId: id(8), connections: 0, opened, refused: 0, requests: 0, responses: [0, 0, 0, 0, 0], bytesUp: 0, bytesDown: 0, members: [] });

let members: MemberHealth[];
let services: ServiceLoad[];
let reports: ControlReport[];
/** Set: the next report is lost, and this happens meanwhile. */
let onLoss: (() => void) | undefined;
let reporter: Reporter;
const send = async (report: ControlReport): Promise<void> => {
  if (onLoss) {
    onLoss();
    onLoss = undefined;
    throw new Error("the reply was lost");
  }
  reports.push(report);
};
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};
const told = (): string[][] => reports.map((report) => report.health.map((one) => `${one.memberId.slice(-1)} ${one.cause}`)).filter((list) => list.length > 0);

beforeEach(() => {
  [members, services, reports, onLoss] = [[health(1, "up"), health(2, "up")], [load(1)], [], undefined];
  reporter = new Reporter({ stateDir: mkdtempSync(path.join(os.tmpdir(), "sallyport-report-")), status: () => null, health: () => members, services: () => services, everyMs: 20 });
});
afterEach(async () => await reporter.stop());

describe("reports about services", () => {
  it("say everything to a console that was just reached, then only what changed [S3-18]", async () => {
    reporter.start(send);
    await until(() => told().length === 1);
    members = [health(1, "up"), health(2, "down")];
    services = [load(2)];
    reporter.healthChanged();
    await until(() => told().length === 2);
    expect(told()).toEqual([["1 up", "2 up"], ["2 down"]]);
    await until(() => reports.flatMap((report) => report.services).length === 2);
    reporter.pause();
    reporter.start(send);
    await until(() => told().length === 3);
    expect(told()[2]).toEqual(["1 up", "2 down"]);
  });

  it("say again what was not confirmed, the newest only", async () => {
    reporter.start(send);
    await until(() => told().length === 1);
    onLoss = () => { members = [health(1, "up"), health(2, "down", "no answer")]; };
    members = [health(1, "up"), health(2, "down", "refused")];
    reporter.healthChanged();
    await until(() => told().length === 2);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(told().slice(1)).toEqual([["2 no answer"]]);
  });
});
