/** Balancing as clients see it: shares, fail-over while requests run, drain, and the order of a list, on the whole data plane of a gateway. */
import https from "node:https";
import net from "node:net";
import tls from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { countingServer, until } from "../support/sockets.ts";
import { addService } from "./support/gateway.ts";
import { MemberProcess } from "./support/member.ts";
import { WatchedGateway } from "./support/watched-gateway.ts";

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanUp.splice(0).reverse()) await close();
});

async function gateway(engines = 1): Promise<WatchedGateway> {
  const started = await WatchedGateway.start({ runtime: "bun", engines });
  cleanUp.push(async () => await started.close());
  return started;
}

async function member(name: string, options: { delayMs?: number; port?: number } = {}): Promise<MemberProcess> {
  const started = await MemberProcess.start(name, options);
  cleanUp.push(async () => await started.kill());
  return started;
}

/** A TCP member that says its name to whoever connects, and then echoes. */
async function namedEcho(name: string): Promise<Awaited<ReturnType<typeof countingServer>>> {
  const server = await countingServer((socket) => {
    socket.write(`${name}\n`);
    socket.pipe(socket);
  });
  cleanUp.push(server.close);
  return server;
}

/** Opens a connection and returns it with the first line it brings. */
async function openSession(port: number): Promise<{ name: string; socket: net.Socket }> {
  const socket = net.connect({ host: "127.0.0.1", port });
  socket.on("error", () => socket.destroy());
  const name = await new Promise<string>((resolve) => {
    socket.once("data", (data: Buffer) => resolve(data.toString().trim()));
    socket.once("close", () => resolve("closed"));
  });
  return { name, socket };
}

async function echoes(socket: net.Socket, text: string): Promise<boolean> {
  if (socket.destroyed) return false;
  socket.write(text);
  return await new Promise((resolve) => {
    socket.once("data", (data: Buffer) => resolve(data.toString() === text));
    socket.once("close", () => resolve(false));
  });
}

const check = { kind: "tcp", intervalMs: 500, timeoutMs: 300, rise: 1, fall: 1, jitterPercent: 0 } as const;

describe("shares", () => {
  it("gives a member of weight 10 ten times the new sessions of one of weight 1, over two engines, within 2 % [S3-67] [S3-68] [S3-69] [N7]", async () => {
    const gw = await gateway(2);
    const [heavy, light] = [await namedEcho("heavy"), await namedEcho("light")];
    const { port } = await addService({ snapshot: gw.snapshot }, { mode: "tcp", pool: { scheduling: "weighted-round-robin", members: [{ port: heavy.port, weight: 10 }, { port: light.port, weight: 1 }] } });
    await gw.apply();
    for (let done = 0; done < 1_100; done += 50) await Promise.all(Array.from({ length: 50 }, async () => (await openSession(port)).socket.destroy()));
    expect(heavy.accepted + light.accepted).toBe(1_100);
    expect(Math.abs(heavy.accepted / 1_100 - 10 / 11)).toBeLessThan(0.02);
  }, 60_000);
});

describe("fail-over under load", () => {
  it("fails no request but those that were in flight on the member that died, and comes back to it [S3-01] [S3-21] [S3-33] [S3-64] [T30]", async () => {
    const gw = await gateway();
    const certificate = await gw.ca.issue({ commonName: "app.test", dns: ["app.test"], usage: ["server"] });
    const [first, second] = [await member("first", { delayMs: 20 }), await member("second", { delayMs: 20 })];
    const { port, pool } = await addService({ snapshot: gw.snapshot }, { mode: "tls-offload", protocol: "http", certificates: [certificate], pool: { scheduling: "failover", healthCheck: { ...check, kind: "http", path: "/healthz" }, passiveCheck: { failures: 3, holdMs: 1_000 }, members: [{ port: first.port }, { port: second.port }] } });
    await gw.apply();
    await until(() => gw.stateOf(pool.members[0]?.id) === "up" && gw.stateOf(pool.members[1]?.id) === "up", "both members are up");
    const load = startLoad({ port, ca: gw.ca.certPem, clients: 20 });
    await until(() => load.answeredBy("first") > 100, "the first member answers");
    expect(load.answeredBy("second")).toBe(0);
    const inFlight = await load.during(async () => await first.kill());
    await until(() => load.answeredBy("second") > 200, "the second member answers");
    await until(() => gw.stateOf(pool.members[0]?.id) === "down", "the first member is found down");
    const again = await member("first again", { delayMs: 20, port: first.port });
    await until(() => load.answeredBy("first again") > 50, "the first member is used again");
    const failed = await load.stop();
    expect(failed.filter((id) => !inFlight.has(id))).toEqual([]);
    await until(() => gw.logs.some((line) => line.level === "warn" && line.message.includes("m1: down")), "the log names the member that died and why");
    await again.kill();
  }, 60_000);

  it("closes a TCP service's clients, and answers 503 with Retry-After in an HTTP service, when no member is up [S3-20] [T31]", async () => {
    const gw = await gateway();
    const certificate = await gw.ca.issue({ commonName: "app.test", dns: ["app.test"], usage: ["server"] });
    const dead = await namedEcho("dead");
    await dead.close();
    const tcp = await addService({ snapshot: gw.snapshot }, { mode: "tcp", pool: { healthCheck: check, members: [{ port: dead.port }] } });
    const http = await addService({ snapshot: gw.snapshot }, { mode: "tls-offload", protocol: "http", certificates: [certificate], pool: { healthCheck: check, members: [{ port: dead.port }] } });
    await gw.apply();
    await until(() => gw.stateOf(tcp.pool.members[0]?.id) === "down" && gw.stateOf(http.pool.members[0]?.id) === "down", "both pools are down");
    expect((await openSession(tcp.port)).name).toBe("closed");
    const answer = await request({ port: http.port, ca: gw.ca.certPem });
    expect({ status: answer.status, retryAfter: Number(answer.headers["retry-after"]) > 0 }).toEqual({ status: 503, retryAfter: true });
    await until(() => gw.refusals.filter((refusal) => refusal.code === "service-no-member").length >= 2, "both refusals are named");
  });
});

