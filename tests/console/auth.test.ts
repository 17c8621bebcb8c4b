/** People at the door: the first owner, sign-in, sessions, invitations, roles. Real PostgreSQL, real HTTP. */
import "../support/with-database.ts";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Doors, startDoors } from "../support/console-doors.ts";
import { db } from "../../server/db.ts";
import { signInLimits, takeAttempt } from "../../server/services/attempts/take.ts";
import { createOwner, ensureSetupLink } from "../../server/services/user/set-up.ts";
import { callerFromRequest, recheckCaller } from "../../server/auth/session.ts";
import type { Caller } from "../../server/services/caller.ts";
import { inviteUser } from "../../server/services/invite/create.ts";
import { updateUser } from "../../server/services/user/update.ts";
import { removeUser, userImpact } from "../../server/services/user/remove.ts";
import { listUsers } from "../../server/services/user/list.ts";
import { changePassword } from "../../server/services/user/change-password.ts";
import { endSession, listSessions } from "../../server/services/user/me.ts";

const password = "correct horse battery";
let doors: Doors;
let organisationId: string;
let names = 0;

beforeAll(async () => {
  doors = await startDoors();
});

beforeEach(async () => {
  await db().rateLimit.deleteMany();
  await db().user.deleteMany();
  names += 1;
  organisationId = (await db().organisation.create({ data: { name: `Org ${names}`, nameKey: `org ${names}`, trustDomain: "sallyport.internal", agentSiteNames: ["localhost"] }, select: { id: true } })).id;
});

function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${doors.url}${path}`, { method: "POST", headers: { origin: doors.url, "content-type": "application/json", ...headers }, body: JSON.stringify(body) });
}

async function signIn(email: string, secret = password): Promise<{ status: number; cookie: string; line: string; body: unknown }> {
  const response = await post("/api/auth/sign-in/email", { email, password: secret });
  const line = response.headers.getSetCookie()[0] ?? "";
  return { status: response.status, cookie: line.split(";")[0] ?? "", line, body: await response.json() };
}

async function owner(email = "ana@example.com"): Promise<{ cookie: string; caller: Caller }> {
  await createOwner({ organisationId, email, password });
  const { cookie } = await signIn(email);
  return { cookie, caller: await callerWith(cookie) };
}

async function callerWith(cookie: string): Promise<Caller> {
  const caller = await callerFromRequest({ headers: new Headers({ cookie }) });
  if (!caller) throw new Error("the session is not valid");
  return caller;
}

/** Invites, accepts and signs in a person with this role. */
async function member(by: Caller, email: string, role: "owner" | "administrator" | "operator" | "auditor"): Promise<{ cookie: string; caller: Caller }> {
  const { url } = await inviteUser(by, { email, name: email, role });
  expect((await post("/api/invite", { secret: secretOf(url), password })).status).toBe(200);
  const { cookie } = await signIn(email);
  return { cookie, caller: await callerWith(cookie) };
}

const secretOf = (url: string) => url.slice(url.indexOf("#") + 1);
const codeOf = async (work: Promise<unknown>) => work.then(() => "passed", (error: unknown) => (error as { code: string }).code);

describe("the first owner", () => {
  it("is made with the one-time link, which then is spent, as are all others [T19]", async () => {
    const former = await ensureSetupLink(organisationId);
    const link = (await ensureSetupLink(organisationId)) ?? "";
    expect(link).toMatch(new RegExp(`^${doors.url}/setup#[A-Za-z0-9_-]{43}$`));
    expect((await (await fetch(`${doors.url}/api/setup`)).json() as { isOpen: boolean }).isOpen).toBe(true);
    const input = { secret: secretOf(link), email: "Ana@Example.com", password };
    expect((await post("/api/setup", { ...input, secret: secretOf(former ?? "") })).status).toBe(403);
    const reply = await post("/api/setup", { ...input, apiKeyName: "first key" });
    expect(reply.status).toBe(200);
    const { email, apiKey } = await reply.json() as { email: string; apiKey: string };
    expect(email).toBe("ana@example.com");
    expect(await callerFromRequest({ headers: new Headers({ authorization: `Bearer ${apiKey}` }) })).toMatchObject({ role: "owner", organisationId });
    expect((await post("/api/setup", { ...input, email: "eve@example.com" })).status).toBe(403);
    expect(await ensureSetupLink(organisationId)).toBeNull();
    expect((await signIn("ana@example.com")).status).toBe(200);
    expect(await db().auditEvent.count({ where: { organisationId, action: "user.set-up" } })).toBe(1);
  });

  it("is only one when eight people use the link at once [T19]", async () => {
    const secret = secretOf((await ensureSetupLink(organisationId)) ?? "");
    const statuses = await Promise.all(Array.from({ length: 8 }, (_, index) => post("/api/setup", { secret, email: `p${index}@example.com`, password }).then((reply) => reply.status)));
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(await db().membership.count({ where: { organisationId } })).toBe(1);
  });

  it("comes from the environment only while nobody is there", async () => {
    expect(await createOwner({ organisationId, email: "ana@example.com", password })).toBe(true);
    expect(await createOwner({ organisationId, email: "eve@example.com", password })).toBe(false);
  });

  it("is refused a short password, and guesses of the link are limited [T19] [T35]", async () => {
    const secret = secretOf((await ensureSetupLink(organisationId)) ?? "");
    const short = await post("/api/setup", { secret, email: "ana@example.com", password: "elevenchars" });
    expect(short.status).toBe(400);
    expect(JSON.stringify(await short.json())).toContain("at least 12 characters");
    const guesses: number[] = [];
    for (let index = 0; index < 12; index += 1) guesses.push((await post("/api/setup", { secret: `x${index}`, email: "ana@example.com", password })).status);
    expect(guesses.slice(0, 10).every((status) => status === 403)).toBe(true);
    expect(guesses.slice(10)).toEqual([429, 429]);
  });
});

