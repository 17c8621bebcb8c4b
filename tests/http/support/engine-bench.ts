/** The HTTP engine as its supervisor sees it: a child process that is spoken to over IPC, and clients that come in the way stream engines hand them over. */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { snapshotPool } from "../../../contract/pool.ts";
import type { SnapshotMember, SnapshotPool } from "../../../contract/pool.ts";
import type { Snapshot } from "../../../contract/snapshot.ts";
import { serviceLimits, snapshotService } from "../../../contract/virtual-service.ts";
import type { SnapshotService } from "../../../contract/virtual-service.ts";
import { writeHandOver } from "../../../gateway-worker/engine-hand-over.ts";
import type { HandOver } from "../../../gateway-worker/engine-hand-over.ts";
import { engineMessage } from "../../../gateway-worker/engine-messages.ts";
import type { EngineCommand, EngineMessage, EngineReport } from "../../../gateway-worker/engine-messages.ts";

const entry = fileURLToPath(new URL("../../../gateway-worker/http/main.ts", import.meta.url));
const nodeBinary = fileURLToPath(new URL("../../../node_modules/.bin/node", import.meta.url));

export type ServiceSettings = { service?: Partial<Omit<SnapshotService, "limits">> & { limits?: Partial<SnapshotService["limits"]> }; pool?: Partial<SnapshotPool>; members: { port: number; host?: string; id?: string; [key: string]: unknown }[] };
/** One service with its pool, everything not given at its default. */
export type Offered = { service: SnapshotService; pool: SnapshotPool; members: SnapshotMember[] };

export function offer({ service = {}, pool = {}, members }: ServiceSettings): Offered {
  const made = snapshotPool.parse({ id: randomUUID(), name: "pool", scheduling: "weighted-round-robin", ...pool, members: members.map((member, index) => ({ id: randomUUID(), name: `member${index + 1}`, host: "127.0.0.1", ...member })) });
  const { limits, ...fields } = service;
  const parsed = snapshotService.parse({ id: randomUUID(), name: "web", mode: "tls-offload", protocol: "http", poolId: made.id, certificates: [], persistenceKey: randomBytes(32).toString("base64"), ...fields, limits: serviceLimits.parse(limits ?? {}) });
  return { service: parsed, pool: made, members: made.members };
}

export function snapshotOf(offered: Offered[], revision = 1): Snapshot {
  return { format: 3, revision, builtAt: new Date().toISOString(), organisationId: randomUUID(), gatewayId: randomUUID(), gatewayName: "gateway", trustDomain: "sallyport.internal", clientTrustAnchorsPem: [], listeners: [], servers: [], policies: [], virtualServices: offered.map(({ service }) => service), pools: [...new Map(offered.map(({ pool }) => [pool.id, pool])).values()], inside: null,
    peers: [],
    relays: [],
    consoleKeys: { signing: [], encryption: [] },
    drainTimeoutMs: 1_000, forwardsLogs: true, maxStaleMs: null };
}

/** A command without the id that `ask` gives it. */
type Question = { [Kind in EngineCommand["kind"]]: Omit<Extract<EngineCommand, { kind: Kind }>, "id"> }[EngineCommand["kind"]];

export class EngineBench {
  readonly child: ChildProcess;
  readonly directory: string;
  readonly socketPath: string;
  readonly reports: EngineReport[] = [];
  errors = "";
  #nextId = 0;
  readonly #loads = new Map<string, EngineReport["services"][number]>();
  readonly #listeners = new Set<(message: EngineMessage) => void>();

  private constructor(directory: string) {
    this.directory = directory;
    this.socketPath = path.join(directory, "http.sock");
    this.child = fork(entry, [], { execPath: nodeBinary, execArgv: ["--no-warnings"], stdio: ["ignore", "ignore", "pipe", "ipc"] });
    this.child.stderr?.on("data", (chunk: Buffer) => (this.errors += chunk.toString()));
    this.child.on("message", (raw) => {
      const message = engineMessage.parse(raw);
      if (message.kind === "report") {
        // Only services that moved are reported; a test wants to see them all.
        for (const load of message.services) this.#loads.set(load.serviceId, load);
        message.services = [...this.#loads.values()];
        this.reports.push(message);
        this.child.send({ kind: "seen" } satisfies EngineCommand);
      }
      for (const listener of [...this.#listeners]) listener(message);
    });
  }

  static async start(offered: Offered[] = []): Promise<EngineBench> {
    const bench = new EngineBench(await mkdtemp(path.join(os.tmpdir(), "sallyport-http-")));
    await bench.when("hello");
    if (offered.length > 0) await bench.apply(offered);
    return bench;
  }

  async apply(offered: Offered[], revision = 1): Promise<void> {
    const prepared = await this.ask("prepared", { kind: "prepare", snapshot: snapshotOf(offered, revision), certificates: [], httpSocket: this.socketPath });
    if (prepared.problems.length > 0) throw new Error(JSON.stringify(prepared.problems));
    await this.ask("committed", { kind: "commit", prepared: prepared.id });
  }

  send(command: EngineCommand): void {
    this.child.send(command);
  }

  async ask<Kind extends "prepared" | "committed" | "drained">(answer: Kind, question: Question): Promise<Extract<EngineMessage, { kind: Kind }>> {
    const id = (this.#nextId += 1);
    const answered = this.when(answer, (message) => "id" in message && message.id === id);
    this.child.send({ ...question, id });
    return await answered;
  }

  async when<Kind extends EngineMessage["kind"]>(kind: Kind, fits: (message: Extract<EngineMessage, { kind: Kind }>) => boolean = () => true): Promise<Extract<EngineMessage, { kind: Kind }>> {
    return await new Promise((resolve, reject) => {
      const gone = (): void => reject(new Error(`the engine ended: ${this.errors}`));
      const listener = (message: EngineMessage): void => {
        if (message.kind !== kind) return;
        const exact = message as Extract<EngineMessage, { kind: Kind }>;
        if (!fits(exact)) return;
        this.#listeners.delete(listener);
        this.child.removeListener("exit", gone);
        resolve(exact);
      };
      this.#listeners.add(listener);
      this.child.once("exit", gone);
    });
  }

  /** A report that was made after this call. */
  async report(): Promise<EngineReport> {
    const next = this.when("report");
    this.child.send({ kind: "report" } satisfies EngineCommand);
    await next;
    const after = this.when("report");
    this.child.send({ kind: "report" } satisfies EngineCommand);
    return await after;
  }

  /** All refusals reported up to now. */
  get refusals(): EngineReport["refusals"] {
    return this.reports.flatMap(({ refusals }) => refusals);
  }

  /** A client's connection as a stream engine hands it over. */
  connect(offered: Offered, facts: Partial<HandOver> = {}): net.Socket {
    const socket = net.connect({ path: this.socketPath, allowHalfOpen: true });
    socket.on("error", () => socket.destroy());
    socket.write(writeHandOver({ source: { address: "192.0.2.7", port: 40_000 }, destination: { address: "198.51.100.1", port: 443 }, alpn: "http/1.1", serverName: "web.example.com", serviceId: offered.service.id, connectionId: randomUUID().slice(0, 18), isTls: true, clientCertificate: null, ...facts }));
    return socket;
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.disconnect();
      await gone;
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}
