/** The runner against members on loopback: when it checks, what it believes, what it reports. */
import { randomUUID } from "node:crypto";
import net from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type HealthCheck, healthCheck, type MemberHealth } from "../../contract/health-check.ts";
import { snapshotPool, type SnapshotPool } from "../../contract/pool.ts";
import type { CheckResult } from "../../gateway-worker/supervisor/health/member-state.ts";
import { ProbeMeans } from "../../gateway-worker/supervisor/health/probe-means.ts";
import { probeMember } from "../../gateway-worker/supervisor/health/probe.ts";
import { HealthRunner, type HealthRunnerOptions } from "../../gateway-worker/supervisor/health/runner.ts";
import { blackHole, countingServer, freePort, until } from "../support/sockets.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

type Changes = { runner: HealthRunner; changes: MemberHealth[] };

function start(options: Partial<HealthRunnerOptions> = {}): Changes {
  const changes: MemberHealth[] = [];
  const runner = new HealthRunner({ ...options, onChange: (health) => void changes.push(health) });
  closers.push(() => runner.stop());
  return { runner, changes };
}

type PoolOptions = { check?: Partial<HealthCheck> & { kind: HealthCheck["kind"] }; passive?: SnapshotPool["passiveCheck"]; members: { id?: string; name?: string; host?: string; port: number; state?: "enabled" | "drain" | "disabled" }[]; id?: string };

function pool(options: PoolOptions): SnapshotPool {
  const check = options.check ?? { kind: "tcp" as const, intervalMs: 500, timeoutMs: 300, rise: 2, fall: 2 };
  return snapshotPool.parse({
    id: options.id ?? randomUUID(),
    name: "pool",
    healthCheck: check,
    passiveCheck: options.passive ?? null,
    members: options.members.map((member, index) => ({ id: randomUUID(), name: `mail${index + 1}`, host: "127.0.0.1", ...member })),
  });
}

const up = (name = "mail1"): CheckResult => ({ state: "up", cause: `${name}: up`, certificate: null });
const down = (why = "refused"): CheckResult => ({ state: "down", cause: `mail1: down; ${why}`, certificate: null });

/** A runner whose one member's checks give what the list says, then the last one for ever. */
async function scripted(results: CheckResult[], options: { rise?: number; fall?: number; passive?: SnapshotPool["passiveCheck"] } = {}): Promise<Changes & { seen: () => number; memberId: string }> {
  let count = 0;
  const { runner, changes } = start({
    probe: async () => {
      const result = results[Math.min(count, results.length - 1)];
      count += 1;
      if (!result) throw new Error("the script is empty");
      return await Promise.resolve(result);
    },
  });
  const memberId = randomUUID();
  runner.watch([pool({ check: { kind: "tcp", intervalMs: 500, timeoutMs: 300, rise: options.rise ?? 2, fall: options.fall ?? 3 }, passive: options.passive ?? null, members: [{ id: memberId, port: 25 }] })]);
  return { runner, changes, seen: () => count, memberId };
}

describe("health of members by TCP", () => {
  it("knows a member after one check, and says that a refused connection was refused [S3-16] [N6]", async () => {
    const alive = await countingServer((socket) => socket.resume());
    closers.push(alive.close);
    const dead = await freePort();
    const { runner, changes } = start();
    runner.watch([pool({ members: [{ port: alive.port }, { port: dead }] })]);
    await until(() => changes.length === 2, "both members are known");
    expect(changes.map((change) => change.state).toSorted()).toEqual(["down", "up"]);
    expect(runner.all().map((health) => health.cause)).toEqual(["mail1: up", `mail2: down; 127.0.0.1:${dead} refused the connection`]);
    expect(alive.accepted).toBeGreaterThan(0);
  });

  it("takes a member out after `fall` checks and back after `rise`, both within two intervals [N6]", async () => {
    const port = await freePort();
    let server = await countingServer((socket) => socket.resume(), { port });
    closers.push(async () => await server.close());
    const { runner, changes } = start();
    runner.watch([pool({ check: { kind: "tcp", intervalMs: 1_000, timeoutMs: 300, rise: 2, fall: 3, jitterPercent: 10 }, members: [{ port }] })]);
    await until(() => changes.at(-1)?.state === "up", "the member is up");
    const stopped = performance.now();
    await server.close();
    await until(() => changes.at(-1)?.state === "down", "the member is down");
    expect(performance.now() - stopped).toBeLessThan(2_100);
    const started = performance.now();
    server = await countingServer((socket) => socket.resume(), { port });
    await until(() => changes.at(-1)?.state === "up", "the member is up again");
    expect(performance.now() - started).toBeLessThan(2_100);
    expect(changes.map((change) => change.state)).toEqual(["up", "down", "up"]);
  });

  it("ends a check at its time-out when packets are dropped, and says so", async () => {
    const hole = await blackHole();
    closers.push(hole.close);
    const { runner, changes } = start();
    runner.watch([pool({ members: [{ port: hole.port }] })]);
    await until(() => changes.length === 1, "the check ends");
    expect(changes[0]).toMatchObject({ state: "down", cause: `mail1: down; 127.0.0.1:${hole.port} did not accept a connection within 300 ms` });
    expect(changes[0]?.tookMs).toBeGreaterThan(280);
    expect(changes[0]?.tookMs).toBeLessThan(1_000);
    expect(runner.all()).toHaveLength(1);
  });

  it("says that a name does not resolve", async () => {
    const { runner, changes } = start();
    runner.watch([pool({ check: { kind: "tcp", intervalMs: 5_000, timeoutMs: 3_000 }, members: [{ host: "mail.invalid", port: 25 }] })]);
    await until(() => changes.length === 1, "the check ends");
    expect(runner.all()[0]?.cause).toMatch(/^mail1: down; mail\.invalid did not resolve on the gateway/);
  });
});