describe("sign-in", () => {
  it("gives a session in a cookie that scripts cannot read and other sites cannot send [T32] [T35]", async () => {
    await createOwner({ organisationId, email: "ana@example.com", password });
    const { line, cookie } = await signIn("Ana@example.com");
    expect(line).toMatch(/HttpOnly/i);
    expect(line).toMatch(/SameSite=Lax/i);
    expect(line).not.toMatch(/Domain=/i);
    expect(await callerWith(cookie)).toMatchObject({ role: "owner", organisationId, actor: { kind: "user", name: "ana" }, source: null });
  });

  it("answers an unknown person, a wrong password and a missing account alike, in like time [T35]", async () => {
    await createOwner({ organisationId, email: "ana@example.com", password });
    const time = async (email: string) => {
      const started = performance.now();
      const { status, body } = await signIn(email, "wrong wrong wrong");
      const { requestId: _, ...error } = (body as { error: { requestId: string } }).error;
      return { status, error, took: performance.now() - started };
    };
    await time("warm@example.com");
    const known = await time("ana@example.com");
    const unknown = await time("nobody@example.com");
    expect(known.status).toBe(401);
    expect({ ...unknown, took: 0 }).toEqual({ ...known, took: 0 });
    const ratio = Math.max(known.took, unknown.took) / Math.min(known.took, unknown.took);
    expect(ratio).toBeLessThan(3);
  });

  it("limits guessing per account, and never unlocks on the right guess [T35]", async () => {
    await createOwner({ organisationId, email: "ana@example.com", password });
    const statuses: number[] = [];
    for (let index = 0; index < 12; index += 1) statuses.push((await signIn("ana@example.com", `wrong guess no ${index}`)).status);
    expect(statuses.slice(0, 10)).toEqual(Array(10).fill(401));
    expect(statuses.slice(10)).toEqual([429, 429]);
    expect((await signIn("ana@example.com")).status).toBe(429);
  });

  it("lets a person in from where they are signed in, while strangers' guesses are refused [T35]", async () => {
    await owner();
    const strangers = signInLimits.account("ana@example.com", null);
    for (let index = 0; index < 11; index += 1) await takeAttempt(db(), strangers).catch(() => {});
    expect(await codeOf(takeAttempt(db(), strangers))).toBe("rate-limited");
    expect((await signIn("ana@example.com")).status).toBe(200);
    await db().session.deleteMany();
    expect((await signIn("ana@example.com")).status).toBe(429);
  });

  it("counts an IPv6 network as one source [T35]", async () => {
    for (let index = 0; index < 20; index += 1) await takeAttempt(db(), signInLimits.source(`2001:db8:1:2::${index.toString(16)}`));
    expect(await codeOf(takeAttempt(db(), signInLimits.source("2001:db8:1:2:ffff::1")))).toBe("rate-limited");
    expect(await codeOf(takeAttempt(db(), signInLimits.source("2001:db8:1:3::1")))).toBe("passed");
  });

  it("limits guessing per source over many accounts, counting parallel tries, whatever address headers claim [T35]", async () => {
    const tries = await Promise.all(Array.from({ length: 25 }, (_, index) =>
      post("/api/auth/sign-in/email", { email: `u${index}@example.com`, password: "wrong wrong wrong" }, { "x-forwarded-for": `10.0.0.${index}`, "x-sallyport-source": `10.1.0.${index}` }).then((reply) => reply.status)));
    expect(tries.toSorted()).toEqual([...Array<number>(20).fill(401), ...Array<number>(5).fill(429)]);
  });

  it("does not let a right sign-in count against the source [T35]", async () => {
    await createOwner({ organisationId, email: "ana@example.com", password });
    for (let index = 0; index < 22; index += 1) expect((await signIn("ana@example.com")).status).toBe(200);
  });

  it("ends the session that the browser brought along: a planted session is worth nothing [T35]", async () => {
    await createOwner({ organisationId, email: "ana@example.com", password });
    const planted = (await signIn("ana@example.com")).cookie;
    const response = await post("/api/auth/sign-in/email", { email: "ana@example.com", password }, { cookie: planted });
    const fresh = response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    expect(fresh).not.toBe(planted);
    expect(await callerFromRequest({ headers: new Headers({ cookie: planted }) })).toBeNull();
    expect(await callerFromRequest({ headers: new Headers({ cookie: fresh }) })).not.toBeNull();
  });

  it("refuses a cookie whose signature does not fit, and sign-out ends the session row [T35]", async () => {
    const { cookie, caller } = await owner();
    expect(await callerFromRequest({ headers: new Headers({ cookie: `${cookie.slice(0, -6)}AAAAAA` }) })).toBeNull();
    expect((await post("/api/auth/sign-out", {}, { cookie })).status).toBe(200);
    expect(await callerFromRequest({ headers: new Headers({ cookie }) })).toBeNull();
    expect(await recheckCaller(caller)).toBeNull();
  });

  it("serves none of better-auth's other routes [T35]", async () => {
    const { cookie } = await owner();
    for (const path of ["sign-up/email", "request-password-reset", "reset-password", "change-email", "update-user", "delete-user", "link-social", "sign-in/social", "list-sessions", "revoke-sessions", "change-password"]) {
      expect((await post(`/api/auth/${path}`, { email: "eve@example.com", password, name: "Eve" }, { cookie })).status, path).toBe(404);
    }
    expect(await db().user.count()).toBe(1);
  });

  it("refuses a sign-in posted by another site's page or as a form [T32]", async () => {
    await createOwner({ organisationId, email: "ana@example.com", password });
    const body = { email: "ana@example.com", password };
    expect((await post("/api/auth/sign-in/email", body, { origin: "https://evil.example" })).status).toBe(403);
    expect((await post("/api/auth/sign-in/email", body, { "content-type": "text/plain" })).status).toBe(400);
    expect(await db().session.count()).toBe(0);
  });
});

