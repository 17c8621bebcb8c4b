/** /api/v1: keys, operations, errors, and the document that describes them. Real PostgreSQL, real HTTP. */
import "../support/with-database.ts";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startDoors, type Doors } from "../support/console-doors.ts";
import { consoleErrors } from "../../contract/error-codes.ts";
import { db } from "../../server/db.ts";
import { callerFromRequest, recheckCaller } from "../../server/auth/session.ts";
import { createApiKey } from "../../server/services/api-key/create.ts";
import { listApiKeys } from "../../server/services/api-key/list.ts";
import { revokeApiKey } from "../../server/services/api-key/revoke.ts";
import { systemCaller } from "../../server/services/caller.ts";
import { createOwner } from "../../server/services/user/set-up.ts";
import type { Role } from "../../contract/roles.ts";

let doors: Doors;
let organisationId: string;
let key: string;
let count = 0;

beforeAll(async () => {
  doors = await startDoors();
});

beforeEach(async () => {
  await db().rateLimit.deleteMany();
  organisationId = await organisation();
  key = await keyFor("owner");
});

async function organisation(): Promise<string> {
  count += 1;
  return (await db().organisation.create({ data: { name: `Org ${count}`, nameKey: `org ${count}`, trustDomain: "sallyport.internal", agentSiteNames: ["localhost"] }, select: { id: true } })).id;
}

async function keyFor(role: Role, of = organisationId): Promise<string> {
  count += 1;
  return (await createApiKey(systemCaller(of, "test"), { name: `key ${count}`, role, daysValid: 1 })).key;
}

function call(method: string, path: string, options: { body?: unknown; apiKey?: string | null; headers?: Record<string, string> } = {}): Promise<Response> {
  const apiKey = options.apiKey === undefined ? key : options.apiKey;
  return fetch(`${doors.url}/api/v1${path}`, {
    method,
    headers: { ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }), ...(options.body === undefined ? {} : { "content-type": "application/json" }), ...options.headers },
    ...(options.body === undefined ? {} : { body: typeof options.body === "string" ? options.body : JSON.stringify(options.body) }),
  });
}

const errorOf = async (response: Response) => ((await response.json()) as { error: { code: string; message: string; fields: { path: string; message: string }[]; requestId: string } }).error;

describe("API keys", () => {
  it("are stored as a hash, shown once, and prove a role in one organisation [T40]", async () => {
    expect(key).toMatch(/^spk_[A-Za-z0-9_-]{43}$/);
    const rows = await db().apiKey.findMany({ where: { organisationId } });
    expect(JSON.stringify(rows)).not.toContain(key);
    expect(rows[0]?.prefix).toBe(key.slice(0, 10));
    expect(await (await call("GET", "/users/me")).json()).toMatchObject({ kind: "api-key", role: "owner", organisation: { id: organisationId } });
  });

  it("end with revocation or expiry, at once and for open streams too [T34]", async () => {
    const caller = await callerFromRequest({ headers: new Headers({ authorization: `Bearer ${key}` }) });
    if (!caller) throw new Error("the key is not valid");
    const { rows } = await listApiKeys(caller, { search: "", sort: "name", desc: false, page: 1, pageSize: 50 });
    expect(rows[0]?.lastUsedAt).not.toBeNull();
    await revokeApiKey(caller, { id: rows[0]?.id ?? "" });
    expect(await recheckCaller(caller)).toBeNull();
    const refused = await call("GET", "/users/me");
    expect(refused.status).toBe(401);
    expect((await errorOf(refused)).code).toBe("not-signed-in");
    const second = await keyFor("auditor");
    await db().apiKey.updateMany({ where: { organisationId }, data: { expiresAt: new Date(Date.now() - 1) } });
    expect((await call("GET", "/users/me", { apiKey: second })).status).toBe(401);
  });

  it("are demanded on every path, in the header only; cookies count for nothing [T32]", async () => {
    expect((await call("GET", "/sites", { apiKey: null })).status).toBe(401);
    expect((await call("GET", `/sites?apiKey=${key}`, { apiKey: null })).status).toBe(401);
    expect((await call("GET", "/sites", { apiKey: "spk_x" })).status).toBe(401);
    expect((await call("GET", "/no-such-path", { apiKey: null })).status).toBe(401);
    await createOwner({ organisationId, email: `ana${count}@example.com`, password: "correct horse battery" });
    const signIn = await fetch(`${doors.url}/api/auth/sign-in/email`, { method: "POST", headers: { origin: doors.url, "content-type": "application/json" }, body: JSON.stringify({ email: `ana${count}@example.com`, password: "correct horse battery" }) });
    const cookie = signIn.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    expect(signIn.status).toBe(200);
    expect((await call("GET", "/sites", { apiKey: null, headers: { cookie } })).status).toBe(401);
  });

  it("cannot be guessed without end: a source with thirty wrong ones waits, a right key still works [T35]", async () => {
    const statuses = await Promise.all(Array.from({ length: 40 }, (_, index) => call("GET", "/users/me", { apiKey: `spk_${String(index).padStart(43, "x")}` }).then((reply) => reply.status)));
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(30);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(10);
    expect((await call("GET", "/users/me")).status).toBe(200);
  });

  it("make audited changes in their own name [T33]", async () => {
    expect((await call("POST", "/sites", { body: { name: "Berlin", kind: "intranet", subnets: ["10.1.0.0/16"] } })).status).toBe(201);
    expect(await db().auditEvent.findFirst({ where: { organisationId, action: "site.create" } })).toMatchObject({ actorKind: "api-key", source: "127.0.0.1" });
  });
});

