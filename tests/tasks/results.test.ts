/** What agents send up: keys, results, refusals. Forged, diverted or repeated, it changes nothing; and nobody learns from it what is sealed. */
import "../support/with-database.ts";
import { createPrivateKey, generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { CompactEncrypt, CompactSign, exportJWK, calculateJwkThumbprint, importJWK } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { keysType, type PublicJwk, resultType, type TaskResult } from "../../contract/command.ts";
import { formatIdentity } from "../../contract/names.ts";
import { makeAgent, makeOrganisation, type Organisation } from "../console/support/console.ts";
import { db } from "../../server/db.ts";
import { storeAgentKeys } from "../../server/services/agent/keys.ts";
import { recordStatus } from "../../server/services/agent/record-status.ts";
import { createApiKey } from "../../server/services/api-key/create.ts";
import { revokeApiKey } from "../../server/services/api-key/revoke.ts";
import type { Caller } from "../../server/services/caller.ts";
import { issueWithKey } from "../../server/services/certificate/issue.ts";
import { consoleKeysOf } from "../../server/services/console-key/keys.ts";
import { signForOrganisation } from "../../server/services/console-key/sign.ts";
import { cancelTask } from "../../server/services/task/cancel.ts";
import { commandsFor } from "../../server/services/task/commands.ts";
import { createTask } from "../../server/services/task/create.ts";
import { getTask } from "../../server/services/task/get.ts";
import { recordRejections } from "../../server/services/task/rejections.ts";
import { recordResults } from "../../server/services/task/results.ts";
import { runTaskRound } from "../../server/services/task-batch/advance.ts";
import { order } from "./support/bench.ts";
import { altered, encode, flip } from "./support/forge.ts";

type Machine = { id: string; caller: Caller; keyPem: string; encryption: PublicJwk; token: string };

let own: Organisation;
let foreign: Organisation;
let operator: Caller;
let consoleKey: PublicJwk;
let first: Machine;
let second: Machine;

beforeAll(async () => {
  [own, foreign] = [await makeOrganisation("Own"), await makeOrganisation("Foreign")];
  operator = own.callerAs("operator");
  consoleKey = await sealingKey(own.id);
  [first, second] = [await machine(own), await machine(own)];
});

async function sealingKey(organisationId: string): Promise<PublicJwk> {
  const [key] = (await consoleKeysOf(db(), organisationId)).encryption;
  if (!key) throw new Error("no sealing key");
  return key;
}

/** An agent with a certificate and delivered keys, as far as the console can tell. */
async function machine(organisation: Organisation): Promise<Machine> {
  const id = await makeAgent(organisation);
  await db().certificate.updateMany({ where: { agentId: id }, data: { isCurrent: false } }); // its certificate is no real one
  const caller: Caller = { ...organisation.callerAs("auditor"), actor: { kind: "agent", id, name: "machine" } };
  const { keyPem } = await db().$transaction((tx) => issueWithKey(tx, caller, { purpose: "agent", identity: formatIdentity({ trustDomain: "sallyport.internal", organisationId: organisation.id, kind: "agent", id }), agentId: id }));
  const encryption = await newKey();
  const made = { id, caller, keyPem, encryption, token: randomBytes(32).toString("base64url") };
  await storeAgentKeys(caller, id, await delivery(made));
  return made;
}

async function newKey(): Promise<PublicJwk> {
  const { x, y } = await exportJWK(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey);
  const key = { kty: "EC" as const, crv: "P-256" as const, x: x ?? "", y: y ?? "" };
  return { ...key, kid: await calculateJwkThumbprint(key) };
}

async function seal(text: string, header: Record<string, string> = {}, key: PublicJwk = consoleKey): Promise<string> {
  return new CompactEncrypt(new TextEncoder().encode(text)).setProtectedHeader({ alg: "ECDH-ES+A256KW", enc: "A256GCM", kid: key.kid, ...header }).encrypt(await importJWK(key, "ECDH-ES+A256KW"));
}

async function delivery(from: Pick<Machine, "id" | "encryption" | "token">, key: PublicJwk = consoleKey): Promise<string> {
  return seal(JSON.stringify({ agentId: from.id, encryption: from.encryption, token: from.token, createdAt: new Date().toISOString() }), { typ: keysType }, key);
}

function result(taskId: string, extra: Partial<TaskResult> = {}): TaskResult {
  return { taskId, sequence: 1, at: new Date().toISOString(), state: "running", progress: 10, message: "Runs.", output: "", isOutputCut: false, exitCode: null, findings: [], ...extra };
}

async function signedBy(keyPem: string, content: object, type = resultType): Promise<string> {
  return new CompactSign(new TextEncoder().encode(JSON.stringify(content))).setProtectedHeader({ alg: "ES256", typ: type }).sign(createPrivateKey(keyPem));
}

/** A task that the machine has fetched. */
async function taken(by: Machine): Promise<string> {
  const id = await order(operator, by.id, { kind: "diagnose" });
  expect((await commandsFor(by.caller, by.id)).commands).toHaveLength(1);
  return id;
}

const refused = { code: "command-invalid" };

describe("results", () => {
  it("count only when this agent signed them for its own task, and are audited when not [S4-43] [T21] [T22]", async () => {
    const id = await taken(first);
    const forged = result(id, { state: "done", message: "forged" });
    const strange = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const genuine = await signedBy(first.keyPem, forged);
    const attacks: [by: Machine, sealed: string][] = [
      [second, await seal(await signedBy(second.keyPem, forged))], // another agent, for this one's task
      [second, await seal(genuine)], // this agent's own words over another's connection
      [first, await seal(await signedBy(second.keyPem, forged))],
      [first, await seal(await signedBy(strange, forged))],
      [first, await seal(JSON.stringify(forged))],
      [first, await seal(`${encode({ alg: "none", typ: resultType })}.${encode(forged)}.`)],
      [first, await seal(await signedBy(first.keyPem, forged, "sallyport-other+jwt"))],
      [first, await seal(await signForOrganisation(db(), own.id, { type: resultType, claims: forged }))], // the console's own key
      [first, await seal(altered(genuine, 1, () => encode({ ...forged, message: "altered" })))],
      [first, altered(await seal(genuine), 3, flip)],
      [first, await seal(genuine, {}, await sealingKey(foreign.id))],
      [first, genuine], // signed, not sealed
      [first, await seal(await signedBy(first.keyPem, { ...forged, extra: 1 }))],
      [first, await seal(await signedBy(first.keyPem, result(randomUUID(), { state: "done" })))],
    ];
    const before = await db().auditEvent.count({ where: { organisationId: own.id, action: "task.result-refused" } });
    for (const [by, sealed] of attacks) await expect(recordResults(by.caller, by.id, [sealed])).rejects.toMatchObject(refused);
    expect(await getTask(operator, { id })).toMatchObject({ state: "sent", message: "" });
    expect(await db().auditEvent.count({ where: { organisationId: own.id, action: "task.result-refused" } })).toBe(before + attacks.length);
    await recordResults(first.caller, first.id, [await seal(genuine)]);
    expect(await getTask(operator, { id })).toMatchObject({ state: "done", message: "forged" });
  });

  it("count once and in their order, however often they come, and change nothing after the end", async () => {
    const id = await taken(first);
    const part = async (sequence: number, output: string, state: TaskResult["state"] = "running") => seal(await signedBy(first.keyPem, result(id, { sequence, output, state, message: `part ${sequence}` })));
    const one = await part(1, "one ");
    await recordResults(first.caller, first.id, [one, one, await part(2, "two "), await part(2, "twice "), one]);
    expect(await getTask(operator, { id })).toMatchObject({ state: "running", output: "one two ", message: "part 2" });
    await recordResults(first.caller, first.id, [await part(3, "three", "done"), await part(4, "four", "failed"), one]);
    expect(await getTask(operator, { id })).toMatchObject({ state: "done", output: "one two three", message: "part 3" });
  });

  it("take in the good ones of an upload whose others are refused, keep odd text whole, and cut output at the limit", async () => {
    const id = await taken(first);
    const good = await seal(await signedBy(first.keyPem, result(id, { output: "nul \u0000 half \ud83d " })));
    await expect(recordResults(first.caller, first.id, ["garbage", good])).rejects.toMatchObject(refused);
    expect((await getTask(operator, { id })).output).toBe("nul \ufffd half \ufffd ");
    await db().task.update({ where: { id }, data: { order: { kind: "run-script", script: "true", user: "agent", timeoutSeconds: 10, outputMaxBytes: 1_000 } } });
    await recordResults(first.caller, first.id, [await seal(await signedBy(first.keyPem, result(id, { sequence: 2, output: "x".repeat(5_000), state: "done" })))]);
    const task = await getTask(operator, { id });
    expect([task.output.length, task.isOutputCut, task.state]).toEqual([1_000, true, "done"]);
  });
});

describe("refusals", () => {
  it("end a task with their code, are audited with it, and touch no other agent's task [S4-33] [S4-43]", async () => {
    const id = await taken(first);
    const at = new Date().toISOString();
    await recordRejections(second.caller, second.id, [{ commandId: id, code: "command-signature", detail: "not mine", at }]);
    expect(await getTask(operator, { id })).toMatchObject({ state: "sent" });
    await recordRejections(first.caller, first.id, [{ commandId: id, code: "command-replayed", detail: "again", at }, { commandId: null, code: "command-unreadable", detail: "noise", at }]);
    expect(await getTask(operator, { id })).toMatchObject({ state: "sent" });
    await recordRejections(first.caller, first.id, [{ commandId: id, code: "command-signature", detail: "not the console's", at }]);
    const task = await getTask(operator, { id });
    expect(task).toMatchObject({ state: "rejected", rejection: { code: "command-signature", detail: "not the console's" } });
    expect(task.rejection?.cure).toMatch(/find out who sent it/);
    const audited = await db().auditEvent.findMany({ where: { organisationId: own.id, action: "task.rejected" }, orderBy: { id: "asc" } });
    expect(audited.map((event) => [event.targetKind, JSON.stringify(event.changes).match(/command-[a-z]+/)?.[0]])).toEqual([["agent", "command-signature"], ["agent", "command-replayed"], ["agent", "command-unreadable"], ["task", "command-signature"]]);
  });
});

describe("keys", () => {
  it("are taken only from the agent whose they are, whole and sealed to this organisation [S4-32] [S4-35]", async () => {
    const fresh = { id: first.id, encryption: await newKey(), token: randomBytes(32).toString("base64url") };
    const attacks = [
      [second, await delivery(fresh)], // one agent for another
      [first, await delivery(fresh, await sealingKey(foreign.id))],
      [first, altered(await delivery(fresh), 3, flip)],
      [first, JSON.stringify(fresh)],
      [first, await seal(JSON.stringify({ agentId: fresh.id, encryption: fresh.encryption, token: fresh.token, createdAt: new Date().toISOString() }))], // sealed for something else
      [first, await seal("{}", { typ: keysType })],
    ] as const;
    const before = await db().agent.findUniqueOrThrow({ where: { id: first.id }, select: { encryptionKey: true, sealedToken: true } });
    for (const [by, sealed] of attacks) await expect(storeAgentKeys(by.caller, by.id, sealed)).rejects.toMatchObject(refused);
    expect(await db().agent.findUniqueOrThrow({ where: { id: first.id }, select: { encryptionKey: true, sealedToken: true } })).toEqual(before);
  });

  it("are asked for again when the console does not have them, audited once, and shown nowhere [S4-32] [T40]", async () => {
    const report = { now: new Date().toISOString(), version: "0.1.0", path: { kind: "lan" }, step: "fully-connected", policyRevision: 0, attempts: [], channel: null, channelProblem: null, relay: null, isRelayValidationOff: false } as const;
    const asked = async () => (await recordStatus(first.caller, first.id, { ...report, attempts: [] })).areKeysWanted;
    expect(await asked()).toBe(false);
    await db().agent.update({ where: { id: first.id }, data: { sealedToken: null, keysAt: null } }); // a restored backup
    expect(await asked()).toBe(true);
    await expect(createTask(operator, { agentId: first.id, order: { kind: "diagnose" }, expiresInMinutes: 60 })).rejects.toMatchObject({ code: "agent-keys-missing" });
    const audited = () => db().auditEvent.count({ where: { organisationId: own.id, action: "agent.keys", targetId: first.id } });
    const before = await audited();
    await storeAgentKeys(first.caller, first.id, await delivery(first));
    await storeAgentKeys(first.caller, first.id, await delivery(first));
    expect([await asked(), await audited()]).toEqual([false, before + 1]);
    const api = own.as("owner");
    const shown = JSON.stringify([await api.agent.get({ id: first.id }), await api.task.list({ agentId: first.id }), await api.audit.list({})]);
    const row = await db().agent.findUniqueOrThrow({ where: { id: first.id } });
    for (const secret of [first.token, first.encryption.x]) expect(shown).not.toContain(secret);
    expect(Buffer.from(row.sealedToken ?? []).toString("latin1")).not.toContain(first.token);
    expect(JSON.stringify(row.encryptionKey)).not.toContain('"d"');
  });
});

describe("a task", () => {
  it("waits for an agent that is away, is cancelled at once while it waits, and expires when nobody comes", async () => {
    const [kept, cancelled, late] = [await order(operator, second.id, { kind: "diagnose" }), await order(operator, second.id, { kind: "diagnose" }), await order(operator, second.id, { kind: "diagnose" }, 1)];
    await cancelTask(operator, { id: cancelled });
    await runTaskRound(db(), new Date(Date.now() + 61_000));
    expect(await Promise.all([kept, cancelled, late].map(async (id) => (await getTask(operator, { id })).state))).toEqual(["waiting", "cancelled", "expired"]);
    expect((await commandsFor(second.caller, second.id)).commands).toHaveLength(1);
    await expect(cancelTask(operator, { id: cancelled })).rejects.toMatchObject({ code: "in-use" });
  });

  it("that was given out and not heard of is given out again, and expires after its time", async () => {
    const id = await taken(second);
    const at = (ms: number) => new Date(Date.now() + ms);
    expect((await commandsFor(second.caller, second.id, at(1_000))).commands).toHaveLength(0);
    expect((await commandsFor(second.caller, second.id, at(20_000))).commands.length).toBeGreaterThan(0);
    await runTaskRound(db(), at(3_800_000));
    expect(await getTask(operator, { id })).toMatchObject({ state: "expired" });
    expect((await commandsFor(second.caller, second.id, at(3_800_000))).commands).toHaveLength(0);
  });

  it("is nobody's to see or give but its organisation's, and no revoked or unapproved agent gets one [T33]", async () => {
    const id = await order(operator, second.id, { kind: "diagnose" });
    await expect(getTask(foreign.callerAs("owner"), { id })).rejects.toMatchObject({ code: "not-found" });
    expect((await commandsFor({ ...second.caller, organisationId: foreign.id }, second.id)).commands).toEqual([]);
    expect((await commandsFor(first.caller, first.id)).commands).toEqual([]);
    await db().agent.update({ where: { id: second.id }, data: { awaitsApproval: true } });
    expect((await commandsFor(second.caller, second.id)).commands).toEqual([]);
    await db().agent.update({ where: { id: second.id }, data: { awaitsApproval: false, revokedAt: new Date() } });
    expect((await commandsFor(second.caller, second.id)).commands).toEqual([]);
    await expect(order(operator, second.id, { kind: "diagnose" })).rejects.toMatchObject({ code: "in-use" });
  });

  it("with a script needs a rule that carries scripts, for this user and within its limits; the script is not in the audit [S4-43]", async () => {
    const script = { kind: "run-script" as const, script: "echo secret-of-the-script", user: "agent", timeoutSeconds: 10, outputMaxBytes: 1_000 };
    await expect(order(operator, first.id, script)).rejects.toMatchObject({ code: "task-not-allowed" });
    const group = await db().agentGroup.create({ data: { organisationId: own.id, name: "Scripts", nameKey: "scripts", kind: "static", members: { create: [{ agentId: first.id }] } } });
    await db().reachRule.create({ data: { organisationId: own.id, name: "Scripts", nameKey: "scripts", services: [], who: { roles: ["operator"], userIds: [], apiKeyIds: [] }, scripts: { users: ["agent"], timeoutMaxSeconds: 60, outputMaxBytes: 10_000 }, groups: { create: [{ groupId: group.id }] } } });
    for (const wrong of [{ ...script, user: "root" }, { ...script, timeoutSeconds: 61 }, { ...script, outputMaxBytes: 10_001 }]) await expect(order(operator, first.id, wrong)).rejects.toMatchObject({ code: "task-not-allowed" });
    await expect(order(own.callerAs("administrator"), first.id, script)).rejects.toMatchObject({ code: "task-not-allowed" });
    await expect(order(operator, first.id, { ...script, script: "\u0001".repeat(40_000) })).rejects.toMatchObject({ code: "input-invalid" });
    const byPerson = await order(operator, first.id, script);
    const key = await createApiKey(own.callerAs("owner"), { name: "scripts", role: "operator", daysValid: 1 });
    const asKey: Caller = { ...own.callerAs("operator"), actor: { kind: "api-key", id: key.id, name: "scripts" } };
    const byKey = await order(asKey, first.id, script);
    await revokeApiKey(own.callerAs("owner"), { id: key.id });
    expect((await db().task.findMany({ where: { id: { in: [byPerson, byKey] } }, orderBy: { createdAt: "asc" }, select: { state: true } })).map((task) => task.state)).toEqual(["waiting", "cancelled"]);
    expect(JSON.stringify(await db().auditEvent.findMany({ where: { organisationId: own.id }, select: { changes: true } }))).not.toContain("secret-of-the-script");
  });
});
