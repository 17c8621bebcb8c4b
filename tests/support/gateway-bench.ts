/** A gateway's data plane on the bench: an organisation with its CA, one listener, stream engines as real child processes, and clients. */
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import type net from "node:net";
import tls from "node:tls";
import type { AccessEntry } from "../../contract/access.ts";
import type { ChannelReport } from "../../contract/channel.ts";
import type { LogLine, Refusal, TunnelReport } from "../../contract/control.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import { formatIdentity } from "../../contract/names.ts";
import type { RelayReport } from "../../contract/relay.ts";
import { listenerLimits } from "../../contract/snapshot.ts";
import type { ListenerLimits, Snapshot, SnapshotServer, TunnelListener } from "../../contract/snapshot.ts";
import type { GatewayIdentityPem, ListenerCertificatePem } from "../../gateway-worker/engine-messages.ts";
import { EngineGroup } from "../../gateway-worker/supervisor/engines.ts";
import type { ApplyResult } from "../../gateway-worker/supervisor/engines.ts";
import { TestCa } from "./pki.ts";
import type { CertificateOptions, Issued } from "./pki.ts";
import { freePort, until } from "./sockets.ts";

export const runtimes = ["bun", "node"] as const;
export type Runtime = (typeof runtimes)[number];
const trustDomain = "sallyport.internal";

export type TestAgent = Issued & { id: string };

export type BenchOptions = { runtime: Runtime; engines?: number; limits?: Partial<ListenerLimits>; address?: string; algorithms?: TunnelListener["algorithms"]; /** What engines dial relays with. */ gatewayIdentity?: (bench: GatewayBench) => GatewayIdentityPem };

export class GatewayBench {
  readonly organisationId = randomUUID();
  readonly groupId = randomUUID();
  readonly refusals: Refusal[] = [];
  readonly tunnels: TunnelReport[] = [];
  readonly logs: LogLine[] = [];
  /** What the engines said of agent channels and of relays. */
  readonly channels: ChannelReport[] = [];
  readonly relays: RelayReport[] = [];
  readonly group: EngineGroup;
  readonly root: TestCa;
  readonly issuing: TestCa;
  readonly listenerCertificate: Issued;
  /** The snapshot last offered; change it and call `apply`. */
  snapshot: Snapshot;
  certificates: ListenerCertificatePem[];
  #accessVersion = 0;

  private constructor(made: { group: (bench: GatewayBench) => EngineGroup; root: TestCa; issuing: TestCa; listenerCertificate: Issued; port: number; options: BenchOptions }) {
    this.root = made.root;
    this.issuing = made.issuing;
    this.listenerCertificate = made.listenerCertificate;
    const listener: TunnelListener = { id: randomUUID(), address: made.options.address ?? "127.0.0.1", port: made.port, mode: { kind: "connect" }, certificate: { kind: "self-signed", generation: 1, names: ["localhost"], keyType: "ec-p256" }, algorithms: made.options.algorithms ?? "standard", acceptProxy: { kind: "off" }, limits: listenerLimits.parse(made.options.limits ?? {}) };
    this.snapshot = {
      format: 3,
      revision: 1,
      builtAt: new Date().toISOString(),
      organisationId: this.organisationId,
      gatewayId: randomUUID(),
      gatewayName: "gw-1",
      trustDomain,
      clientTrustAnchorsPem: [made.root.certPem, made.issuing.certPem],
      listeners: [listener],
      servers: [],
      policies: [{ id: randomUUID(), name: "everybody", isEnabled: true, namesThisGateway: true, groupIds: [this.groupId] }],
      virtualServices: [],
      pools: [],
      inside: null,
      peers: [],
      relays: [],
      consoleKeys: { signing: [], encryption: [] },
      drainTimeoutMs: 1_000,
      forwardsLogs: true,
      maxStaleMs: null,
    };
    this.certificates = [{ listenerId: listener.id, chainPem: made.listenerCertificate.chainPem, keyPem: made.listenerCertificate.keyPem }];
    this.group = made.group(this);
  }

  /** Starts the engines and applies a snapshot with these servers. */
  static async start(options: BenchOptions, servers: SnapshotServer[] = []): Promise<GatewayBench> {
    const root = await TestCa.root({ commonName: "Acme Root", organisation: "Acme" });
    const issuing = await root.intermediate({ commonName: "Acme Issuing", organisation: "Acme", pathLength: 0 });
    const gatewayCa = await TestCa.root({ commonName: "gw-1", isCa: false, usage: ["server"], dns: ["localhost"], ips: ["127.0.0.1"] });
    const bench = new GatewayBench({
      root,
      issuing,
      listenerCertificate: gatewayCa.issued,
      port: await freePort(),
      options,
      group: (self) => new EngineGroup({ runtime: options.runtime, count: options.engines ?? 1, onRefusals: (refusals) => void self.refusals.push(...refusals), onTunnels: (tunnels) => void self.tunnels.push(...tunnels), onChannels: (reports) => void self.channels.push(...reports), onRelays: (reports) => void self.relays.push(...reports), onStatus: () => {}, onLog: (line) => void self.logs.push(line), ...(options.gatewayIdentity ? { gatewayIdentity: options.gatewayIdentity(self) } : {}) }),
    });
    await bench.group.start();
    bench.snapshot.servers = servers;
    await bench.applied();
    return bench;
  }

  get listener(): TunnelListener {
    // A snapshot of this bench always has its one listener.
    return this.snapshot.listeners[0] as TunnelListener;
  }

  async apply(): Promise<ApplyResult> {
    return await this.group.apply(structuredClone(this.snapshot), this.certificates);
  }

