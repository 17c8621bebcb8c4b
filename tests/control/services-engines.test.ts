/** The supervisor's engines when services come and go: one HTTP engine while it is needed, all engines told alike, verdicts and kept clients fed to new ones. */
import { randomBytes, randomUUID } from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LogLine } from "../../contract/control.ts";
import { type Snapshot, snapshot as snapshotSchema } from "../../contract/snapshot.ts";
import { EngineGroup, type EngineGroupStatus } from "../../gateway-worker/supervisor/engines.ts";
import { TestCa } from "../support/pki.ts";
import { freePort, until } from "../support/sockets.ts";

const fakeEngine = path.resolve(import.meta.dirname, "../support/fake-http-engine.ts");
const id = (last: number): string => `00000000-0000-4000-8000-00000000000${last}`;
const member = { id: id(3), name: "m", host: "127.0.0.1", port: 1 };

let dir: string;
let logs: LogLine[];
let group: EngineGroup;
let base: Snapshot;
let certificates: { listenerId: string; chainPem: string; keyPem: string }[];
let feed: (engine: number) => { kind: "sticky"; entries: [] }[];

beforeEach(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-engines-"));
  logs = [];
  feed = () => [];
  const { issued } = await TestCa.root({ commonName: "localhost", isCa: false, usage: ["server"], dns: ["localhost"] });
  const ca = await TestCa.root({ commonName: "CA" });
  certificates = [{ listenerId: id(1), chainPem: issued.chainPem, keyPem: issued.keyPem }];
  base = snapshotSchema.parse({
    format: 2, revision: 1, builtAt: new Date().toISOString(), organisationId: id(8), gatewayId: id(9), gatewayName: "gw", trustDomain: "sallyport.internal", clientTrustAnchorsPem: [ca.certPem],
    listeners: [{ id: id(1), address: "127.0.0.1", port: await freePort(), mode: { kind: "connect" }, certificate: { kind: "imported", fingerprint: issued.fingerprint, chainPem: issued.chainPem, keyPem: issued.keyPem }, limits: {} }],
    servers: [], policies: [],
    virtualServices: [{ id: id(2), name: "web", address: "127.0.0.1", port: await freePort(), mode: "tls-offload", protocol: "http", poolId: id(4), certificates: [{ fingerprint: issued.fingerprint, chainPem: issued.chainPem, keyPem: issued.keyPem }], persistenceKey: randomBytes(32).toString("base64"), limits: {} }],
    pools: [{ id: id(4), name: "pool", members: [member] }],
  });
  group = startGroup(dir);
  await group.start();
  await group.access({ version: 1, complete: true, entries: [] }, true);
});
afterEach(async () => {
  await group.close();
  fs.rmSync(dir, { recursive: true, force: true });
});

function startGroup(stateDir: string): EngineGroup {
  return new EngineGroup({ runtime: "node", count: 1, httpEnginePath: fakeEngine, stateDir, onRefusals: () => {}, onTunnels: () => {}, onStatus: () => {}, onFeed: (engine) => feed(engine), onLog: (line) => void logs.push(line) });
}

const withHttp = (revision: number, change: Partial<Snapshot> = {}): Snapshot => ({ ...base, revision, ...change });
const without = (revision: number): Snapshot => withHttp(revision, { virtualServices: [], pools: [] });
const http = (): EngineGroupStatus["engines"][number] | undefined => group.status().engines.find((engine) => engine.index === 1);
const heard = (text: string): boolean => logs.some((line) => line.message.includes(text));
const socketPath = (): string => path.join(dir, "http", "engine.sock");

/** Connects to the HTTP engine's socket; resolves with its first line. */
async function visit(): Promise<{ socket: net.Socket; line: string }> {
  return await new Promise((resolve, reject) => {
    const socket = net.connect(socketPath(), () => {});
    socket.once("error", reject);
    socket.once("data", (chunk: Buffer) => resolve({ socket, line: chunk.toString() }));
  });
}