describe("what is believed about a member", () => {
  it("stays up while a member flaps below its fall count [T31]", async () => {
    const flapping = [up(), down(), down(), up(), down(), down(), up(), down(), up()];
    const { changes, seen } = await scripted(flapping, { fall: 3 });
    await until(() => seen() > flapping.length, "all results are in");
    expect(changes.map((change) => change.state)).toEqual(["up"]);
  });

  it("stays down while a member flaps below its rise count [T31]", async () => {
    const flapping = [down(), up(), down(), up(), down(), up(), up()];
    const { changes, seen } = await scripted(flapping, { rise: 2 });
    await until(() => changes.length === 2, "the member is up again");
    expect(seen()).toBe(7);
    expect(changes.map((change) => change.state)).toEqual(["down", "up"]);
  });

  it("reports a new cause once it has come twice, and two alternating ones not at all [T31]", async () => {
    const { changes, seen } = await scripted([down("refused"), down("slow"), down("refused"), down("slow"), down("slow"), down("slow")]);
    await until(() => seen() >= 6, "all results are in");
    expect(changes.map((change) => change.cause)).toEqual(["mail1: down; refused", "mail1: down; slow"]);
    expect(changes[1]?.since).toBe(changes[0]?.since);
  });
});

describe("passive health", () => {
  it("takes a member out after failures in a row although its check passes, and lets a passing check end the hold", async () => {
    const { runner, changes, memberId } = await scripted([up()], { passive: { failures: 3, holdMs: 1_000 } });
    await until(() => changes.length === 1, "the member is up");
    runner.passiveFailure(memberId, 2, "refused");
    expect(runner.isUsable(memberId)).toBe(true);
    const failed = performance.now();
    runner.passiveFailure(memberId, 3, "10.1.2.3:25 refused the connection");
    expect(runner.isUsable(memberId)).toBe(false);
    expect(changes.at(-1)).toMatchObject({ state: "down", cause: "mail1: down; 3 connections in a row failed: 10.1.2.3:25 refused the connection" });
    await until(() => runner.isUsable(memberId), "the member is back");
    expect(performance.now() - failed).toBeGreaterThan(990);
    expect(changes.map((change) => change.state)).toEqual(["up", "down", "up"]);
  });

  it("brings a member without a check back on trial, and takes it out again at the next failure", async () => {
    const { runner, changes } = start();
    const memberId = randomUUID();
    runner.watch([pool({ check: { kind: "none" }, passive: { failures: 3, holdMs: 1_000 }, members: [{ id: memberId, port: 25 }] })]);
    expect(changes.at(-1)).toMatchObject({ state: "up", cause: "mail1: up; not checked, taken out when connections to it fail" });
    runner.passiveFailure(memberId, 3, "refused");
    expect(runner.isUsable(memberId)).toBe(false);
    await until(() => changes.at(-1)?.state === "up", "the hold is over");
    expect(changes.at(-1)?.cause).toContain("on trial");
    runner.passiveFailure(memberId, 4, "refused");
    expect(runner.isUsable(memberId)).toBe(false);
    await until(() => changes.at(-1)?.state === "up", "the second hold is over");
    runner.passiveSuccess(memberId);
    expect(changes.at(-1)?.cause).toBe("mail1: up; not checked, taken out when connections to it fail");
  });
});

