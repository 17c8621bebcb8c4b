/** Virtual services from the console's form to bytes through an enrolled gateway: health and its history, restarts, a console that is away. */
import "../support/with-database.ts";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LiveServices } from "../support/live-services.ts";
import { type CountingServer, countingServer, until } from "../support/sockets.ts";

let live: LiveServices;
beforeAll(async () => {
  live = await LiveServices.start();
});
afterAll(async () => await live.close());

describe("a member's health", () => {
  it("reaches console, log and metrics with its cause, as a row of history per change [S3-18] [N6]", { timeout: 60_000 }, async () => {
    const service = await live.makeService({ one: await live.startMember("one"), two: await live.startMember("two") });
    const one = service.memberIds.get("one");
    await until(async () => (await live.stateOf(one)) === "up", "the first check is told");
    const port = await live.stopMember("one");
    await until(async () => (await live.stateOf(one)) === "down", "the outage is told", 10_000);
    const events = await live.bench.db.memberHealthEvent.findMany({ where: { memberId: one ?? "" }, orderBy: { id: "asc" } });
    expect(events).toMatchObject([{ before: "unknown", state: "up" }, { before: "up", state: "down", gatewayId: live.gateway.id, poolId: service.poolId, cause: expect.stringMatching(/one: down; .*refused/) as string }]);
    expect(live.worker.output).toContain(events[1]?.cause);
    const metrics = await (await fetch(`${await live.worker.admin()}/metrics`)).text();
    expect(metrics).toContain(`sallyport_member_up{pool="${service.name} pool",member="one"} 0`);
    expect(metrics).toContain(`sallyport_member_up{pool="${service.name} pool",member="two"} 1`);
    expect(metrics).toContain(`sallyport_service_connections{service="${service.name}"} 0`);
    await live.startMember("one", port);
    await until(async () => (await live.stateOf(one)) === "up", "it is up again", 10_000);
    expect(await live.bench.db.memberHealthEvent.count({ where: { memberId: one ?? "" } })).toBe(3);
  });

  it("that changed while the console was away is told once it is back, newest state only [S3-18]", { timeout: 60_000 }, async () => {
    const service = await live.makeService({ away: await live.startMember("away") });
    const member = service.memberIds.get("away");
    await until(async () => (await live.stateOf(member)) === "up", "it is known");
    await live.bench.stopControl();
    const port = await live.stopMember("away");
    await live.worker.until((view) => view.members.some((one) => one.memberId === member && one.state === "down"), "the gateway sees it");
    await live.bench.restartControl();
    await until(async () => (await live.stateOf(member)) === "down", "the console hears of it", 30_000);
    await live.startMember("away", port);
    await until(async () => (await live.stateOf(member)) === "up", "and of the next change", 10_000);
  });
});

describe("a mail proxy whose next hop is gone", () => {
  it("is shown as up with its next hop down, and takes mail on unless the pool says otherwise [S3-17] [S3-18] [N6]", { timeout: 60_000 }, async () => {
    const startMta = async (port?: number): Promise<CountingServer> => await countingServer((socket) => {
      socket.write("220 mta ESMTP\r\n");
      socket.on("data", (line: Buffer) => socket.write(line.toString().toUpperCase().startsWith("QUIT") ? "221 bye\r\n" : "250 mta\r\n"));
    }, port === undefined ? {} : { port });
    let mta = await startMta();
    const front = await countingServer((socket) => {
      const onwards = net.connect({ host: "127.0.0.1", port: mta.port });
      onwards.on("error", () => socket.destroy()).on("close", () => socket.destroy());
      socket.on("close", () => onwards.destroy());
      socket.pipe(onwards).pipe(socket);
    });
    live.members.set("front", front);
    const check = { kind: "smtp", intervalMs: 500, timeoutMs: 400, rise: 1, fall: 2, nextHop: { host: "127.0.0.1", port: mta.port } };
    const service = await live.makeService({ front: front.port }, { pool: { healthCheck: check } });
    const member = service.memberIds.get("front");
    await until(async () => (await live.stateOf(member)) === "up", "both are up");
    expect(await live.visit(service.port)).toBe("220 mta ESMTP");
    await mta.close();
    await until(async () => (await live.stateOf(member)) === "next-hop", "the cause is found", 10_000);
    const [event] = await live.bench.db.memberHealthEvent.findMany({ where: { memberId: member ?? "" }, orderBy: { id: "desc" }, take: 1 });
    expect(event).toMatchObject({ before: "up", state: "next-hop", cause: expect.stringMatching(/^front: up; next hop 127\.0\.0\.1:\d+ /) as string });
    const before = front.accepted;
    await until(async () => {
      await live.visit(service.port);
      return (await live.bench.db.serviceLoad.findFirst({ where: { serviceId: service.id } }))?.load !== undefined && front.accepted > before;
    }, "it is given mail all the same");
    await live.bench.db.pool.update({ where: { id: service.poolId }, data: { healthCheck: { ...check, nextHop: { ...check.nextHop, takesMemberOut: true } } } });
    await live.bench.bump(live.gateway.id);
    await live.applied();
    const refused = async (): Promise<number> => ((await live.bench.db.serviceLoad.findFirst({ where: { serviceId: service.id } }))?.load as { refused?: number } | undefined)?.refused ?? 0;
    await until(async () => {
      await live.visit(service.port);
      return (await refused()) > 0;
    }, "now it is taken out", 10_000);
    mta = await startMta(mta.port);
    await until(async () => (await live.stateOf(member)) === "up", "it is up again", 10_000);
    expect(await live.visit(service.port)).toBe("220 mta ESMTP");
    await mta.close();
  });
});