describe("the HTTP engine", () => {
  it("runs only while a service needs it, on a socket that only this user can reach, and gets no private key", async () => {
    expect(await group.apply(without(1), certificates)).toEqual({ ok: true });
    expect(http()).toBeUndefined();
    expect(await group.apply(withHttp(2), certificates)).toEqual({ ok: true });
    expect(http()).toMatchObject({ state: "running", runtime: expect.stringContaining("HTTP") as string });
    expect(fs.statSync(path.dirname(socketPath())).mode & 0o777).toBe(0o700);
    const { socket } = await visit();
    await until(() => heard("http engine: prepare 2, 1 services, no private key"), "it was told without keys");
    expect(await group.apply(without(3), certificates)).toEqual({ ok: true });
    await until(() => heard("http engine: prepare 3, 0 services"), "it knows that nothing is wanted any more");
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(http()).toMatchObject({ state: "running" });
    expect(socket.destroyed).toBe(false);
    socket.destroy();
    await until(() => http() === undefined, "it ends with its last connection");
    await until(() => !fs.existsSync(path.dirname(socketPath())), "and leaves nothing behind");
  });

  it("is back within two seconds when it dies, on the same path, and the stream engines go on [S2-15] [T38]", async () => {
    expect(await group.apply(withHttp(1), certificates)).toEqual({ ok: true });
    const stream = group.status().engines[0]?.pid;
    const before = http()?.pid ?? 0;
    expect((await visit()).line).toBe(`http engine ${before}\n`);
    process.kill(before, "SIGKILL");
    const startedAt = performance.now();
    await until(async () => (await visit().catch(() => ({ line: "" }))).line.startsWith("http engine") && http()?.pid !== before, "another one answers");
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(group.status().engines[0]).toMatchObject({ pid: stream, restarts: 0, state: "running" });
    expect(heard("the HTTP engine is gone with")).toBe(true);
  });

  it("has a say in whether a snapshot is applied: what it refuses is in force nowhere [T37]", async () => {
    expect(await group.apply(without(1), certificates)).toEqual({ ok: true });
    expect(await group.apply(withHttp(2, { gatewayName: "refuse http" }), certificates)).toMatchObject({ ok: false, problems: [{ message: "the HTTP engine does not like it" }] });
    expect(group.status().revision).toBe(1);
    expect(http()).toBeUndefined();
    expect(await group.apply(withHttp(3), certificates)).toEqual({ ok: true });
    expect(await group.apply(withHttp(4, { gatewayName: "refuse http" }), certificates)).toMatchObject({ ok: false });
    expect(http()).toMatchObject({ state: "running" });
    expect((await visit()).line).toMatch(/^http engine/);
  });

  it("is fed what the supervisor knows of members and kept clients, when it starts and when it is back [S3-41]", async () => {
    feed = () => [{ kind: "sticky", entries: [] }];
    expect(await group.apply(withHttp(1), certificates)).toEqual({ ok: true });
    await until(() => heard("http engine: sticky"), "the first one is fed");
    logs.length = 0;
    process.kill(http()?.pid ?? 0, "SIGKILL");
    await until(() => heard("http engine: prepare 1") && heard("http engine: sticky"), "the second one is fed");
    logs.length = 0;
    group.tell((engine) => (engine === 1 ? { kind: "members", verdicts: [{ memberId: member.id, isUp: false, elsewhere: 7 }], actives: [], isFull: false } : undefined));
    await until(() => heard("http engine: members 3=down+7"), "and hears verdicts");
  });

  it("takes a temporary folder when the state directory's path is too long for a socket", async () => {
    const long = path.join(dir, "x".repeat(120));
    const other = startGroup(long);
    try {
      await other.start();
      const moved = { ...withHttp(1), listeners: base.listeners.map((listener) => ({ ...listener, id: randomUUID() })), virtualServices: base.virtualServices };
      expect(await other.apply(moved, moved.listeners.map((listener) => ({ ...certificates[0], listenerId: listener.id }) as (typeof certificates)[number]))).toEqual({ ok: true });
      await until(() => other.status().engines.some((engine) => engine.index === 1 && engine.state === "running"), "it runs");
      expect(fs.existsSync(long)).toBe(false);
    } finally {
      await other.close();
    }
  });
});

describe("a service's port", () => {
  it("that another program holds makes the snapshot refused, with the service's name [T37]", async () => {
    const squatter = net.createServer();
    const port = await new Promise<number>((resolve) => squatter.listen(0, "127.0.0.1", () => resolve((squatter.address() as net.AddressInfo).port)));
    const taken = withHttp(1, { virtualServices: base.virtualServices.map((service) => ({ ...service, port })) });
    expect(await group.apply(taken, certificates)).toMatchObject({ ok: false, problems: [{ path: "virtualServices[0].port", code: "listener-bind", message: expect.stringContaining(`service web on 127.0.0.1 port ${port} is already in use`) as string }] });
    squatter.close();
  });
});
