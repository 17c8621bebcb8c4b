/** Whoever carries commands tries to make, alter, repeat and divert them; a real agent on each runtime, behind a carrier that ends its TLS. */
import fs from "node:fs";
import path from "node:path";
import { randomUUID } from "node:crypto";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { startHostileSite } from "./support/hostile-site.ts";
import { db } from "../../server/db.ts";
import { makeOrganisation } from "../console/support/console.ts";
import { agentReaches, enrolledAgent, type RunningAgent, runtimeNames, startAgent } from "../agent/support/site.ts";
import { until } from "../support/sockets.ts";
import { allowScripts, hasKeys, newGroup, operator, order, taskReaches } from "./support/bench.ts";
import { altered, claimsFor, encode, flip, type Forger, forgerOf, proof, sealed, signed, signedByStranger, signedWithPublicKey, withoutSignature } from "./support/forge.ts";

const site = await startHostileSite();
const groupId = await newGroup(site.organisationId);
await allowScripts(site.organisationId, groupId, { users: ["agent"], timeoutMaxSeconds: 60, outputMaxBytes: 50_000 });
const foreign = await makeOrganisation("Foreign");

afterEach(() => {
  site.injected.length = 0;
  site.alter = (commands) => commands;
});

type Rejection = { commandId: string | null; code: string; detail: string };
const rejections = (): Rejection[] => site.seen.filter(({ route }) => route === "POST /v1/rejections").flatMap(({ request }) => (JSON.parse(request) as { rejections: Rejection[] }).rejections);

/** A text as it looks inside of base64url, however the bytes before it fall. */
function shifts(text: string): string[] {
  return [0, 1, 2].map((before) => Buffer.from(`${"\0".repeat(before)}${text}`).toString("base64url").slice(before === 0 ? 0 : before + 1, -4));
}

