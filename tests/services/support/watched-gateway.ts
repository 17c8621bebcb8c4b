/** Engines together with the supervisor's health checks and verdicts: a whole gateway but for its console. */
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { LogLine, Refusal } from "../../../contract/control.ts";
import { snapshot as snapshotSchema, type Snapshot } from "../../../contract/snapshot.ts";
import type { ListenerCertificatePem } from "../../../gateway-worker/engine-messages.ts";
import { EngineGroup } from "../../../gateway-worker/supervisor/engines.ts";
import { ServiceWatch } from "../../../gateway-worker/supervisor/service-watch.ts";
import type { Runtime } from "../../support/gateway-bench.ts";
import { TestCa } from "../../support/pki.ts";
import { freePort } from "../../support/sockets.ts";

export class WatchedGateway {
  readonly ca: TestCa;
  readonly logs: LogLine[] = [];
  readonly refusals: Refusal[] = [];
  readonly engines: EngineGroup;
  readonly watch: ServiceWatch;
  readonly snapshot: Snapshot;
  readonly #certificates: ListenerCertificatePem[];
  readonly stateDir: string;

  private constructor(made: { ca: TestCa; snapshot: Snapshot; certificates: ListenerCertificatePem[]; runtime: Runtime; count: number }) {
    this.ca = made.ca;
    this.snapshot = made.snapshot;
    this.#certificates = made.certificates;
    this.stateDir = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-watched-"));
    this.watch = new ServiceWatch({ stateDir: this.stateDir, engines: () => this.engines, onHealth: () => {}, onLog: (line) => void this.logs.push(line) });
    this.engines = new EngineGroup({
      runtime: made.runtime, count: made.count, stateDir: this.stateDir,
      onRefusals: (refusals) => void this.refusals.push(...refusals), onTunnels: () => {}, onStatus: () => {}, onLog: (line) => void this.logs.push(line),
      onFeed: (engine) => this.watch.feed(engine), onServices: (engine, report) => this.watch.reported(engine, report), onEngineGone: (engine) => this.watch.engineGone(engine),
    });
  }

  static async start(options: { runtime: Runtime; engines?: number }): Promise<WatchedGateway> {
    const ca = await TestCa.root({ commonName: "Watched root" });
    const listenerId = randomUUID();
    const own = await ca.issue({ commonName: "gw", dns: ["localhost"], usage: ["server"] });
    const snapshot = snapshotSchema.parse({
      format: 2, revision: 1, builtAt: new Date().toISOString(), organisationId: randomUUID(), gatewayId: randomUUID(), gatewayName: "gw-1", trustDomain: "sallyport.internal", clientTrustAnchorsPem: [ca.certPem],
      listeners: [{ id: listenerId, address: "127.0.0.1", port: await freePort(), mode: { kind: "connect" }, certificate: { kind: "self-signed", generation: 1, names: ["localhost"], keyType: "ec-p256" }, limits: {} }],
      servers: [], policies: [], drainTimeoutMs: 1_000,
    });
    const gateway = new WatchedGateway({ ca, snapshot, certificates: [{ listenerId, chainPem: own.chainPem, keyPem: own.keyPem }], runtime: options.runtime, count: options.engines ?? 1 });
    await gateway.watch.load();
    await gateway.engines.start();
    await gateway.engines.access({ version: 1, complete: true, entries: [] }, true);
    return gateway;
  }

  /** Puts what `snapshot` now says in force; fails with every problem. */
  async apply(): Promise<void> {
    this.snapshot.revision += 1;
    const result = await this.engines.apply(this.snapshot, this.#certificates);
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    this.watch.configure(this.snapshot);
  }

  stateOf(memberId: string | undefined): string | undefined {
    return this.watch.health().find((health) => health.memberId === memberId)?.state;
  }

  async close(): Promise<void> {
    await this.engines.close();
    await this.watch.close();
    fs.rmSync(this.stateDir, { recursive: true, force: true });
  }
}
