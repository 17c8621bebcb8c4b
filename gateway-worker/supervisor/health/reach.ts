/**
 * Dials every server assigned to this gateway, by TCP and a TLS handshake, and says what it found (S1-43): the same names, ports and addresses that tunnels use.
 * It proves that the path is open and something speaks TLS there; whether the certificate is right is the agent's business, end to end.
 */
import { lookup } from "node:dns/promises";
import net from "node:net";
import tls from "node:tls";
import type { GatewayStatus } from "../../../contract/control.ts";
import { isHostName } from "../../../contract/names.ts";
import type { Snapshot } from "../../../contract/snapshot.ts";

type Reach = GatewayStatus["servers"][number];
type Target = Snapshot["servers"][number];

/** A round over all servers, milliseconds; quicker while one is not reachable, so that a person who waits for it sees it soon. */
const everyMs = { good: 30_000, bad: 5_000 };
const dialTimeoutMs = 4_000;
/** Servers dialled at once: a gateway with 1,000 of them must not open 1,000 sockets. */
const atOnce = 8;

export class ReachRunner {
  readonly #onChange: () => void;
  #servers: readonly Target[] = [];
  #results = new Map<string, Reach>();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #generation = 0;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  results(): Reach[] {
    return [...this.#results.values()];
  }

  /** Checks these servers from now on, at once and then regularly. */
  watch(servers: readonly Target[]): void {
    this.#servers = servers;
    this.#results = new Map([...this.#results].filter(([id]) => servers.some((server) => server.id === id)));
    this.#generation += 1;
    clearTimeout(this.#timer);
    void this.#round(this.#generation);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #round(generation: number): Promise<void> {
    const queue = [...this.#servers];
    const isCurrent = (): boolean => !this.#isStopped && generation === this.#generation;
    await Promise.all(Array.from({ length: Math.min(atOnce, queue.length) }, async () => {
      for (let server = queue.shift(); server && isCurrent(); server = queue.shift()) {
        const reach = await checkServer(server);
        if (isCurrent()) this.#results.set(server.id, reach);
      }
    }));
    if (!isCurrent()) return;
    this.#onChange();
    const isBad = this.results().some((reach) => !reach.isReachable);
    this.#timer = setTimeout(() => void this.#round(generation), isBad ? everyMs.bad : everyMs.good).unref();
  }
}

/** Tries the server's addresses in order, on its first port; the first that finishes a TLS handshake counts. */
export async function checkServer(server: Target): Promise<Reach> {
  const [name = "", port = 0] = [server.names[0], server.ports[0]];
  const found = (address: string, isReachable: boolean, detail: string): Reach => ({ serverId: server.id, address: address.slice(0, 300), isReachable, detail: detail.slice(0, 300), checkedAt: new Date().toISOString() });
  const addresses = server.addresses.length > 0 ? server.addresses : await resolve(name);
  if (addresses.length === 0) return found(`${name}:${port}`, false, `the name ${name} does not resolve on this gateway; check its DNS, or list the server's addresses`);
  const problems: string[] = [];
  for (const address of addresses.slice(0, 8)) {
    const problem = await dial({ address, port, name });
    if (problem === undefined) return found(`${address} port ${port}`, true, "TCP and TLS answer");
    problems.push(`${address} port ${port}: ${problem}`);
  }
  return found(`${addresses[0] ?? name} port ${port}`, false, problems.join("; "));
}

async function resolve(name: string): Promise<string[]> {
  if (!isHostName(name)) return [name];
  try {
    return (await lookup(name, { all: true })).map((entry) => entry.address);
  } catch {
    return []; // the caller says what that means
  }
}

/** Undefined when TCP and TLS answer, else what happened. */
async function dial(target: { address: string; port: number; name: string }): Promise<string | undefined> {
  return await new Promise((resolve) => {
    let isConnected = false;
    const socket = net.connect({ host: target.address, port: target.port });
    const finish = (result: string | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => finish(isConnected ? "TCP answers, but no TLS handshake came to an end; is it a TLS port?" : "no answer; check the firewall between gateway and server"), dialTimeoutMs);
    socket.on("error", (error: NodeJS.ErrnoException) => finish(error.code === "ECONNREFUSED" ? "nothing listens there" : error.message));
    socket.on("connect", () => {
      isConnected = true;
      const secure = tls.connect({ socket, ...(isHostName(target.name) ? { servername: target.name } : {}), rejectUnauthorized: false });
      secure.on("error", (error) => finish(isClientCertificateAlert(error) ? undefined : `TCP answers, but TLS fails: ${error.message}`));
      secure.on("secureConnect", () => finish(undefined));
    });
  });
}

/** A server that demands a client certificate ends the handshake with an alert: it is there and speaks TLS. */
function isClientCertificateAlert(error: Error): boolean {
  return /certificate[_ ]required|bad[_ ]certificate|handshake[_ ]failure/i.test(error.message);
}