describe.each(runtimeNames)("an agent on %s", (runtime) => {
  let agent: RunningAgent;
  let agentId: string;
  let forger: Forger;

  beforeAll(async () => {
    agent = await enrolledAgent(site, runtime, [groupId]);
    agentId = (await agentReaches(agent, (status) => status.agentId !== null, "enrolled")).agentId ?? "";
    await hasKeys(agentId);
    forger = await forgerOf(site.organisationId, agentId);
  });

  /** It fetches after each report, and it reports at its start: `meanwhile` is what it finds. */
  async function restart(meanwhile: () => Promise<string> = async () => ""): Promise<string> {
    await agent.stop();
    await until(() => site.busy === 0, "what it asked last is answered", 20_000);
    const made = await meanwhile();
    agent = startAgent(runtime, agent.stateDir);
    return made;
  }

  it("refuses what is unsigned, altered, for others, made without its token, or late, each with its code, and does nothing of it [S4-33] [S4-43] [T21]", async () => {
    const good = claimsFor(forger);
    const key = forger.encryptionKey;
    const whole = await sealed(key, await signed(site.organisationId, good));
    const inner = await signed(site.organisationId, good);
    const past = Math.floor(Date.now() / 1_000) - 4_000;
    const other = randomUUID();
    const attacks: [code: string, command: string][] = [
      ["command-unreadable", "garbage"],
      ["command-unreadable", inner], // signed, not sealed
      ["command-unreadable", withoutSignature(good)],
      ["command-unreadable", altered(whole, 0, () => encode({ alg: "ECDH-ES+A256KW", enc: "A256GCM", kid: key.kid, x: 1 }))],
      ["command-unreadable", altered(whole, 1, flip)],
      ["command-unreadable", altered(whole, 2, flip)],
      ["command-unreadable", altered(whole, 3, flip)],
      ["command-unreadable", altered(whole, 4, flip)],
      ["command-unreadable", await sealed(key, inner, { enc: "A128GCM" })],
      ["command-unreadable", await sealed(key, inner, { alg: "ECDH-ES" })],
      ["command-unreadable", await sealed(key, inner, { kid: "another" })],
      ["command-unreadable", "x".repeat(300_000)],
      ["command-unsigned", await sealed(key, JSON.stringify(good))],
      ["command-unsigned", await sealed(key, withoutSignature(good))],
      ["command-unsigned", await sealed(key, await signedWithPublicKey(site.organisationId, good, "spki"))],
      ["command-unsigned", await sealed(key, await signedWithPublicKey(site.organisationId, good, "jwk"))],
      ["command-unsigned", await sealed(key, await signed(site.organisationId, good, "sallyport-grant+jwt"))], // a signature that was given for something else
      ["command-signature", await sealed(key, await signedByStranger(site.organisationId, good, false))],
      ["command-signature", await sealed(key, await signedByStranger(site.organisationId, good, true))],
      ["command-signature", await sealed(key, altered(inner, 1, () => encode(claimsFor(forger))))],
      ["command-signature", await sealed(key, altered(inner, 2, flip))],
      ["command-signature", await sealed(key, await signed(foreign.id, good))], // another organisation's console
      ["command-other-agent", await sealed(key, await signed(site.organisationId, claimsFor(forger, { aud: other })))],
      ["command-other-agent", await sealed(key, await signed(site.organisationId, claimsFor(forger, { iss: foreign.id })))],
      ["command-token", await sealed(key, await signed(site.organisationId, claimsFor({ ...forger, token: Buffer.alloc(32).toString("base64url") })))],
      ["command-token", await sealed(key, await signed(site.organisationId, claimsFor(forger, { tok: proof(forger.token, other) })))], // another command's proof
      ["command-expired", await sealed(key, await signed(site.organisationId, claimsFor(forger, { iat: past, exp: past + 60 })))],
      ["command-expired", await sealed(key, await signed(site.organisationId, claimsFor(forger, { iat: past + 8_000, exp: past + 9_000 })))],
      ["command-unreadable", await sealed(key, await signed(site.organisationId, { ...good, extra: true }))],
      ["command-denied", await sealed(key, await signed(site.organisationId, claimsFor(forger, { command: { kind: "task", order: { kind: "run-script", script: "true", user: "root", timeoutSeconds: 1, outputMaxBytes: 1_000 } } })))],
      ["command-denied", await sealed(key, await signed(site.organisationId, claimsFor(forger, { command: { kind: "task", order: { kind: "run-script", script: "true", user: "agent", timeoutSeconds: 61, outputMaxBytes: 1_000 } } })))],
    ];
    await restart(async () => String(site.injected.push(attacks.map(([, command]) => command))));
    await until(() => agent.log().split("a command was refused").length > attacks.length, "all are refused", 60_000);
    const codes = [...agent.log().matchAll(/a command was refused code=([a-z-]+)/g)].map((match) => match[1]);
    expect(codes).toEqual(attacks.map(([code]) => code));
    expect(agent.log()).not.toContain("a task begins");
    expect(fs.existsSync("/tmp/sallyport-forged")).toBe(false);
    // The console has a line for each code, and none names a task that it did not make.
    await until(async () => {
      const audited = await db().auditEvent.findMany({ where: { action: "task.rejected", targetId: agentId } });
      return [...new Set(attacks.map(([code]) => code))].every((code) => audited.some((event) => JSON.stringify(event.changes).includes(`"${code}"`)));
    }, "every code is in the audit", 20_000);
  });

  it("leaves whoever carries them nothing to read: no command, no result, no key [S4-35] [S4-43] [T21]", async () => {
    const words = { script: `marker-of-the-script-${runtime}`, output: `marker-of-the-output-${runtime}` };
    const id = await restart(() => order(operator(site), agentId, { kind: "run-script", script: `#!/bin/sh\n# ${words.script}\necho marker-of-the-output-$(echo ${runtime})`, user: "agent", timeoutSeconds: 10, outputMaxBytes: 1_000 }));
    expect((await taskReaches(operator(site), id, ["done"])).output).toBe(`${words.output}\n`);
    await until(() => site.seen.some(({ route }) => route === "POST /v1/results"), "results passed");
    const all = JSON.stringify(site.seen);
    // Everything passed here, the keys' delivery included; what is in base64 would show in one of its three shifts.
    for (const route of ["PUT /v1/keys", "GET /v1/commands", "POST /v1/results"]) expect(all).toContain(route);
    const { encryption, token } = JSON.parse(fs.readFileSync(path.join(agent.stateDir, "keys", "command-keys.json"), "utf8")) as { encryption: { x: string; y: string; d: string }; token: string };
    for (const secret of [words.script, words.output, "run-script", encryption.x, encryption.y, encryption.d, token, Buffer.from(token, "base64url").toString("hex")]) for (const form of [secret, ...shifts(secret)]) expect(all).not.toContain(form);
  });

  // The rest does not depend on how a runtime computes.
  if (runtime !== runtimeNames.at(-1)) return;

  it("carries a command out once, however often it comes, also after a restart [S4-43] [T21]", async () => {
    const marker = path.join(agent.stateDir, "ran");
    let kept: string[] = [];
    site.alter = (commands) => {
      kept = [...kept, ...commands];
      return [...commands, ...commands];
    };
    const id = await restart(() => order(operator(site), agentId, { kind: "run-script", script: `echo once >> ${marker}`, user: "agent", timeoutSeconds: 10, outputMaxBytes: 1_000 }));
    await taskReaches(operator(site), id, ["done"]);
    const [first] = kept;
    await restart(async () => {
      site.alter = (commands) => [...commands, ...kept];
      site.injected.push([first ?? "", first ?? ""]);
      return id;
    });
    await until(() => rejections().filter((rejection) => rejection.commandId === id).length >= 2, "the repetitions are refused", 60_000);
    expect(new Set(rejections().filter((rejection) => rejection.commandId === id).map(({ code }) => code))).toEqual(new Set(["command-replayed"]));
    expect(fs.readFileSync(marker, "utf8")).toBe("once\n");
    expect(await taskReaches(operator(site), id, ["done"])).toMatchObject({ state: "done", rejection: null });
    const audited = await db().auditEvent.findMany({ where: { action: "task.rejected", targetId: agentId } });
    expect(audited.some((event) => JSON.stringify(event.changes).includes("command-replayed") && JSON.stringify(event.changes).includes(id))).toBe(true);
  });

  it("lives through a thousand pieces of garbage and then does what it was ordered [T39]", async () => {
    const audited = await db().auditEvent.count();
    const id = await restart(() => {
      site.injected.push(...Array.from({ length: 20 }, (_, round) => Array.from({ length: 50 }, (__, index) => (index % 2 === 0 ? `${round}.${index}.garbage.x.y` : "eyJ".repeat(index)))));
      return order(operator(site), agentId, { kind: "refresh-policy" });
    });
    await until(() => site.injected.length === 0, "all garbage was handed over", 60_000);
    expect(await taskReaches(operator(site), id, ["done", "failed", "rejected"])).toMatchObject({ state: "done" });
    expect((await db().auditEvent.count()) - audited).toBeLessThan(60);
  });
});
