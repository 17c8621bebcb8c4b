/** What a gateway keeps on its disk and in its queues: bounded, whole or named as damaged, delivered once. */
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { AccessEntry, AccessPage } from "../../contract/access.ts";
import type { ControlReport, Refusal } from "../../contract/control.ts";
import { AccessTable } from "../../gateway-worker/supervisor/control/access.ts";
import { Reporter } from "../../gateway-worker/supervisor/control/report.ts";
import { until } from "../support/sockets.ts";

const organisationId = randomUUID();
const root = mkdtempSync(path.join(os.tmpdir(), "sallyport-state-"));
let dir: string;
beforeEach(() => { dir = mkdtempSync(path.join(root, "s-")); });
afterAll(() => rmSync(root, { recursive: true, force: true }));

function entry(version: number, id: string = randomUUID(), status: AccessEntry["status"] = "active"): AccessEntry {
  return { version, kind: "agent", id, status, fingerprints: status === "removed" ? [] : ["ab".repeat(32)], groupIds: [], expiresAt: null };
}

function page(from: number, count: number, complete: boolean): AccessPage {
  return { version: from + count - 1, entries: Array.from({ length: count }, (_, index) => entry(from + index)), complete };
}

/** Changes of the same hundred agents over and over: the journal outgrows the table and is folded into the base at 25,000 and at 50,000. */
async function busyTable(): Promise<AccessTable> {
  const table = new AccessTable(dir, organisationId);
  const ids = Array.from({ length: 100 }, () => randomUUID());
  for (let from = 1; from <= 50_001; from += 5_000) {
    await table.take({ version: from + 4_999, entries: Array.from({ length: 5_000 }, (_, index) => entry(from + index, ids[index % 100])), complete: true });
  }
  await table.close();
  return table;
}

async function reloaded(): Promise<{ table: AccessTable; problems: string[] }> {
  const table = new AccessTable(dir, organisationId);
  return { table, problems: await table.load() };
}

const contents = (table: AccessTable): string => JSON.stringify([...table.pages()].flatMap((one) => one.entries).toSorted((a, b) => a.version - b.version));

describe("the access table", () => {
  it("is the same after a restart, whatever was folded into the base and whatever not [N12]", async () => {
    const table = new AccessTable(dir, organisationId);
    for (let from = 1; from <= 45_001; from += 5_000) await table.take(page(from, 5_000, from === 45_001));
    const known = [...table.pages()][0]?.entries[0];
    await table.take({ version: 50_001, entries: [entry(50_001, known?.id, "revoked")], complete: true });
    await table.take({ version: 50_002, entries: [entry(50_002, [...table.pages()][1]?.entries[0]?.id, "removed")], complete: true });
    await table.close();
    const again = await reloaded();
    expect(again.problems).toEqual([]);
    expect({ version: again.table.version, isComplete: again.table.isComplete, size: again.table.size }).toEqual({ version: 50_002, isComplete: true, size: 49_999 });
    expect(contents(again.table)).toBe(contents(table));
    expect(statSync(path.join(dir, "access.journal")).mode & 0o777).toBe(0o600);
  });

  it("names a damaged base and is whole again from the copy before it and its journals [T36] [T38]", async () => {
    const table = await busyTable();
    const file = path.join(dir, "access.base");
    writeFileSync(file, readFileSync(file, "utf8").replace("active", "broken"));
    const again = await reloaded();
    expect(again.problems.join()).toMatch(/access\.base is damaged/);
    expect(again.table).toMatchObject({ version: 55_000, isComplete: true, size: 100 });
    expect(contents(again.table)).toBe(contents(table));
    expect((await reloaded()).problems).toEqual([]);
  });

  it("starts anew rather than serving a journal without its base [T38]", async () => {
    await busyTable();
    for (const name of ["access.base", "access.base.previous", "access.journal.previous"]) rmSync(path.join(dir, name), { force: true });
    const again = await reloaded();
    expect(again.problems.join()).toMatch(/does not continue the stored table/);
    expect(again.table).toMatchObject({ version: 0, isComplete: false, size: 0 });
  });

  it("ignores a page that it has already, and counts nothing twice", async () => {
    const table = new AccessTable(dir, organisationId);
    const [first, second] = [page(1, 3, true), page(4, 2, true)];
    await table.take(first);
    await table.take(second);
    await table.take(first);
    expect(table).toMatchObject({ version: 5, size: 5 });
    await table.close();
  });
});

