/**
 * One address and port of virtual services. Its socket stays as long as any enabled service uses the address and port, whatever else
 * changes: a connection sees the services as they were when it was accepted. States: new -> bound -> accepting -> closed.
 */
import net from "node:net";
import { listenerLimits } from "../../contract/snapshot.ts";
import { subnetList } from "../net/sources.ts";
import type { CompiledFront } from "../runtime/service-plan.ts";
import type { AdmissionLimits } from "./admission.ts";
import type { LiveService } from "./live-service.ts";

/** What a front serves now; replaced as a whole. */
export type FrontPlan = {
  compiled: CompiledFront;
  services: ReadonlyMap<string, LiveService>;
  /** Whether a peer is a load balancer whose header is believed; null: no header is expected from anybody. */
  isBalancer: ((address: string) => boolean) | null;
  /** Before a service is known; those of a tunnel listener, with more connections where a service may have more. */
  limits: AdmissionLimits;
};

const openingLimits: AdmissionLimits = listenerLimits.parse({});

export function planFront(compiled: CompiledFront, services: ReadonlyMap<string, LiveService>): FrontPlan {
  const connectionsMax = Math.max(openingLimits.connectionsMax, ...Array.from(services.values(), ({ service }) => service.limits.connectionsMax));
  return { compiled, services, limits: { ...openingLimits, connectionsMax }, isBalancer: compiled.acceptProxy.kind === "off" ? null : subnetList(compiled.acceptProxy.sources) };
}

/** Connections held between bind and commit, when the port already serves through other engines. */
const earlyMax = 256;
const backlog = 4_096;
const keepAliveMs = 60_000;

export class Front {
  plan: FrontPlan;
  readonly #accepted: (front: Front, raw: net.Socket) => void;
  readonly #server: net.Server;
  #state: "new" | "bound" | "accepting" | "closed" = "new";
  #early: net.Socket[] = [];

  constructor(plan: FrontPlan, accepted: (front: Front, raw: net.Socket) => void) {
    this.plan = plan;
    this.#accepted = accepted;
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs }, (raw) => this.#take(raw));
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Binds; connections wait until `commit`. Rejects with the runtime's error. */
  async bind(): Promise<void> {
    const { address, port } = this.plan.compiled.table;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host: address, port, backlog, reusePort: process.platform === "linux" }, () => {
        this.#server.off("error", reject);
        // After the bind an accept error (descriptors used up) must not end the process; the connection cap makes it rare (T38).
        this.#server.on("error", () => {});
        resolve();
      });
    });
    this.#state = "bound";
  }

  /** Starts to serve what waited since the bind. */
  commit(): void {
    this.#state = "accepting";
    for (const raw of this.#early.splice(0)) if (!raw.destroyed) this.#accepted(this, raw);
  }

  /** Accepts no more; what runs goes on. */
  close(): void {
    if (this.isClosed) return;
    const wasBound = this.#state !== "new";
    this.#state = "closed";
    for (const raw of this.#early.splice(0)) raw.destroy();
    if (wasBound) this.#server.close();
  }

  #take(raw: net.Socket): void {
    raw.on("error", () => raw.destroy());
    if (this.#state === "accepting") this.#accepted(this, raw);
    else if (this.#state === "bound" && this.#early.length < earlyMax) this.#early.push(raw);
    else raw.destroy();
  }
}
