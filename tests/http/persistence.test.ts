/** Clients stay on their member for one login session and not longer, whichever cookie says so; and a client that cannot bear a second Set-Cookie never sees one. */
import { randomBytes, randomUUID } from "node:crypto";
import { beforeAll, afterAll, afterEach, describe, expect, it } from "vitest";
import { persistence as persistenceSchema } from "../../contract/persistence.ts";
import type { Persistence } from "../../contract/persistence.ts";
import { sealMember } from "../../gateway-worker/pools/cookie.ts";
import { Browser, nodeOf } from "./support/browser.ts";
import { EngineBench, offer } from "./support/engine-bench.ts";
import type { Offered, ServiceSettings } from "./support/engine-bench.ts";
import { fieldsOf } from "./support/raw-client.ts";
import { startApplication } from "./support/stateful-application.ts";
import type { Application } from "./support/stateful-application.ts";

let bench: EngineBench;
const open: { close: () => unknown }[] = [];
beforeAll(async () => {
  bench = await EngineBench.start();
});
afterAll(() => bench.close());
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});
let revision = 0;

async function serve(persistence: Record<string, unknown>, { cookieName = "ovidCookie", ...more }: { cookieName?: string } & Partial<ServiceSettings> = {}): Promise<{ offered: Offered; nodes: [Application, Application]; settings: Persistence }> {
  const nodes: [Application, Application] = [await startApplication("one", cookieName), await startApplication("two", cookieName)];
  open.push(...nodes);
  const settings = persistenceSchema.parse(persistence);
  const offered = offer({ service: { persistence: settings, ...more.service }, pool: { scheduling: "round-robin", ...more.pool }, members: nodes.map(({ port }) => ({ port })) });
  await bench.apply([offered], (revision += 1));
  return { offered, nodes, settings };
}

function browser(offered: Offered, address = "192.0.2.7"): Browser {
  const made = new Browser(() => bench.connect(offered, { source: { address, port: 40_000 } }));
  open.push({ close: () => made.hangUp() });
  return made;
}