describe("a service made in the console", () => {
  it("serves through an enrolled gateway at once, goes over to the next member when one is down, and its numbers come back [S2-15] [S3-64] [N7]", { timeout: 60_000 }, async () => {
    const service = await live.makeService({ first: await live.startMember("first"), second: await live.startMember("second") });
    expect(await live.visit(service.port)).toBe("first");
    const port = await live.stopMember("first");
    await until(async () => (await live.stateOf(service.memberIds.get("first"))) === "down", "it is down", 10_000);
    // Connections land on both engines: each has to know.
    for (let turn = 0; turn < 20; turn += 1) expect(await live.visit(service.port)).toBe("second");
    await live.startMember("first", port);
    await until(async () => (await live.stateOf(service.memberIds.get("first"))) === "up", "it is up", 10_000);
    await until(async () => (await live.visit(service.port)) === "first", "clients are back on it");
    await until(async () => ((await live.bench.db.serviceLoad.findFirst({ where: { serviceId: service.id } }))?.load as { opened?: number } | undefined)?.opened === live.visits.get(service.port), "the console has the numbers", 5_000).catch(async (error: unknown) => {
      throw new Error(`${String(error)}: ${JSON.stringify(await live.bench.db.serviceLoad.findFirst({ where: { serviceId: service.id } }))}`);
    });
    expect(await live.bench.db.serviceSample.count({ where: { serviceId: service.id } })).toBeGreaterThan(0);
  });

  it("counts a member's connections over all engines for its limit, and cuts them when somebody asks for it", { timeout: 60_000 }, async () => {
    const ports = { small: await live.startMember("small"), large: await live.startMember("large") };
    const service = await live.makeService(ports, { pool: { healthCheck: { kind: "none" }, members: [{ name: "small", host: "127.0.0.1", port: ports.small, maxConnections: 3 }, { name: "large", host: "127.0.0.1", port: ports.large }] } });
    const held = await Promise.all([1, 2, 3].map(async () => await live.hold(service.port)));
    expect(held.map(({ member }) => member)).toEqual(["small", "small", "small"]);
    await until(async () => (await Promise.all(Array.from({ length: 16 }, async () => await live.visit(service.port)))).every((name) => name === "large"), "every engine knows of the others' connections");
    for (let turn = 0; turn < 10; turn += 1) expect(await live.visit(service.port)).toBe("large");
    const ended = held.map(async ({ socket }) => await new Promise((resolve) => socket.once("close", resolve)));
    const { setMemberState } = await import("../../server/services/pool/set-member-state.ts");
    await setMemberState(live.bench.caller, { poolId: service.poolId, memberId: service.memberIds.get("small") ?? "", state: "disabled", cuts: true });
    await Promise.all(ended);
    expect(await live.visit(service.port)).toBe("large");
  });

  it("stays with the member in use when it does not fail back, also over a restart of the gateway [S3-64] [N7] [N12]", { timeout: 90_000 }, async () => {
    const service = await live.makeService({ left: await live.startMember("left"), stays: await live.startMember("stays") }, { pool: { failsBack: false } });
    expect(await live.visit(service.port)).toBe("left");
    const port = await live.stopMember("left");
    await until(async () => (await live.stateOf(service.memberIds.get("left"))) === "down", "it is down", 10_000);
    expect(await live.visit(service.port)).toBe("stays");
    await live.startMember("left", port);
    await until(async () => (await live.stateOf(service.memberIds.get("left"))) === "up", "it is up", 10_000);
    for (let turn = 0; turn < 10; turn += 1) expect(await live.visit(service.port)).toBe("stays");
    await live.restart("SIGTERM");
    for (let turn = 0; turn < 10; turn += 1) expect(await live.visit(service.port)).toBe("stays");
  });

  it("keeps clients on their member while the gateway is killed, starts again and the console is away [S3-41] [S3-42] [N12]", { timeout: 90_000 }, async () => {
    const ports = Object.fromEntries(await Promise.all(["a", "b", "c", "d"].map(async (name) => [name, await live.startMember(name)] as const)));
    const service = await live.makeService(ports, { pool: { scheduling: "weighted-round-robin" }, persistence: { kind: "source-address" } });
    const mine = await live.visit(service.port);
    expect(mine).toMatch(/^[abcd]$/);
    // From here on a client that nobody knows would go to another member 768 times of 769.
    await live.bench.db.poolMember.updateMany({ where: { poolId: service.poolId, name: { not: mine } }, data: { weight: 256 } });
    await live.bench.bump(live.gateway.id);
    await live.applied();
    for (let turn = 0; turn < 10; turn += 1) expect(await live.visit(service.port)).toBe(mine);
    await until(() => fs.existsSync(path.join(live.worker.stateDir, "sticky.json")) && fs.readFileSync(path.join(live.worker.stateDir, "sticky.json"), "utf8").includes(service.id), "the kept client is on disk");
    await live.bench.stopControl();
    await live.restart("SIGKILL");
    expect((await live.worker.ready()).text).toMatch(/the console is not connected/);
    for (let turn = 0; turn < 10; turn += 1) expect(await live.visit(service.port)).toBe(mine);
    await live.bench.restartControl();
    await live.worker.until((view) => view.channel.state === "subscribed", "the console is back", 30_000);
    expect(await live.visit(service.port)).toBe(mine);
  });
});