describe("changing pools", () => {
  it("does not check a disabled member, and checks it as soon as it is enabled", async () => {
    const server = await countingServer((socket) => socket.resume());
    closers.push(server.close);
    const { runner, changes } = start();
    const [id, memberId] = [randomUUID(), randomUUID()];
    runner.watch([pool({ id, members: [{ id: memberId, port: server.port, state: "disabled" }] })]);
    expect(runner.all()[0]).toMatchObject({ state: "unknown", cause: "mail1: disabled" });
    expect(runner.isUsable(memberId)).toBe(false);
    runner.watch([pool({ id, members: [{ id: memberId, port: server.port }] })]);
    await until(() => changes.at(-1)?.state === "up", "the member is up");
    runner.watch([pool({ id, members: [{ id: memberId, port: server.port, state: "disabled" }] })]);
    const { accepted } = server;
    expect(changes.at(-1)?.cause).toBe("mail1: disabled");
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(server.accepted).toBe(accepted);
  });

  it("keeps what it knows of members that stay, forgets those that go, and starts anew with a member that moved", async () => {
    const server = await countingServer((socket) => socket.resume());
    closers.push(server.close);
    const { runner, changes } = start();
    const [id, first, second] = [randomUUID(), randomUUID(), randomUUID()];
    runner.watch([pool({ id, members: [{ id: first, port: server.port }, { id: second, port: server.port }] })]);
    await until(() => changes.length === 2, "both are up");
    const before = runner.all()[0];
    runner.watch([pool({ id, members: [{ id: first, port: server.port }] })]);
    expect(runner.all()).toHaveLength(1);
    expect(runner.all()[0]).toMatchObject({ memberId: first, state: "up", since: before?.since });
    expect(runner.isUsable(second)).toBe(false);
    runner.watch([pool({ id, members: [{ id: first, port: await freePort() }] })]);
    expect(runner.all()[0]?.state).toBe("unknown");
    await until(() => changes.at(-1)?.state === "down", "the new place is checked");
  });
});

describe("stopping", () => {
  it("ends the checks under way and leaves no socket behind", async () => {
    const silent = await countingServer((socket) => void socket.resume().on("end", () => socket.end()));
    closers.push(silent.close);
    const { runner, changes } = start();
    runner.watch([pool({ check: { kind: "smtp", intervalMs: 60_000, timeoutMs: 50_000 }, members: [{ port: silent.port }] })]);
    await until(() => silent.open.size === 1, "a check is under way");
    runner.stop();
    await until(() => silent.open.size === 0, "its socket is closed");
    expect(changes).toEqual([]);
  });

  it("holds nothing of a check that has ended", async () => {
    const server = await countingServer((socket) => socket.end("220 hello\r\n"));
    closers.push(server.close);
    const means = new ProbeMeans();
    const check = healthCheck.parse({ kind: "smtp", timeoutMs: 1_000 });
    if (check.kind === "none") throw new Error("no check");
    for (let round = 0; round < 20; round += 1) await probeMember({ member: { name: "mail1", host: "127.0.0.1", port: server.port }, check, means });
    await until(() => means.openCount === 0, "all sockets are closed");
  });
});

describe("many members", () => {
  it("spreads the checks of 500 members over the interval, first ones too [T31]", async () => {
    const startedAt: number[] = [];
    let under = 0;
    let underMax = 0;
    const server = net.createServer((socket) => {
      startedAt.push(performance.now());
      socket.on("error", () => {}).resume();
    });
    await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0, backlog: 512 }, resolve));
    closers.push(() => server.close());
    const { port } = server.address() as net.AddressInfo;
    const { runner } = start({
      probe: async (input) => {
        under += 1;
        underMax = Math.max(underMax, under);
        return await probeMember(input).finally(() => (under -= 1));
      },
    });
    const began = performance.now();
    const members = Array.from({ length: 500 }, (_, index) => ({ name: `m${index}`, port }));
    runner.watch([pool({ check: { kind: "tcp", intervalMs: 4_000, timeoutMs: 2_000, jitterPercent: 10 }, members })]);
    await until(() => startedAt.length > 2_100, "four rounds", 40_000);
    runner.stop();
    // Tenths of the interval, 50 checks belong into each; the middle two of four rounds, because a pause of this machine piles up one of them.
    const inSlot = (round: number, slot: number): number => startedAt.filter((at) => Math.floor((at - began) / 400) === round * 10 + slot).length;
    const slots = Array.from({ length: 10 }, (_, slot) => [0, 1, 2, 3].map((round) => inSlot(round, slot)).toSorted((a, b) => a - b)).flatMap((rounds) => rounds.slice(1, 3));
    expect(Math.max(...slots), `checks by tenth of the interval: ${slots.join(" ")}`).toBeLessThan(100);
    expect(Math.min(...slots), `checks by tenth of the interval: ${slots.join(" ")}`).toBeGreaterThan(15);
    expect(underMax).toBeLessThanOrEqual(256);
    expect(runner.all().every((health) => health.state === "up")).toBe(true);
  }, 60_000);
});