  /** Applies the snapshot at the next revision and fails when it is refused. */
  async applied(): Promise<void> {
    this.snapshot.revision += 1;
    const result = await this.apply();
    if (!result.ok) throw new Error(`snapshot refused: ${JSON.stringify(result.problems)}`);
  }

  /** Issues an agent's certificate and lets it in. */
  async agent(certificate: CertificateOptions = {}, entry: Partial<AccessEntry> = {}, ca: TestCa = this.issuing): Promise<TestAgent> {
    const id = randomUUID();
    const issued = await ca.issue({ commonName: `agent ${id.slice(0, 8)}`, uris: [this.identity("agent", id)], ...certificate });
    await this.allow({ kind: "agent", id, fingerprints: [issued.fingerprint], ...entry });
    return { ...issued, id };
  }

  identity(kind: "agent" | "bundle" | "gateway", id: string, organisationId = this.organisationId): string {
    return formatIdentity({ trustDomain, organisationId, kind, id });
  }

  /** Puts one entry on the access stream. */
  async allow(entry: Partial<AccessEntry> & { id: string; kind: "agent" | "bundle" }): Promise<{ tunnelsEnded: number }> {
    this.#accessVersion += 1;
    return await this.group.access({ version: this.#accessVersion, complete: true, entries: [{ version: this.#accessVersion, status: "active", fingerprints: [], groupIds: [this.groupId], expiresAt: null, ...entry }] });
  }

  async revoke(agent: TestAgent): Promise<{ tunnelsEnded: number }> {
    return await this.allow({ kind: "agent", id: agent.id, status: "revoked", fingerprints: [agent.fingerprint] });
  }

  /** Opens the outer TLS connection; resolves after the handshake as the client sees it. */
  async tls(identity: { chainPem: string; keyPem: string } | undefined, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
    const socket = tls.connect({ host: "127.0.0.1", port: this.listener.port, servername: "localhost", rejectUnauthorized: false, allowHalfOpen: true, ...(identity ? { cert: identity.chainPem, key: identity.keyPem } : {}), ...options } as tls.ConnectionOptions);
    socket.on("error", () => socket.destroy());
    socket.setNoDelay(true);
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("close", () => reject(new Error("closed before the handshake was done")));
    });
    return socket;
  }

  /** Sends a request head and reads the head of the answer. `rest` is what followed it. */
  async request(identity: { chainPem: string; keyPem: string } | undefined, text: string | Buffer, options: tls.ConnectionOptions = {}): Promise<Answer> {
    const socket = await this.tls(identity, options);
    if (text.length > 0) socket.write(text);
    return await readAnswer(socket);
  }

  async connect(identity: { chainPem: string; keyPem: string } | undefined, target: string, options: tls.ConnectionOptions = {}): Promise<Answer> {
    return await this.request(identity, `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`, options);
  }

  /** Waits until a refusal of this code was reported, and returns it. */
  async refusal(code: RefusalCode, from = 0): Promise<Refusal> {
    await until(() => this.refusals.slice(from).some((refusal) => refusal.code === code), `a refusal ${code}; got ${this.refusals.slice(from).map((refusal) => `${refusal.code} (${refusal.detail})`).join("; ")}`, 4_000);
    return this.refusals.slice(from).find((refusal) => refusal.code === code) as Refusal;
  }

  /** Resident memory of an engine now, bytes. */
  residentBytes(engine = 0): number {
    return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${this.enginePid(engine)}/status`, "utf8"))?.[1] ?? 0) * 1024;
  }

  enginePid(index = 0): number {
    return this.group.status().engines[index]?.pid ?? 0;
  }

  /** Sockets and files that engine 0 holds. */
  descriptors(): number {
    return fs.readdirSync(`/proc/${this.enginePid()}/fd`).length;
  }

  async close(): Promise<void> {
    await this.group.close();
  }
}

export type Answer = { status: number; headers: Record<string, string>; text: string; rest: Buffer; socket: tls.TLSSocket };

/** Reads up to the blank line; status 0 when the connection closed before one. The socket is left paused. */
export async function readAnswer(socket: tls.TLSSocket): Promise<Answer> {
  let bytes = Buffer.alloc(0);
  return await new Promise((resolve) => {
    const settle = (end: number): void => {
      socket.off("data", onData).off("end", onEnd).off("close", onEnd).pause();
      const [line = "", ...fields] = bytes.subarray(0, Math.max(end, 0)).toString("latin1").split("\r\n");
      const headers = Object.fromEntries(fields.map((field) => [field.slice(0, field.indexOf(":")).toLowerCase(), field.slice(field.indexOf(":") + 1).trim()]));
      resolve({ status: end < 0 ? 0 : Number(line.split(" ")[1]), headers, text: bytes.toString("latin1"), rest: end < 0 ? bytes : bytes.subarray(end + 4), socket });
    };
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const end = bytes.indexOf("\r\n\r\n");
      if (end >= 0) settle(end);
    };
    const onEnd = (): void => settle(-1);
    socket.on("data", onData).on("end", onEnd).on("close", onEnd).resume();
  });
}

/** Reads to the end of the stream. */
export async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return await new Promise((resolve) => {
    const done = (): void => resolve(Buffer.concat(chunks));
    if (socket.readableEnded || socket.closed) done();
    socket.on("data", (chunk: Buffer) => void chunks.push(chunk)).on("end", done).on("close", done).resume();
  });
}

/** A server entry that dials the given loopback port. */
export function serverAt(port: number, options: Partial<SnapshotServer> = {}): SnapshotServer {
  return { id: randomUUID(), name: "app", kind: "management", isAgentSite: false, names: ["app.internal"], ports: [port], addresses: ["127.0.0.1"], ...options };
}
