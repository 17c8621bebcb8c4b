/**
 * The real thing in small: console control channel over a real database, and real gateway-worker processes enrolled with real tokens.
 * Import "../support/with-database.ts" first; then `await ControlBench.start()`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import type net from "node:net";
import os from "node:os";
import path from "node:path";
import tls from "node:tls";
import type { AdminView } from "../../gateway-worker/observe/admin-server.ts";
import { formatIdentity } from "../../contract/names.ts";
import type { Control } from "../../server/control/main.ts";
import type { Db } from "../../server/db.ts";
import type { Caller } from "../../server/services/caller.ts";
import { freePort, until } from "./sockets.ts";

const root = path.resolve(import.meta.dirname, "..", "..");

export type BenchAgent = { id: string; certPem: string; keyPem: string; groupId: string };

export class ControlBench {
  readonly folder: string;
  readonly db: Db;
  readonly organisationId: string;
  readonly caller: Caller;
  control: Control;
  readonly #workers = new Set<Worker>();

  private constructor(folder: string, db: Db, caller: Caller, control: Control) {
    this.folder = folder;
    this.db = db;
    this.caller = caller;
    this.organisationId = caller.organisationId;
    this.control = control;
  }

  static async start(): Promise<ControlBench> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-control-"));
    process.env["SALLYPORT_DATA"] = path.join(folder, "data");
    process.env["SALLYPORT_MASTER_KEY"] ??= randomBytes(32).toString("base64");
    const port = await freePort();
    process.env["SALLYPORT_CONTROL_PORT"] = String(port);
    const { db } = await import("../../server/db.ts");
    const { log } = await import("../../server/log.ts");
    log.level = process.env["SALLYPORT_TEST_LOG"] ?? "silent";
    const { bootstrap } = await import("../../server/services/organisation/bootstrap.ts");
    const { systemCaller } = await import("../../server/services/caller.ts");
    const { organisationId } = await bootstrap(db());
    return new ControlBench(folder, db(), systemCaller(organisationId, "test"), await startControlAt(port));
  }

  /** Ends the control channel as a crash of the console would look to gateways, or starts it again on the same port. */
  async stopControl(): Promise<void> {
    await this.control.close();
  }

  async restartControl(): Promise<void> {
    this.control = await startControlAt(this.control.port);
  }

  /** A gateway row with one listener on a free port of the loopback, and the server assigned to it. */
  async gateway(options: { name?: string; serverIds?: string[]; certificateKind?: string; keyType?: string; /** With an inside listener, on the loopback as `localhost`. */ hasInside?: boolean } = {}): Promise<{ id: string; port: number; listenerId: string; insidePort: number }> {
    const port = await freePort();
    const insidePort = options.hasInside === true ? await freePort() : 0;
    const name = options.name ?? `gateway ${randomBytes(4).toString("hex")}`;
    const row = await this.db.gateway.create({
      data: {
        organisationId: this.organisationId, name, nameKey: name.toLowerCase(), publicNames: ["localhost"], publicPort: port, drainTimeoutSeconds: 2, certificateKind: options.certificateKind ?? "self-signed", certificateKeyType: options.keyType ?? "ec-p256",
        ...(insidePort > 0 ? { insideAddress: "127.0.0.1", insidePort, insideNames: ["localhost", "127.0.0.1"] } : {}),
        listeners: { create: [{ ordinal: 0, address: "127.0.0.1", port }] },
        servers: { create: (options.serverIds ?? []).map((serverId) => ({ serverId })) },
      },
      select: { id: true, listeners: { select: { id: true } } },
    });
    return { id: row.id, port, listenerId: row.listeners[0]?.id ?? "", insidePort };
  }

  /** A site server that listens on this port of the loopback. */
  async server(name: string, port: number): Promise<string> {
    const row = await this.db.server.create({ data: { organisationId: this.organisationId, name, nameKey: name.toLowerCase(), kind: "site", names: [name], ports: [port], addresses: ["127.0.0.1"] }, select: { id: true } });
    return row.id;
  }

  async token(gatewayId: string, options: { expiresAt?: Date } = {}): Promise<string> {
    const { createToken } = await import("../../server/services/token/create.ts");
    return await this.db.$transaction(async (tx) => (await createToken(tx, this.caller, { kind: "gateway", gatewayId, expiresAt: options.expiresAt ?? new Date(Date.now() + 3_600_000), host: "localhost", port: this.control.port })).text);
  }

  /** An agent in a group of its own, whose policy names the gateway. */
  async agent(gateway: { id: string; port: number }): Promise<BenchAgent> {
    const { issueWithKey } = await import("../../server/services/certificate/issue.ts");
    const { writeAgentAccess } = await import("../../server/services/access/write-entries.ts");
    const { bumpGateways } = await import("../../server/services/change/publish.ts");
    const { organisationId } = this;
    const name = `agent ${randomBytes(4).toString("hex")}`;
    return await this.db.$transaction(async (tx) => {
      const { trustDomain } = await tx.organisation.findUniqueOrThrow({ where: { id: organisationId } });
      const group = await tx.agentGroup.create({ data: { organisationId, name, nameKey: name, kind: "static" } });
      const agent = await tx.agent.create({ data: { organisationId, hostname: name.replace(" ", "-"), platform: "linux-x64", addresses: [], enrolledAt: new Date(), groups: { create: [{ groupId: group.id }] } } });
      await tx.policy.create({ data: { organisationId, name, nameKey: name, gateways: { create: [{ gatewayId: gateway.id, ordinal: 0, fqdn: "localhost", port: gateway.port, pins: [] }] }, groups: { create: [{ groupId: group.id }] } } });
      const certificate = await issueWithKey(tx, this.caller, { purpose: "agent", identity: formatIdentity({ trustDomain, organisationId, kind: "agent", id: agent.id }), agentId: agent.id });
      await writeAgentAccess(tx, organisationId, [agent.id]);
      await bumpGateways(tx, organisationId);
      return { id: agent.id, certPem: certificate.chainPem, keyPem: certificate.keyPem, groupId: group.id };
    });
  }

  async revoke(agent: BenchAgent): Promise<void> {
    const { writeAgentAccess } = await import("../../server/services/access/write-entries.ts");
    await this.db.$transaction(async (tx) => {
      await tx.agent.update({ where: { id: agent.id }, data: { revokedAt: new Date() } });
      await writeAgentAccess(tx, this.organisationId, [agent.id]);
    });
  }

  async bump(gatewayId: string): Promise<void> {
    const { bumpGateways } = await import("../../server/services/change/publish.ts");
    await this.db.$transaction(async (tx) => await bumpGateways(tx, this.organisationId, [gatewayId]));
  }

  /** Starts a gateway-worker process; with a token it enrols first. */
  worker(options: { token?: string; stateDir?: string; environment?: Record<string, string> } = {}): Worker {
    const stateDir = options.stateDir ?? fs.mkdtempSync(path.join(this.folder, "gateway-"));
    const tokenFile = path.join(stateDir, "token");
    if (options.token !== undefined) fs.writeFileSync(tokenFile, `${options.token}\n`, { mode: 0o600 });
    const worker = new Worker(stateDir, { SALLYPORT_ENROLMENT_TOKEN_FILE: tokenFile, ...options.environment });
    this.#workers.add(worker);
    return worker;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#workers].map(async (worker) => await worker.kill()));
    await this.control.close();
    await this.db.$disconnect();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

async function startControlAt(port: number): Promise<Control> {
  const { startControl } = await import("../../server/control/main.ts");
  return await startControl({ host: "localhost", port });
}

/** A gateway-worker process. */
export class Worker {
  readonly stateDir: string;
  readonly process: ChildProcess;
  readonly exited: Promise<number | null>;
  /** Everything it logged or printed. */
  output = "";

  constructor(stateDir: string, environment: Record<string, string>) {
    this.stateDir = stateDir;
    fs.rmSync(path.join(stateDir, "run.json"), { force: true });
    this.process = spawn(process.execPath, ["--no-warnings", path.join(root, "gateway-worker", "main.ts"), "run"], {
      env: { PATH: process.env["PATH"] ?? "", NODE_ENV: "test", SALLYPORT_GATEWAY_DIR: stateDir, SALLYPORT_METRICS_PORT: "0", SALLYPORT_ENGINES: "1", SALLYPORT_LOG_LEVEL: "debug", ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.exited = new Promise((resolve) => this.process.once("exit", (code) => resolve(code)));
    for (const stream of [this.process.stdout, this.process.stderr]) stream?.setEncoding("utf8").on("data", (text: string) => (this.output += text));
  }

  /** Base address of its admin port, once it is there. */
  async admin(): Promise<string> {
    const file = path.join(this.stateDir, "run.json");
    await until(() => fs.existsSync(file) || this.process.exitCode !== null, `the worker writes run.json\n${this.output}`, 40_000);
    const { port } = JSON.parse(fs.readFileSync(file, "utf8")) as { port: number };
    return `http://127.0.0.1:${port}`;
  }

  async view(): Promise<AdminView> {
    return (await (await fetch(`${await this.admin()}/status`)).json()) as AdminView;
  }

  async ready(): Promise<{ status: number; text: string }> {
    const response = await fetch(`${await this.admin()}/readyz`);
    return { status: response.status, text: await response.text() };
  }

  /** Waits until it serves (readyz 200) and its listeners accept. */
  async serving(timeoutMs = 50_000): Promise<void> {
    await this.until((view) => view.notReady === null && view.status.listeners.length > 0 && view.status.listeners.every((listener) => listener.state === "accepting"), "the gateway serves", timeoutMs);
  }

  async until(condition: (view: AdminView) => boolean, what: string, timeoutMs = 25_000): Promise<void> {
    await until(async () => condition(await this.view()), what, timeoutMs).catch(async (error: unknown) => {
      throw new Error(`${String(error)}\nlast view: ${JSON.stringify(await this.view().catch(String))}\n${this.output.slice(-4_000)}`);
    });
  }

  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }

  async kill(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill("SIGKILL");
    await this.exited;
  }
}

/** Opens a CONNECT tunnel as any HTTP proxy client would; rejects with the status line when refused. */
export async function openTunnel(gateway: { port: number }, agent: BenchAgent, target: string): Promise<tls.TLSSocket> {
  return await new Promise((resolve, reject) => {
    const socket = tls.connect({ host: "127.0.0.1", port: gateway.port, cert: agent.certPem, key: agent.keyPem, rejectUnauthorized: false });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("closed without an answer")));
    socket.once("secureConnect", () => socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`));
    socket.once("data", (chunk: Buffer) => {
      const [line = ""] = chunk.toString("latin1").split("\r\n");
      if (line.startsWith("HTTP/1.1 200")) resolve(socket);
      else reject(new Error(line));
    });
  });
}

/** Sends a line through a tunnel to an echo server and resolves with what comes back. */
export async function echoThrough(socket: net.Socket, text: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    socket.once("data", (chunk: Buffer) => resolve(chunk.toString()));
    socket.once("close", () => reject(new Error("the tunnel ended")));
    socket.write(text);
  });
}