describe("operations", () => {
  it("create, list, read, change and delete an object with the right status each", async () => {
    const created = await call("POST", "/sites", { body: { name: "Berlin", kind: "intranet", subnets: ["10.1.0.0/16"] } });
    expect(created.status).toBe(201);
    const { id } = (await created.json()) as { id: string };
    expect(await (await call("GET", "/sites?search=ber&desc=true&page=1&pageSize=25&kind=intranet")).json()).toMatchObject({ total: 1, rows: [{ id, name: "Berlin" }] });
    const detail = (await (await call("GET", `/sites/${id}`)).json()) as { version: number };
    const changed = await call("PATCH", `/sites/${id}`, { body: { name: "Hamburg", kind: "intranet", subnets: [], version: detail.version } });
    expect(changed.status).toBe(200);
    expect((await call("PATCH", `/sites/${id}`, { body: { name: "Kiel", kind: "intranet", subnets: [], version: detail.version } })).status).toBe(409);
    expect((await call("DELETE", `/sites/${id}`)).status).toBe(200);
    expect((await call("GET", `/sites/${id}`)).status).toBe(404);
  });

  it("refuse with a code, a sentence, the fields and a request id", async () => {
    const response = await call("POST", "/sites", { body: { name: "", kind: "intranet", subnets: ["10.0.0.1/8"], colour: "red" } });
    expect(response.status).toBe(400);
    const error = await errorOf(response);
    expect(error.code).toBe("input-invalid");
    expect(error.fields.map((field) => field.path)).toEqual(expect.arrayContaining(["name", "subnets.0"]));
    expect(error.requestId).toMatch(/^[0-9a-f-]{36}$/);
    await call("POST", "/sites", { body: { name: "Berlin", kind: "intranet" } });
    expect((await call("POST", "/sites", { body: { name: "berlin", kind: "intranet" } })).status).toBe(409);
  });

  it("are held to the key's role, whatever the method [T32]", async () => {
    const auditor = await keyFor("auditor");
    expect((await call("GET", "/sites", { apiKey: auditor })).status).toBe(200);
    for (const [method, path, body] of [["POST", "/sites", { name: "X", kind: "intranet" }], ["GET", "/api-keys", undefined], ["POST", "/users", { email: "a@example.com", name: "A", role: "owner" }]] as const) {
      const response = await call(method, path, { apiKey: auditor, body });
      expect(response.status, `${method} ${path}`).toBe(403);
    }
  });

  it("of another organisation are not found [T33]", async () => {
    const { id } = (await (await call("POST", "/sites", { body: { name: "Berlin", kind: "intranet" } })).json()) as { id: string };
    const stranger = await keyFor("owner", await organisation());
    const foreign = await call("GET", `/sites/${id}`, { apiKey: stranger });
    const missing = await call("GET", `/sites/${crypto.randomUUID()}`, { apiKey: stranger });
    expect([foreign.status, missing.status]).toEqual([404, 404]);
    expect((await errorOf(foreign)).message.replace(id, "ID")).toBe((await errorOf(missing)).message.replace(/[0-9a-f-]{36}/, "ID"));
    expect((await call("DELETE", `/sites/${id}`, { apiKey: stranger })).status).toBe(404);
  });

  it("refuse bodies that are no JSON, too large, or reach into prototypes; and wrong methods [T32]", async () => {
    expect((await call("POST", "/sites", { body: "{", headers: { "content-type": "application/json" } })).status).toBe(400);
    expect((await call("POST", "/sites", { body: "name=x", headers: { "content-type": "text/plain" } })).status).toBe(400);
    expect((await call("POST", "/sites", { body: JSON.stringify({ name: "x".repeat(1024 * 1024) }) })).status).toBe(413);
    expect((await call("POST", "/sites", { body: '{"name":"x","kind":"intranet","__proto__":{"isAdmin":true}}' })).status).toBe(400);
    expect((await call("GET", "/sites?__proto__=1")).status).toBe(400);
    const wrong = await call("PUT", "/sites", { body: {} });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, POST"]);
  });
});

