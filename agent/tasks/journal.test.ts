import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { TaskJournal } from "./journal.ts";

const day = 86_400;
const now = 1_800_000_000;
let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-journal-"));
});
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

const result = (taskId: string) => ({ taskId, sequence: 3, at: new Date().toISOString(), state: "done" as const, progress: 100, message: "done", output: "long output", isOutputCut: false, exitCode: 0, findings: [] });

it("knows after a restart what was seen, and how far each task came [S4-43]", () => {
  const [seen, begun, over, told, cancel] = Array.from({ length: 5 }, () => randomUUID()) as [string, string, string, string, string];
  const first = new TaskJournal(directory, now);
  for (const id of [seen, begun, over, told]) first.see(id, now + 60, true);
  first.see(cancel, now + 60, false);
  for (const id of [begun, over, told]) first.start(id);
  for (const id of [over, told]) first.end(id, result(id));
  first.told(told);
  for (const journal of [new TaskJournal(directory, now), new TaskJournal(directory, now)]) {
    expect(journal.unfinished()).toEqual([{ kind: "not-started", id: seen }, { kind: "started", id: begun }, { kind: "ended", id: over, result: { ...result(over), at: expect.any(String) as unknown, output: "" } }]);
    expect([seen, begun, over, told, cancel, randomUUID()].map((id) => journal.has(id))).toEqual([true, true, true, true, true, false]);
  }
});

it("takes half a line for what it is: a step that was never acted upon", () => {
  const id = randomUUID();
  new TaskJournal(directory, now).see(id, now + 60, true);
  fs.appendFileSync(path.join(directory, "tasks", "journal"), `{"step":"started","id":"${id}`);
  const journal = new TaskJournal(directory, now);
  expect(journal.unfinished()).toEqual([{ kind: "not-started", id }]);
  journal.start(id);
  expect(new TaskJournal(directory, now).unfinished()).toEqual([{ kind: "started", id }]);
});

it("forgets ids long after their end, but never so that an old command could live again [S4-43]", () => {
  const [old, owed] = [randomUUID(), randomUUID()];
  const first = new TaskJournal(directory, now);
  first.see(old, now, true);
  first.told(old);
  first.see(owed, now - 5, true);
  const later = new TaskJournal(directory, now + 30 * day);
  expect([later.has(old), later.isForgotten(now), later.isForgotten(now + 1)]).toEqual([false, true, false]);
  expect(later.unfinished()).toEqual([{ kind: "not-started", id: owed }]);
  // A clock that is set back changes nothing.
  expect(new TaskJournal(directory, now - day).isForgotten(now)).toBe(true);
});
