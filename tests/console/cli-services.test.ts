/** Virtual services and pools from the command line and over REST: the same rules and the same words as in the pages. */
import "../support/with-database.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { main } from "../../cli/main.ts";
import { createApiKey } from "../../server/services/api-key/create.ts";
import { startDoors, type Doors } from "../support/console-doors.ts";
import { makeOrganisation, type Organisation } from "./support/console.ts";

let doors: Doors;
let org: Organisation;
let key: string;

beforeAll(async () => {
  doors = await startDoors();
});

beforeEach(async () => {
  org = await makeOrganisation();
  key = (await createApiKey(org.callerAs("owner"), { name: "test", role: "administrator", daysValid: 1 })).key;
  process.env["SALLYPORT_URL"] = doors.url;
  process.env["SALLYPORT_API_KEY"] = key;
});

afterAll(() => {
  delete process.env["SALLYPORT_URL"];
  delete process.env["SALLYPORT_API_KEY"];
});

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const code = await main(args, { out: (text) => (out += text), err: (text) => (err += text), width: 200 });
  return { code, out, err };
}

async function ok(...args: string[]): Promise<string> {
  const { code, out, err } = await run(...args);
  expect({ args, code, err }).toMatchObject({ code: 0 });
  return out;
}

const members = JSON.stringify([{ name: "one", host: "one.corp.example", port: 443 }, { name: "two", host: "two.corp.example", port: 443, weight: 3 }]);

describe("round robin for a session-bound pool", () => {
  it("is refused with the same code and sentence by the API, the command line and the pages [N7] [S3-60] [S3-63]", async () => {
    const response = await fetch(`${doors.url}/api/v1/pools`, { method: "POST", headers: { authorization: `Bearer ${key}`, "content-type": "application/json" }, body: JSON.stringify({ name: "Mail", scheduling: "round-robin", isSessionBound: true }) });
    const { error } = (await response.json()) as { error: { code: string; message: string; fields: { path: string }[] } };
    expect(response.status).toBe(409);
    expect(error).toMatchObject({ code: "round-robin-session-bound", fields: [{ path: "scheduling" }] });
    const typed = await run("pool", "create", "Mail", "--scheduling", "round-robin", "--session-bound", "yes", "--json");
    expect(typed.code).toBe(1);
    expect(JSON.parse(typed.err)).toMatchObject({ error: { code: "round-robin-session-bound", message: error.message } });
    const paged = await org.as("administrator").pool.create({ name: "Mail", scheduling: "round-robin", isSessionBound: true }).catch((refused: unknown) => refused);
    expect(paged).toMatchObject({ message: error.message });
    expect((await run("pool", "create", "Mail", "--scheduling", "round-robin", "--session-bound", "yes")).err).toContain("failover");
  });
});

describe("the command line", () => {
  it("makes a service with its pool by names, changes one field of it, and shows it [S2-13] [S2-15]", async () => {
    await ok("gateway", "create", "edge1", "--public-names", "gw.example.com");
    await ok("certificate", "issue-for-service", "Mail", "--names", "mail.example.com", "*.mail.example.com");
    await ok("pool", "create", "Mail servers", "--session-bound", "yes", "--members", members);
    await ok("virtual-service", "create", "Mail", "--port", "8443", "--server-names", "mail.example.com", "--pool", "Mail servers", "--gateways", "edge1", "--certificates", "Mail");
    await ok("virtual-service", "update", "mail", "--mode", "tls-offload");
    expect(JSON.parse(await ok("virtual-service", "show", "Mail", "--json"))).toMatchObject({ mode: "tls-offload", port: 8443, serverNames: ["mail.example.com"], pool: { name: "Mail servers" }, gateways: [{ name: "edge1" }], certificates: [{ name: "Mail", names: ["mail.example.com", "*.mail.example.com"] }], version: 1 });
    expect(await ok("virtual-services", "list")).toMatch(/NAME +STATE +MODE.*\nMail +unknown +tls-offload +tcp +\[::\]:8443 +mail\.example\.com +0\/2 +0 /);
    expect(await ok("pool", "list")).toMatch(/Mail servers +unknown +failover +0\/2 +tcp +1 /);
    expect(JSON.parse(await ok("search", "mail", "--json"))).toEqual(expect.arrayContaining([expect.objectContaining({ kind: "virtualService", name: "Mail" }), expect.objectContaining({ kind: "pool", name: "Mail servers" })]));
  });

  it("drains a member by its name, and asks before the last one goes", async () => {
    await ok("gateway", "create", "edge1");
    await ok("pool", "create", "Mail servers", "--members", members);
    await ok("virtual-service", "create", "Mail", "--port", "8443", "--pool", "Mail servers", "--gateways", "edge1");
    expect(JSON.parse(await ok("pool", "member-impact", "Mail servers", "one", "--state", "drain", "--json"))).toMatchObject({ needsConfirmation: false, sharesAfter: [{ name: "one", share: 0 }, { name: "two", share: 1 }] });
    await ok("pool", "set-member-state", "Mail servers", "one", "--state", "drain");
    expect(await run("pool", "set-member-state", "Mail servers", "three", "--state", "drain")).toMatchObject({ code: 2, err: expect.stringContaining("it has: one, two") });
    expect(await run("pool", "set-member-state", "Mail servers", "two", "--state", "disabled")).toMatchObject({ code: 2, err: expect.stringContaining('Service "Mail" would have no working member left') });
    await ok("pool", "set-member-state", "Mail servers", "two", "--state", "disabled", "--yes");
    await ok("pool", "update", "Mail servers", "--scheduling", "least-connections");
    expect(JSON.parse(await ok("pool", "show", "Mail servers", "--json"))).toMatchObject({ scheduling: "least-connections", members: [{ name: "one", state: "drain", weight: 1 }, { name: "two", state: "disabled", weight: 3 }], version: 3 });
    expect(await run("pool", "delete", "Mail servers", "--yes")).toMatchObject({ code: 1, err: expect.stringContaining('virtual service "Mail" uses it') });
    expect(await run("virtual-service", "set-enabled", "Mail", "--enabled", "no")).toMatchObject({ code: 2, err: expect.stringContaining("--yes") });
    await ok("virtual-service", "set-enabled", "Mail", "--enabled", "no", "--yes");
    await ok("virtual-service", "delete", "Mail", "--yes");
    await ok("pool", "delete", "Mail servers", "--yes");
  });
});