/** Login, four pages with their tokens (in the body or a field, now and then over a new connection), logout. Returns the nodes that answered. */
async function session(user: Browser): Promise<Set<string>> {
  const login = await user.ask("/login", { method: "POST", body: "user=a" });
  const seen = new Set([nodeOf(login) ?? "?"]);
  let token = login.body;
  for (let page = 0; page < 4; page += 1) {
    if (page === 2) user.hangUp();
    const answer = page % 2 === 0 ? await user.ask("/send", { method: "POST", body: token }) : await user.ask("/page", { fields: { "X-CSRF-Token": token } });
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body} from ${nodeOf(answer)}`);
    seen.add(nodeOf(answer) ?? "?");
    token = answer.body;
  }
  const bye = await user.ask("/logout", { method: "POST", body: token });
  if (bye.body !== "bye") throw new Error(`${bye.status} ${bye.body}`);
  seen.add(nodeOf(bye) ?? "?");
  user.hangUp();
  return seen;
}

describe("login sessions", () => {
  it.each([
    ["a cookie of the gateway's own", { kind: "cookie-insert", endsWithCookie: "ovidCookie" }],
    ["a prefix in the application's cookie", { kind: "cookie-prefix", cookieName: "ovidCookie" }],
    ["the application's cookie, remembered", { kind: "cookie-follow" }],
  ])("keeps each of 1,000 sessions with CSRF tokens on one member until logout, by %s [S3-12] [S3-13] [S3-15] [S3-34] [S3-35]", async (_name, persistence) => {
    const { offered, nodes } = await serve(persistence);
    let left = 1_000;
    const moved: string[] = [];
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const seen = await session(browser(offered));
        if (seen.size > 1) moved.push([...seen].join(" and "));
      }
    };
    await Promise.all(Array.from({ length: 40 }, worker));
    expect(moved).toEqual([]);
    expect(nodes.map(({ strangers }) => strangers)).toEqual([0, 0]);
    const [one, two] = nodes;
    expect(one.logins + two.logins).toBe(1_000);
    expect(Math.min(one.logins, two.logins)).toBeGreaterThan(400);
  }, 120_000);

  it.each([
    ["cookie-insert", { kind: "cookie-insert", endsWithCookie: "ovidCookie" }],
    ["cookie-prefix", { kind: "cookie-prefix", cookieName: "ovidCookie" }],
    ["cookie-follow", { kind: "cookie-follow" }],
  ])("lets the login after a logout go to another member, with %s [S3-14]", async (_kind, persistence) => {
    const { offered } = await serve(persistence);
    const user = browser(offered);
    const nodes = new Set<string>();
    for (let login = 0; login < 6; login += 1) for (const node of await session(user)) nodes.add(node);
    expect([...nodes].toSorted()).toEqual(["one", "two"]);
  });

  it("does not end stickiness at a logout that the service does not watch", async () => {
    const { offered } = await serve({ kind: "cookie-insert" });
    const user = browser(offered);
    const nodes = new Set<string>();
    for (let login = 0; login < 4; login += 1) for (const node of await session(user)) nodes.add(node);
    expect(nodes.size).toBe(1);
  });
});

describe("the gateway's own cookie", () => {
  it("is set once, tells nothing, is never shown to a member, and has the attributes that the service says [S2-02] [T28]", async () => {
    const { offered } = await serve({ kind: "cookie-insert", cookieName: "stick", lifetimeSeconds: 600, sameSite: "strict" });
    const user = browser(offered);
    user.cookies.set("a", "1");
    const first = await user.ask("/b/enroll");
    const own = fieldsOf(first, "Set-Cookie").filter((text) => text.startsWith("stick="));
    expect(own).toHaveLength(1);
    expect(own[0]).toMatch(/^stick=[A-Za-z0-9_-]{71}; Max-Age=600; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
    const second = await user.ask("/b/enroll");
    expect(fieldsOf(second, "Set-Cookie")).toEqual(["enrol=1; Path=/b"]);
    // The member answers with the cookies it saw.
    expect(second.body).toBe("a=1; enrol=1");
  });

  it("is ignored and set anew when it is forged, foreign, stale or one of a hundred [T28]", async () => {
    const { offered } = await serve({ kind: "cookie-insert" });
    const [one] = offered.members;
    const key = offered.service.persistenceKey;
    const sealed = (changes: { key?: string; serviceId?: string; memberId?: string; expiresAt?: number | null }): string => sealMember(changes.key ?? key, { serviceId: changes.serviceId ?? offered.service.id, memberId: changes.memberId ?? one?.id ?? "", expiresAt: changes.expiresAt ?? null });
    const good = sealed({});
    const forged = ["", "x", one?.id ?? "", randomBytes(53).toString("base64url"), `${good}A`, good.slice(1), `B${good.slice(1)}`, sealed({ key: randomBytes(32).toString("base64") }), sealed({ serviceId: randomUUID() }), sealed({ memberId: randomUUID() }), sealed({ expiresAt: Date.now() - 1 }), Array.from({ length: 100 }, () => randomBytes(53).toString("base64url")).join("; sallyport=")];
    const nodes = new Set<string>();
    for (const value of forged) {
      const user = browser(offered);
      user.cookies.set("sallyport", value);
      const answer = await user.ask("/b/enroll");
      nodes.add(nodeOf(answer) ?? "?");
      expect([value.slice(0, 20), fieldsOf(answer, "Set-Cookie").length, answer.body]).toEqual([value.slice(0, 20), 2, ""]);
    }
    // None of them chose the member: the pool's own turn did.
    expect(nodes.size).toBe(2);
    const user = browser(offered);
    user.cookies.set("sallyport", good);
    expect(fieldsOf(await user.ask("/b/enroll"), "Set-Cookie")).toHaveLength(1);
  });

  it("keeps clients on a draining member, and moves them with a new cookie when it is down [S3-34]", async () => {
    const { offered, nodes } = await serve({ kind: "cookie-insert" });
    const user = browser(offered);
    const home = nodeOf(await user.ask("/b/enroll"));
    const at = nodes.findIndex(({ name }) => name === home);
    const members = offered.members.map((member, index) => (index === at ? { ...member, state: "drain" as const } : member));
    const draining = { ...offered, pool: { ...offered.pool, members } };
    await bench.apply([draining], (revision += 1));
    for (let index = 0; index < 5; index += 1) expect(nodeOf(await user.ask("/b/enroll"))).toBe(home);
    for (let index = 0; index < 5; index += 1) expect(nodeOf(await browser(offered).ask("/b/enroll"))).not.toBe(home);
    bench.send({ kind: "members", verdicts: [{ memberId: offered.members[at]?.id ?? "", isUp: false, elsewhere: 0 }], actives: [], isFull: false });
    const moved = await user.ask("/b/enroll");
    expect(nodeOf(moved)).not.toBe(home);
    expect(fieldsOf(moved, "Set-Cookie")).toHaveLength(2);
    expect(fieldsOf(await user.ask("/b/enroll"), "Set-Cookie")).toHaveLength(1);
  });
});

describe("a prefix in the application's cookie", () => {
  it("adds no Set-Cookie, keeps its attributes, and is gone before the member sees it [S3-38] [S3-39]", async () => {
    const { offered } = await serve({ kind: "cookie-prefix", cookieName: "enrol" });
    const user = browser(offered);
    const first = await user.ask("/b/enroll");
    expect(fieldsOf(first, "Set-Cookie")).toHaveLength(1);
    expect(fieldsOf(first, "Set-Cookie")[0]).toMatch(/^enrol=[A-Za-z0-9_-]{71}~1; Path=\/b$/);
    const home = nodeOf(first);
    for (let index = 0; index < 6; index += 1) {
      const answer = await user.ask("/b/enroll");
      expect([nodeOf(answer), answer.body, fieldsOf(answer, "Set-Cookie").length]).toEqual([home, "enrol=1", 1]);
    }
  });

  it("takes a forged prefix away and believes nothing of it [T28]", async () => {
    const { offered } = await serve({ kind: "cookie-prefix", cookieName: "enrol" });
    const user = browser(offered);
    user.cookies.set("enrol", `${randomBytes(53).toString("base64url").slice(0, 71)}~mine`);
    const answer = await user.ask("/b/enroll");
    expect([answer.status, answer.body]).toEqual([200, "enrol=mine"]);
    user.cookies.set("enrol", "value~of~its~own");
    expect((await user.ask("/b/enroll")).body).toBe("enrol=value~of~its~own");
  });
});

describe("the application's cookie, remembered", () => {
  it("adds and changes nothing, tells other engines a hash only, and learns from them [S3-40]", async () => {
    const { offered } = await serve({ kind: "cookie-follow", cookieName: "enrol", idleSeconds: 60 });
    const user = browser(offered);
    const first = await user.ask("/b/enroll");
    expect(fieldsOf(first, "Set-Cookie")).toEqual(["enrol=1; Path=/b"]);
    const home = nodeOf(first);
    for (let index = 0; index < 5; index += 1) expect(nodeOf(await user.ask("/b/enroll"))).toBe(home);
    const [entry] = (await bench.report()).sticky.concat(bench.reports.flatMap(({ sticky }) => sticky)).filter(({ serviceId }) => serviceId === offered.service.id);
    expect(entry?.key).toMatch(/^c[A-Za-z0-9_-]{43}$/);
    const other = offered.members.find(({ id }) => id !== entry?.memberId);
    if (!entry || !other) throw new Error("nothing was told");
    bench.send({ kind: "sticky", entries: [{ ...entry, memberId: other.id, expiresAt: entry.expiresAt + 10_000 }] });
    expect(nodeOf(await user.ask("/b/enroll"))).not.toBe(home);
  });

  it("remembers no value that the application did not give [T28]", async () => {
    const { offered } = await serve({ kind: "cookie-follow" });
    await bench.report();
    const before = bench.reports.length;
    for (let index = 0; index < 10; index += 1) {
      const user = browser(offered);
      user.cookies.set("ovidCookie", randomUUID());
      await user.ask("/page");
    }
    await bench.report();
    expect(bench.reports.slice(before).flatMap(({ sticky }) => sticky)).toEqual([]);
  });
});

describe("clients that expect one Set-Cookie", () => {
  const exceptions = [{ name: "PGP Desktop before 10.5.1", match: { pathPrefix: "/b/", userAgentContains: "PGP Desktop", versionBelow: "10.5.1" } }];

  it("see exactly one in 1,000 enrolment requests, on one member, while browsers still stick [S3-36] [S3-37] [S3-38] [S3-39] [N7]", async () => {
    const { offered } = await serve({ kind: "cookie-insert", exceptions });
    const user = browser(offered);
    const browserHome = nodeOf(await user.ask("/b/enroll"));
    const counts = new Map<number, number>();
    const homes = new Set<string>();
    const enrol = async (): Promise<void> => {
      const client = browser(offered, "198.51.100.20");
      client.userAgent = "PGP Desktop/10.4.0 (Build 4118)";
      for (let index = 0; index < 50; index += 1) {
        // An old client keeps no cookie of ours: it never got one.
        const answer = await client.ask("/b/enroll");
        const count = fieldsOf(answer, "Set-Cookie").length;
        counts.set(count, (counts.get(count) ?? 0) + 1);
        homes.add(nodeOf(answer) ?? "?");
        if (index % 5 === 0) expect(nodeOf(await user.ask("/b/enroll"))).toBe(browserHome);
        if (index % 10 === 0) client.hangUp();
      }
    };
    for (let round = 0; round < 20; round += 1) await enrol();
    expect([...counts]).toEqual([[1, 1_000]]);
    expect(homes.size).toBe(1);
    expect(fieldsOf(await browser(offered).ask("/b/enroll"), "Set-Cookie")).toHaveLength(2);
  }, 60_000);

  it.each([["PGP Desktop/10.4", 1], ["PGP Desktop/10.5.0", 1], ["pgp desktop/9.12.1", 1], ["PGP Desktop/10.5.1", 2], ["PGP Desktop/10.5.10", 2], ["PGP Desktop/11", 2], ["PGP Desktop", 2], ["Mozilla/5.0", 2]])("tells versions apart: %s gets %i on the enrolment path [S3-40]", async (userAgent, count) => {
    const { offered } = await serve({ kind: "cookie-insert", exceptions });
    const client = browser(offered);
    client.userAgent = userAgent;
    expect(fieldsOf(await client.ask("/b/enroll"), "Set-Cookie")).toHaveLength(count);
    client.cookies.clear();
    // Another path is no enrolment: only the gateway's cookie, for everybody.
    expect(fieldsOf(await client.ask("/page"), "Set-Cookie")).toHaveLength(1);
  });

  it.each([["none", 1, false], ["cookie-prefix", 1, true], ["source-address", 1, true], ["cookie-insert", 2, true]] as const)("can be given another method: %s [S3-36]", async (use, count, sticks) => {
    const { offered } = await serve({ kind: "cookie-follow", cookieName: "unused", exceptions: [{ name: "old", match: { userAgentContains: "Old" }, use, cookieName: use === "cookie-prefix" ? "enrol" : null }] });
    const client = browser(offered);
    client.userAgent = "Old/1";
    const first = await client.ask("/b/enroll");
    expect(fieldsOf(first, "Set-Cookie")).toHaveLength(count);
    const homes = new Set<string>();
    for (let index = 0; index < 6; index += 1) homes.add(nodeOf(await client.ask("/b/enroll")) ?? "?");
    expect(homes.size === 1).toBe(sticks);
  });
});
