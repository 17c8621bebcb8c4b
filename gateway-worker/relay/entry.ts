/**
 * The relay's port. Bounds come first: connections in all and per address, before a byte is read (T05, T38). Everything here is on the private side,
 * and is treated like the Internet all the same.
 */
import net from "node:net";
import type { RelaySettings } from "../../contract/relay.ts";
import { destroyOnError } from "../net/close.ts";
import { connectionsThatFit, descriptorLimit } from "../net/descriptor-limit.ts";
import { subnetList } from "../net/sources.ts";
import { AgentConnection, type ConnectionHost } from "./agent-connection.ts";
import { explain } from "../errors.ts";
import { RelayError } from "./errors.ts";

const backlog = 4_096;
const keepAliveMs = 60_000;

type EntrySettings = Pick<RelaySettings, "listen" | "connectionsMax" | "connectionsPerSourceMax" | "sources">;

export class Entry {
  readonly #settings: EntrySettings;
  readonly #host: Omit<ConnectionHost, "onOver">;
  readonly #server: net.Server;
  readonly #open = new Set<AgentConnection>();
  readonly #bySource = new Map<string, number>();
  readonly #isAllowed: (address: string) => boolean;
  readonly #connectionsMax: number;
  #accepted = 0;
  #isClosed = false;

  constructor(settings: EntrySettings, host: Omit<ConnectionHost, "onOver">) {
    this.#settings = settings;
    this.#host = host;
    this.#isAllowed = settings.sources.length === 0 ? () => true : subnetList(settings.sources);
    // One descriptor each: the other leg is a stream of a session.
    this.#connectionsMax = Math.min(settings.connectionsMax, connectionsThatFit(descriptorLimit()) * 2);
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs }, (raw) => this.#take(raw));
  }

  get connections(): number {
    return this.#open.size;
  }

  /** Binds. Rejects with RelayError `listen`. On a machine without IPv6, `::` means all addresses of IPv4. */
  async listen(): Promise<void> {
    const { address, port } = this.#settings.listen;
    try {
      await this.#bind(address, port).catch(async (error: unknown) => {
        if (address !== "::" || !hasNoIpv6(error)) throw error;
        await this.#bind("0.0.0.0", port);
      });
    } catch (cause) {
      throw new RelayError("listen", `The relay cannot listen on ${address} port ${port} (${explain(cause)}); free the port, or change "listen" in relay.json on every node.`, cause);
    }
  }

  /** Accepts no more; what runs goes on. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#server.close();
  }

  /** Ends every connection now. */
  cut(): void {
    for (const connection of [...this.#open]) connection.cut();
  }

  async #bind(host: string, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port, backlog }, () => {
        this.#server.off("error", reject);
        // After the bind an accept error (descriptors used up) must not end the process (T38).
        this.#server.on("error", () => {});
        resolve();
      });
    });
  }

  #take(raw: net.Socket): void {
    raw.on("error", destroyOnError);
    const source = (raw.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "").replace(/%.*$/, "");
    const problem = this.#refusal(source);
    if (problem !== undefined || this.#isClosed) {
      raw.destroy();
      if (problem !== undefined) this.#host.onRefused(source, problem);
      return;
    }
    this.#accepted += 1;
    this.#bySource.set(source, (this.#bySource.get(source) ?? 0) + 1);
    const connection = new AgentConnection(raw, { id: this.#accepted.toString(36), source, host: { ...this.#host, onOver: (over) => this.#leave(over) } });
    this.#open.add(connection);
    connection.start();
  }

  #refusal(source: string): string | undefined {
    if (!this.#isAllowed(source)) return `the address is in none of the networks of "sources" in relay.json`;
    if (this.#open.size >= this.#connectionsMax) return `the relay is at its limit of ${this.#connectionsMax} connections`;
    if ((this.#bySource.get(source) ?? 0) >= this.#settings.connectionsPerSourceMax) return `the address has ${this.#settings.connectionsPerSourceMax} connections already ("connectionsPerSourceMax" in relay.json; raise it where a balancer or NAT stands in front)`;
    return undefined;
  }

  #leave(connection: AgentConnection): void {
    this.#open.delete(connection);
    const left = (this.#bySource.get(connection.source) ?? 1) - 1;
    if (left > 0) this.#bySource.set(connection.source, left);
    else this.#bySource.delete(connection.source);
  }
}

function hasNoIpv6(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EAFNOSUPPORT" || error.code === "EADDRNOTAVAIL");
}