describe("passwords and sessions", () => {
  it("ends every other session with a change of password [T35]", async () => {
    const { caller, cookie } = await owner();
    const other = (await signIn("ana@example.com")).cookie;
    expect(await codeOf(changePassword(caller, { current: "wrong wrong wrong", password: "another good password" }))).toBe("input-invalid");
    await changePassword(caller, { current: password, password: "another good password" });
    expect(await callerFromRequest({ headers: new Headers({ cookie: other }) })).toBeNull();
    expect(await callerFromRequest({ headers: new Headers({ cookie }) })).not.toBeNull();
    expect((await signIn("ana@example.com")).status).toBe(401);
    expect((await signIn("ana@example.com", "another good password")).status).toBe(200);
  });

  it("lists one's own sessions and ends one; another person's is not found [T33] [T35]", async () => {
    const { caller } = await owner();
    const second = await callerWith((await signIn("ana@example.com")).cookie);
    const bob = await member(caller, "bob@example.com", "operator");
    const { rows } = await listSessions(caller);
    expect(rows).toHaveLength(2);
    expect(rows.filter((row) => row.isThis).map((row) => row.id)).toEqual([caller.credential?.id]);
    expect(await codeOf(endSession(bob.caller, { id: caller.credential?.id ?? "" }))).toBe("not-found");
    await endSession(caller, { id: second.credential?.id ?? "" });
    expect(await recheckCaller(second)).toBeNull();
  });
});