describe("the OpenAPI document", () => {
  type Document = { openapi: string; paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>> };

  it("lists every procedure but the live stream, and every error status", async () => {
    const document = (await (await call("GET", "/openapi.json", { apiKey: null })).json()) as Document;
    const listed = Object.values(document.paths).flatMap((methods) => Object.values(methods).map((operation) => operation.operationId));
    const { appRouter } = await import("../../server/trpc/root.ts");
    expect([...listed, "live.changes"].sort()).toEqual(Object.keys(appRouter._def.procedures).sort());
    expect(document.openapi).toBe("3.1.0");
    const statuses = new Set(Object.values(consoleErrors).map(({ status }) => String(status)));
    for (const status of statuses) expect(document.paths["/sites"]?.["get"]?.responses).toHaveProperty(status);
  });

  it("is what the command line was built from", async () => {
    const { restOperations } = await import("../../server/rest/handle.ts");
    const { cliOperations } = await import("../../server/rest/cli-operations.ts");
    await expect(cliOperations(restOperations())).toMatchFileSnapshot("../../cli/operations.json");
  });
});

describe("the tRPC door", () => {
  const trpc = (path: string, init: RequestInit = {}) => fetch(`${doors.url}/api/trpc/${path}`, init);
  const codeOf = async (response: Response) => ((await response.json()) as { error: { data: { code: string } } }).error.data.code;

  async function cookie(): Promise<string> {
    const email = `ana${count}@example.com`;
    await createOwner({ organisationId, email, password: "correct horse battery" });
    const reply = await fetch(`${doors.url}/api/auth/sign-in/email`, { method: "POST", headers: { origin: doors.url, "content-type": "application/json" }, body: JSON.stringify({ email, password: "correct horse battery" }) });
    return reply.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  }

  it("takes changes from the console's own page only, as JSON, by POST [T32]", async () => {
    const session = await cookie();
    const site = JSON.stringify({ name: "Berlin", kind: "intranet" });
    const post = (headers: Record<string, string>, body = site) => trpc("site.create", { method: "POST", headers: { cookie: session, "content-type": "application/json", ...headers }, body });
    expect((await post({ origin: "https://evil.example" })).status).toBe(403);
    expect((await post({})).status).toBe(403);
    expect((await post({ origin: doors.url, "content-type": "text/plain" })).status).toBe(400);
    expect((await post({ origin: doors.url, "x-middleware-subrequest": "proxy:proxy" })).status).toBe(403);
    expect((await post({ origin: doors.url }, '{"name":"x","kind":"intranet","constructor":{"prototype":{}}}')).status).toBe(400);
    expect((await post({ origin: doors.url }, JSON.stringify({ name: "x".repeat(1024 * 1024), kind: "intranet" }))).status).toBe(413);
    expect((await trpc(`site.create?input=${encodeURIComponent(site)}`, { headers: { cookie: session } })).status).toBe(400);
    expect(await db().site.count({ where: { organisationId } })).toBe(0);
    expect((await post({ origin: doors.url })).status).toBe(200);
    expect(await db().site.count({ where: { organisationId } })).toBe(1);
  });

  it("answers nobody without a session, and at most twenty calls in one batch [T32]", async () => {
    const nobody = await trpc("site.list?input=%7B%7D");
    expect([nobody.status, await codeOf(nobody)]).toEqual([401, "not-signed-in"]);
    const session = await cookie();
    const names = Array(21).fill("user.me").join(",");
    expect((await trpc(`${names}?batch=1&input=%7B%7D`, { headers: { cookie: session } })).status).toBe(400);
    expect((await trpc(`user.me,user.me?batch=1&input=%7B%7D`, { headers: { cookie: session } })).status).toBe(200);
    expect((await trpc(`site.list?input=${encodeURIComponent('{"__proto__":{"a":1}}')}`, { headers: { cookie: session } })).status).toBe(400);
  });

  it("refuses the next call of a person who was lowered or removed while the page is open [T34]", async () => {
    const session = await cookie();
    const create = (name: string) => trpc("site.create", { method: "POST", headers: { cookie: session, origin: doors.url, "content-type": "application/json" }, body: JSON.stringify({ name, kind: "intranet" }) });
    expect((await create("Berlin")).status).toBe(200);
    await db().membership.updateMany({ where: { organisationId }, data: { role: "auditor" } });
    const lowered = await create("Bonn");
    expect([lowered.status, await codeOf(lowered)]).toEqual([403, "not-allowed"]);
    await db().membership.deleteMany({ where: { organisationId } });
    const removed = await create("Kiel");
    expect([removed.status, await codeOf(removed)]).toEqual([401, "not-signed-in"]);
    expect(await db().site.count({ where: { organisationId } })).toBe(1);
  });

  it("closes an open stream within five seconds of the session's end [T34]", async () => {
    const session = await cookie();
    const stream = await trpc("live.changes", { headers: { cookie: session, accept: "text/event-stream" } });
    expect(stream.status).toBe(200);
    const reader = stream.body?.getReader();
    await reader?.read();
    const ended = Date.now();
    await db().session.deleteMany({ where: { userId: (await db().user.findFirstOrThrow({ where: { memberships: { some: { organisationId } } } })).id } });
    let text = "";
    for (;;) {
      const part = await reader?.read();
      if (!part || part.done) break;
      text += Buffer.from(part.value).toString();
      if (text.includes("not-signed-in")) break;
    }
    expect(Date.now() - ended).toBeLessThan(5_500);
    await reader?.cancel();
  });
});
