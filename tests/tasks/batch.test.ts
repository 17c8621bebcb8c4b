/** Batches over hundreds of agents: how many at once, when they stop, what a restart of the console or a second one changes (nothing). */
import "../support/with-database.ts";
import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";
import { makeOrganisation, type Organisation } from "../console/support/console.ts";
import { db } from "../../server/db.ts";
import type { Caller } from "../../server/services/caller.ts";
import { sealKey } from "../../server/services/seal.ts";
import { commandsFor } from "../../server/services/task/commands.ts";
import { recordRejections } from "../../server/services/task/rejections.ts";
import { endTask } from "../../server/services/task/end.ts";
import { lockBatch } from "../../server/services/task-batch/lock.ts";
import { settleBatch } from "../../server/services/task-batch/settle.ts";
import { writeInOrganisation } from "../../server/services/object/write.ts";
import { runTaskRound } from "../../server/services/task-batch/advance.ts";
import { cancelTaskBatch } from "../../server/services/task-batch/cancel.ts";
import { createTaskBatch } from "../../server/services/task-batch/create.ts";
import { getTaskBatch } from "../../server/services/task-batch/get.ts";
import { commandsWaiting } from "../../server/services/task/waiting.ts";

let own: Organisation;
let operator: Caller;
let keys: { kid: string };

beforeAll(async () => {
  own = await makeOrganisation("Own");
  operator = own.callerAs("operator");
  const { x, y } = await exportJWK((await generateKeyPair("ECDH-ES+A256KW", { crv: "P-256" })).publicKey);
  const key = { kty: "EC", crv: "P-256", x: x ?? "", y: y ?? "" };
  keys = { ...key, kid: await calculateJwkThumbprint(key) };
});

/** A group of agents that have delivered their keys. */
async function fleet(count: number): Promise<{ groupId: string; agentIds: string[] }> {
  const name = `Fleet ${randomUUID()}`;
  const { id: groupId } = await db().agentGroup.create({ data: { organisationId: own.id, name, nameKey: name, kind: "static" } });
  const sealedToken = sealKey(Buffer.alloc(32, 7).toString("base64url"), "agent-token");
  const agentIds = Array.from({ length: count }, () => randomUUID());
  await db().agent.createMany({ data: agentIds.map((id, index) => ({ id, organisationId: own.id, hostname: `pc-${String(index).padStart(4, "0")}`, platform: "linux", addresses: [], enrolledAt: new Date(), encryptionKey: keys, sealedToken })) });
  await db().agentGroupMember.createMany({ data: agentIds.map((agentId) => ({ agentId, groupId })) });
  return { groupId, agentIds };
}

const start = (groupId: string, extra: { concurrency?: number; haltAtFailurePercent?: number } = {}) => createTaskBatch(operator, { name: "Batch", groupIds: [groupId], agentIds: [], order: { kind: "collect-inventory" }, expiresInMinutes: 60, concurrency: 20, haltAtFailurePercent: 20, ...extra });
const agentCaller = (id: string): Caller => ({ ...own.callerAs("auditor"), actor: { kind: "agent", id, name: "pc" } });
const fetchAs = async (agentId: string) => (await commandsFor(agentCaller(agentId), agentId)).commands.length;

/** What a result of the agent does in the end, without its seals: those are shown in results.test.ts. */
async function finish(batchId: string, agentId: string, state: "done" | "failed"): Promise<void> {
  const caller = agentCaller(agentId);
  const task = await db().task.findFirstOrThrow({ where: { batchId, agentId }, select: { id: true, agentId: true, state: true } });
  await writeInOrganisation(caller, async (tx) => {
    await lockBatch(tx, batchId);
    await endTask(tx, caller, { ...task, agentName: "pc" }, { state, message: state, action: "task.end" });
    await settleBatch(tx, caller, batchId);
  });
}