describe("invitations", () => {
  it("let one person in, once, with the role that was given [T19]", async () => {
    const { caller } = await owner();
    const { url } = await inviteUser(caller, { email: "bob@example.com", name: "Bob", role: "operator" });
    const secret = secretOf(url);
    expect(await (await post("/api/invite/check", { secret })).json()).toMatchObject({ kind: "invite", email: "bob@example.com", role: "operator" });
    const statuses = await Promise.all(Array.from({ length: 6 }, () => post("/api/invite", { secret, password }).then((reply) => reply.status)));
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect((await post("/api/invite/check", { secret })).status).toBe(403);
    expect((await callerWith((await signIn("bob@example.com")).cookie)).role).toBe("operator");
  });

  it("expire, can be withdrawn, and a new one replaces the old [T19]", async () => {
    const { caller } = await owner();
    const first = await inviteUser(caller, { email: "bob@example.com", name: "Bob", role: "operator" });
    const second = await inviteUser(caller, { email: "bob@example.com", name: "Bob", role: "auditor" });
    expect((await post("/api/invite", { secret: secretOf(first.url), password })).status).toBe(403);
    await removeUser(caller, { id: second.id });
    expect((await post("/api/invite", { secret: secretOf(second.url), password })).status).toBe(403);
    const third = await inviteUser(caller, { email: "bob@example.com", name: "Bob", role: "auditor" });
    await db().invite.updateMany({ where: { id: third.id }, data: { expiresAt: new Date(Date.now() - 1000) } });
    expect((await post("/api/invite", { secret: secretOf(third.url), password })).status).toBe(403);
    expect(await codeOf(inviteUser(caller, { email: "ana@example.com", name: "Ana", role: "auditor" }))).toBe("name-taken");
  });

  it("ask a person who has an account elsewhere for that account's password [T35]", async () => {
    const { caller } = await owner();
    await member(caller, "bob@example.com", "operator");
    const other = await db().organisation.create({ data: { name: `Other ${names}`, nameKey: `other ${names}`, trustDomain: "sallyport.internal", agentSiteNames: [] }, select: { id: true } });
    const { url } = await inviteUser({ ...caller, organisationId: other.id }, { email: "bob@example.com", name: "Bob", role: "owner" });
    expect((await post("/api/invite", { secret: secretOf(url), password: "a password that is not his" })).status).toBe(403);
    expect((await post("/api/invite", { secret: secretOf(url), password })).status).toBe(200);
    expect((await signIn("bob@example.com")).status).toBe(200);
  });
});

describe("members", () => {
  it("show members and open invitations in one list, searched and paged in the database", async () => {
    const { caller } = await owner();
    await member(caller, "bob@example.com", "operator");
    await inviteUser(caller, { email: "cleo@example.com", name: "Cleo 100%", role: "auditor" });
    const input = { search: "", sort: "email" as const, desc: false, page: 1, pageSize: 50 };
    const all = await listUsers(caller, input);
    expect(all.rows.map((row) => [row.email, row.isInvited, row.isYou])).toEqual([["ana@example.com", false, true], ["bob@example.com", false, false], ["cleo@example.com", true, false]]);
    expect(await listUsers(caller, { ...input, pageSize: 1, page: 2 })).toMatchObject({ total: 3, rows: [{ email: "bob@example.com" }] });
    expect((await listUsers(caller, { ...input, search: "100%" })).rows).toHaveLength(1);
    expect((await listUsers(caller, { ...input, search: "%" })).rows).toHaveLength(1);
  });

  it("keep at least one owner, also when two owners lower each other at once [T33]", async () => {
    const { caller } = await owner();
    expect(await codeOf(updateUser(caller, { id: caller.actor.id, role: "auditor" }))).toBe("last-owner");
    expect(await codeOf(removeUser(caller, { id: caller.actor.id }))).toBe("last-owner");
    expect((await userImpact(caller, { id: caller.actor.id })).blockers).toHaveLength(1);
    const bob = await member(caller, "bob@example.com", "owner");
    const codes = await Promise.all([codeOf(updateUser(caller, { id: bob.caller.actor.id, role: "auditor" })), codeOf(updateUser(bob.caller, { id: caller.actor.id, role: "auditor" }))]);
    expect(codes.sort()).toEqual(["last-owner", "passed"]);
  });

  it("lose their right with the next call when lowered or removed, and an open stream notices [T34]", async () => {
    const { caller } = await owner();
    const bob = await member(caller, "bob@example.com", "administrator");
    await updateUser(caller, { id: bob.caller.actor.id, role: "auditor" });
    expect((await callerWith(bob.cookie)).role).toBe("auditor");
    expect((await recheckCaller(bob.caller))?.role).toBe("auditor");
    await removeUser(caller, { id: bob.caller.actor.id });
    expect(await callerFromRequest({ headers: new Headers({ cookie: bob.cookie }) })).toBeNull();
    expect(await recheckCaller(bob.caller)).toBeNull();
    expect((await signIn("bob@example.com")).status).toBe(401);
  });

  it("of another organisation are not found, in any verb [T33]", async () => {
    const { caller } = await owner();
    const bob = await member(caller, "bob@example.com", "operator");
    const other = await db().organisation.create({ data: { name: `Foreign ${names}`, nameKey: `foreign ${names}`, trustDomain: "sallyport.internal", agentSiteNames: [] }, select: { id: true } });
    const stranger: Caller = { ...caller, organisationId: other.id };
    expect(await codeOf(updateUser(stranger, { id: bob.caller.actor.id, role: "auditor" }))).toBe("not-found");
    expect(await codeOf(removeUser(stranger, { id: bob.caller.actor.id }))).toBe("not-found");
    expect(await codeOf(userImpact(stranger, { id: bob.caller.actor.id }))).toBe("not-found");
    expect((await listUsers(stranger, { search: "", sort: "name", desc: false, page: 1, pageSize: 50 })).total).toBe(0);
  });
});
