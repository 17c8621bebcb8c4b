/**
 * A console, an enrolled gateway with two stream engines, members, and services made by the console's own verbs.
 * Import "./with-database.ts" first; then `await LiveServices.start()`.
 */
import { randomBytes } from "node:crypto";
import net from "node:net";
import { serviceCreate } from "../../contract/service-objects.ts";
import { ControlBench, type Worker } from "./control-bench.ts";
import { type CountingServer, countingServer, freePort, until } from "./sockets.ts";

export type MadeService = { id: string; port: number; name: string; memberIds: Map<string, string>; poolId: string };

const environment = { SALLYPORT_ENGINES: "2" };

export class LiveServices {
  readonly bench: ControlBench;
  readonly gateway: { id: string; port: number };
  worker: Worker;
  readonly members = new Map<string, CountingServer>();
  /** Connections made by `visit`, by port. */
  readonly visits = new Map<number, number>();

  private constructor(bench: ControlBench, gateway: { id: string; port: number }, worker: Worker) {
    this.bench = bench;
    this.gateway = gateway;
    this.worker = worker;
  }

  static async start(): Promise<LiveServices> {
    const bench = await ControlBench.start();
    const gateway = await bench.gateway();
    const worker = bench.worker({ token: await bench.token(gateway.id), environment });
    await worker.serving();
    return new LiveServices(bench, gateway, worker);
  }

  async close(): Promise<void> {
    await this.bench.close();
    for (const member of this.members.values()) await member.close();
  }

  /** Ends the gateway's process and starts it again with what it has on disk. */
  async restart(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.worker.signal(signal);
    await this.worker.exited;
    this.worker = this.bench.worker({ stateDir: this.worker.stateDir, environment });
    await this.worker.serving();
  }

  /** A member that says its name to whoever connects, and echoes. Resolves with its port. */
  async startMember(name: string, port?: number): Promise<number> {
    const server = await countingServer((socket) => {
      socket.write(`${name}\n`);
      socket.pipe(socket);
    }, port === undefined ? {} : { port });
    this.members.set(name, server);
    return server.port;
  }

  /** Resolves with the port that is free now. */
  async stopMember(name: string): Promise<number> {
    const { port = 0 } = this.members.get(name) ?? {};
    await this.members.get(name)?.close();
    return port;
  }

  /** Makes a service of mode `tcp` on the gateway, as the console's form does, over these members; resolves when it serves. */
  async makeService(ports: Record<string, number>, change: { pool?: object; persistence?: object; protocol?: string } = {}): Promise<MadeService> {
    const { createService } = await import("../../server/services/virtual-service/create.ts");
    const port = await freePort();
    const name = `service ${randomBytes(3).toString("hex")}`;
    const pool = {
      name: `${name} pool`, scheduling: "failover", healthCheck: { kind: "tcp", intervalMs: 1_000, timeoutMs: 900, rise: 1, fall: 2 }, passiveCheck: null,
      members: Object.entries(ports).map(([member, memberPort]) => ({ name: member, host: "127.0.0.1", port: memberPort })), ...change.pool,
    };
    const input = serviceCreate.parse({ name, gatewayIds: [this.gateway.id], address: "127.0.0.1", port, mode: "tcp", protocol: change.protocol ?? "tcp", pool, ...(change.persistence ? { persistence: change.persistence } : {}) });
    const { id } = await createService(this.bench.caller, input);
    const { poolId } = await this.bench.db.virtualService.findUniqueOrThrow({ where: { id } });
    const rows = await this.bench.db.poolMember.findMany({ where: { poolId } });
    await this.applied();
    return { id, port, name, poolId, memberIds: new Map(rows.map((row) => [row.name, row.id])) };
  }

  /** Resolves when the gateway runs what the console wants; throws when it refused it. */
  async applied(): Promise<void> {
    await until(async () => {
      const row = await this.bench.db.gateway.findUniqueOrThrow({ where: { id: this.gateway.id } });
      if (row.refusedRevision === row.revision) throw new Error(`refused: ${JSON.stringify(row.problems)}`);
      return row.appliedRevision === row.revision;
    }, "the gateway runs what the console wants", 15_000);
  }

  /** Connects as a client; resolves with the first line, or with "" when the connection ends without one. */
  async visit(port: number): Promise<string> {
    this.visits.set(port, (this.visits.get(port) ?? 0) + 1);
    return await new Promise((resolve) => {
      let text = "";
      const socket = net.connect({ host: "127.0.0.1", port });
      socket.setTimeout(5_000, () => socket.destroy());
      socket.on("error", () => {}).on("close", () => resolve(text.trim()));
      socket.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        if (text.includes("\n")) socket.destroy();
      });
    });
  }

  /** Connects and stays. */
  async hold(port: number): Promise<{ member: string; socket: net.Socket }> {
    const socket = net.connect({ host: "127.0.0.1", port });
    socket.on("error", () => {});
    return { member: await new Promise((resolve) => socket.once("data", (chunk: Buffer) => resolve(chunk.toString().trim()))), socket };
  }

  /** What the console knows of a member's health. */
  async stateOf(memberId: string | undefined): Promise<string | undefined> {
    return (await this.bench.db.memberHealth.findFirst({ where: { memberId: memberId ?? "", gatewayId: this.gateway.id } }))?.state;
  }
}