describe("a batch", () => {
  it("over 500 agents gives out no more than its number at once, whoever asks, and comes to its end", { timeout: 180_000 }, async () => {
    const { groupId } = await fleet(500);
    const { id } = await start(groupId, { concurrency: 60 });
    let rounds = 0;
    for (let left = 500; left > 0; rounds += 1) {
      const waiting = (await db().task.findMany({ where: { batchId: id, state: "waiting" }, select: { agentId: true }, orderBy: { id: "asc" }, take: 75 })).map((task) => task.agentId);
      // More of them than there is room for, many at once, as after a wake-up that everybody heard.
      let given = 0;
      for (let at = 0; at < waiting.length; at += 25) given += (await Promise.all(waiting.slice(at, at + 25).map(fetchAs))).filter((count) => count > 0).length;
      expect([given, await db().task.count({ where: { batchId: id, state: "sent" } })]).toEqual([Math.min(60, left), Math.min(60, left)]);
      await db().task.updateMany({ where: { batchId: id, state: "sent" }, data: { state: "done", endedAt: new Date() } });
      left -= given;
    }
    expect(rounds).toBe(Math.ceil(500 / 60));
    await runTaskRound(db()); // as if the console had ended before it looked
    expect(await getTaskBatch(operator, { id })).toMatchObject({ state: "done", total: 500, counts: { done: 500, waiting: 0 }, haltReason: null });
  });

  it("stops giving out when too many have failed, says why, and leaves the rest undone", async () => {
    const { groupId, agentIds } = await fleet(30);
    const { id } = await start(groupId, { concurrency: 10, haltAtFailurePercent: 40 });
    await Promise.all(agentIds.slice(0, 10).map(fetchAs));
    const taken = (await db().task.findMany({ where: { batchId: id, state: "sent" }, select: { agentId: true } })).map((task) => task.agentId);
    for (const [index, agentId] of taken.slice(0, 4).entries()) await finish(id, agentId, index < 2 ? "failed" : "done");
    expect((await getTaskBatch(operator, { id })).state).toBe("running"); // two of four: too few to judge
    const task = await db().task.findFirstOrThrow({ where: { batchId: id, agentId: taken[4] ?? "" } });
    await recordRejections(agentCaller(taken[4] ?? ""), taken[4] ?? "", [{ commandId: task.id, code: "command-denied", detail: "no", at: new Date().toISOString() }]);
    expect(await getTaskBatch(operator, { id })).toMatchObject({ state: "halted", counts: { failed: 2, rejected: 1, done: 2, cancelled: 20, sent: 5 }, haltReason: expect.stringMatching(/^60 %.*40 %/) as unknown });
    for (const agentId of taken.slice(5)) await finish(id, agentId, "done");
    expect(await getTaskBatch(operator, { id })).toMatchObject({ state: "halted", counts: { sent: 0 }, endedAt: expect.any(String) as unknown });
    expect(await db().auditEvent.count({ where: { organisationId: own.id, action: "task-batch.halt", targetId: id } })).toBe(1);
  });

  it("is cancelled with all that it has, and wakes nobody any more", async () => {
    const { groupId, agentIds } = await fleet(6);
    const { id } = await start(groupId, { concurrency: 2 });
    await Promise.all(agentIds.map(fetchAs));
    await cancelTaskBatch(operator, { id });
    expect((await getTaskBatch(operator, { id })).counts).toMatchObject({ cancelled: 4, sent: 2 });
    const taken = await db().task.findMany({ where: { batchId: id, state: "sent" }, select: { agentId: true, cancelWantedAt: true } });
    expect(taken.every((task) => task.cancelWantedAt !== null)).toBe(true);
    // Each of the two gets its cancellation, and gets it once.
    expect(await Promise.all(taken.map(({ agentId }) => fetchAs(agentId)))).toEqual([1, 1]);
    expect(await Promise.all(taken.map(({ agentId }) => fetchAs(agentId)))).toEqual([0, 0]);
    await expect(cancelTaskBatch(operator, { id })).rejects.toMatchObject({ code: "in-use" });
  });

  it("goes on after a restart of the console and with several consoles, and does not expire what only waits for its turn", async () => {
    const { groupId, agentIds } = await fleet(4);
    const { id } = await start(groupId, { concurrency: 1 });
    const [first = "", second = ""] = agentIds;
    expect(await fetchAs(first)).toBe(1);
    const waits = (agentId: string) => db().$transaction((tx) => commandsWaiting(tx, agentId, new Date()));
    expect([await waits(second), await fetchAs(second)]).toEqual([0, 0]);
    await db().task.updateMany({ where: { batchId: id, agentId: second }, data: { expiresAt: new Date(Date.now() - 1_000) } });
    await Promise.all([runTaskRound(db()), runTaskRound(db()), runTaskRound(db())]);
    expect((await getTaskBatch(operator, { id })).counts).toMatchObject({ sent: 1, waiting: 3, expired: 0 });
    await finish(id, first, "done");
    expect([await waits(second), await fetchAs(second)]).toEqual([1, 1]);
    await finish(id, second, "done");
    // Nobody takes the others: they expire, and that is no failure.
    await Promise.all([runTaskRound(db(), new Date(Date.now() + 3_700_000)), runTaskRound(db(), new Date(Date.now() + 3_700_000))]);
    expect(await getTaskBatch(operator, { id })).toMatchObject({ state: "done", counts: { done: 2, expired: 2 } });
  });

  it("over nobody, or over another organisation's group, is refused [T33]", async () => {
    const empty = await db().agentGroup.create({ data: { organisationId: own.id, name: "Empty", nameKey: "empty", kind: "static" } });
    await expect(start(empty.id)).rejects.toMatchObject({ code: "input-invalid" });
    await expect(start(randomUUID())).rejects.toMatchObject({ code: "not-found" });
  });
});