function refusal(): Refusal {
  return { id: randomUUID(), at: new Date().toISOString(), code: "certificate-missing", detail: "no certificate", connectionId: randomUUID(), source: "192.0.2.1", listenerId: null, serverName: null, target: null, agentId: null, certificate: null, count: 1 };
}

describe("reports", () => {
  it("keep 5,000 refusals while the console is away, count the rest, survive a restart and are delivered once, 500 at a time [T38]", async () => {
    const away = new Reporter({ stateDir: dir, status: () => null, everyMs: 20 });
    away.pause();
    away.addRefusals(Array.from({ length: 6_000 }, refusal), 7);
    await away.stop();
    const back = new Reporter({ stateDir: dir, status: () => null, everyMs: 20 });
    expect(await back.load()).toBeUndefined();
    const reports: ControlReport[] = [];
    let failures = 1;
    back.start(async (report) => {
      if (failures-- > 0) throw new Error("the reply was lost");
      reports.push(report);
    });
    await until(() => reports.reduce((sum, report) => sum + report.refusals.length, 0) === 5_000, "all are delivered");
    await until(() => !existsSync(path.join(dir, "spool.json")), "the spool is gone");
    await back.stop();
    const ids = reports.flatMap((report) => report.refusals.map((one) => one.id));
    expect(new Set(ids).size).toBe(5_000);
    expect(Math.max(...reports.map((report) => report.refusals.length))).toBe(500);
    expect(reports.reduce((sum, report) => sum + report.refusalsDropped, 0)).toBe(1_007);
  });

  it("are on disk while a console that hangs has not confirmed them, and gone when it has [T38]", async () => {
    const file = path.join(dir, "spool.json");
    const onTheWay = refusal();
    const waiting = refusal();
    const confirmations: (() => void)[] = [];
    const reporter = new Reporter({ stateDir: dir, status: () => null, everyMs: 20 });
    reporter.start(async () => await new Promise<void>((resolve) => confirmations.push(resolve)));
    reporter.addRefusals([onTheWay], 3);
    await until(() => confirmations.length === 1, "the first report is on its way");
    reporter.addRefusals([waiting], 0);
    await until(() => existsSync(file) && readFileSync(file, "utf8").includes(waiting.id), "what waits is on disk");
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ refusals: [{ id: onTheWay.id }, { id: waiting.id }], refusalsDropped: 3 });
    confirmations.shift()?.();
    await until(() => confirmations.length === 1, "the second report is on its way");
    confirmations.shift()?.();
    await until(() => !existsSync(file), "the spool is gone");
    await reporter.stop();
    expect(existsSync(file)).toBe(false);
  });

  it("go out at most once a second, and at once for a refusal after a quiet second", async () => {
    const reporter = new Reporter({ stateDir: dir, status: () => null });
    const sentAt: number[] = [];
    reporter.start(async () => { sentAt.push(performance.now()); });
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const refusedAt = performance.now();
    reporter.addRefusals([refusal()], 0);
    await until(() => sentAt.length === 1, "the first goes out");
    expect((sentAt[0] ?? 0) - refusedAt).toBeLessThan(300);
    for (let index = 0; index < 20; index += 1) {
      reporter.addRefusals([refusal()], 0);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await until(() => sentAt.length === 2, "the others go together");
    expect((sentAt[1] ?? 0) - (sentAt[0] ?? 0)).toBeGreaterThan(500);
    await reporter.stop();
  });
});