describe("changes on a live service", () => {
  it("lets a draining member's sessions finish while new ones go elsewhere, and keeps every connection over a change of mode [S2-15] [S3-66]", async () => {
    const gw = await gateway();
    const [one, two] = [await namedEcho("one"), await namedEcho("two")];
    const { port, pool, service } = await addService({ snapshot: gw.snapshot }, { mode: "tcp", pool: { scheduling: "first-alive", members: [{ port: one.port }, { port: two.port }] } });
    await gw.apply();
    const old = await openSession(port);
    expect(old.name).toBe("one");
    if (pool.members[0]) pool.members[0].state = "drain";
    await gw.apply();
    const fresh = await openSession(port);
    expect(fresh.name).toBe("two");
    expect(await echoes(old.socket, "still here")).toBe(true);
    const certificate = await gw.ca.issue({ commonName: "app.test", dns: ["app.test"], usage: ["server"] });
    Object.assign(service, { mode: "tls-offload", certificates: [{ fingerprint: certificate.fingerprint, chainPem: certificate.chainPem, keyPem: certificate.keyPem }] });
    await gw.apply();
    expect(await echoes(old.socket, "old mode")).toBe(true);
    expect(await echoes(fresh.socket, "old mode too")).toBe(true);
    const overTls = await new Promise<string>((resolve, reject) => {
      const socket = tls.connect({ host: "127.0.0.1", port, servername: "app.test", ca: gw.ca.certPem });
      socket.once("data", (data: Buffer) => resolve(data.toString().trim())).once("error", reject);
      cleanUp.push(async () => void socket.destroy());
    });
    expect(overTls).toBe("two");
    for (const { socket } of [old, fresh]) socket.destroy();
  });
});

type Answer = { status: number; headers: Record<string, string | string[] | undefined>; member: string | undefined };

async function request(to: { port: number; ca: string; agent?: https.Agent; id?: number }): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    https.get({ host: "127.0.0.1", port: to.port, path: "/work", servername: "app.test", ca: to.ca, headers: { host: "app.test", ...(to.id === undefined ? {} : { "x-request": String(to.id) }) }, ...(to.agent ? { agent: to.agent } : {}) }, (response) => {
      const member = response.headers["x-member"];
      response.on("error", reject).on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, member: typeof member === "string" ? member : undefined })).resume();
    }).on("error", reject);
  });
}

type Load = {
  answeredBy: (name: string) => number;
  /** Does the work and returns the requests that were under way at any moment of it. */
  during: (work: () => Promise<void>) => Promise<Set<number>>;
  /** Returns the requests that failed. */
  stop: () => Promise<number[]>;
};

/** Clients that ask again and again over kept-alive connections until told to stop. */
function startLoad(to: { port: number; ca: string; clients: number }): Load {
  const agent = new https.Agent({ keepAlive: true, maxSockets: to.clients });
  const answered = new Map<string, number>();
  const failed: number[] = [];
  const open = new Set<number>();
  let seen: Set<number> | undefined;
  let isStopped = false;
  let id = 0;
  const clients = Array.from({ length: to.clients }, async () => {
    while (!isStopped) {
      const own = ++id;
      open.add(own);
      seen?.add(own);
      const answer = await request({ ...to, agent, id: own }).catch(() => undefined);
      open.delete(own);
      if (answer?.status === 200 && answer.member) answered.set(answer.member, (answered.get(answer.member) ?? 0) + 1);
      else failed.push(own);
    }
  });
  return {
    answeredBy: (name) => answered.get(name) ?? 0,
    during: async (work) => {
      const met = (seen = new Set(open));
      await work();
      seen = undefined;
      return met;
    },
    stop: async () => {
      isStopped = true;
      await Promise.all(clients);
      agent.destroy();
      return failed;
    },
  };
}
