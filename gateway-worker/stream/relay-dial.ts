/**
 * A relay that the gateway dials (S4-28): TCP, TLS with the gateway's control certificate, then the relay's own session, as if it had come by itself. Tried again
 * for ever with a jittered back-off; every failure is reported in a sentence that names what to look at (X4-05).
 */
import dns from "node:dns";
import net from "node:net";
import tls from "node:tls";
import type { RefusalCode } from "../../contract/error-codes.ts";
import { upstreamAlpn } from "../../contract/relay.ts";
import type { SnapshotRelay } from "../../contract/relay.ts";
import type { GatewayIdentityPem } from "../engine-messages.ts";
import { Backoff } from "../net/backoff.ts";
import { ciphers } from "../net/ciphers.ts";
import { connectTcp } from "../net/connect.ts";
import { nextConnectionId } from "../observe/connection-ids.ts";
import type { Engine } from "./engine.ts";
import type { StreamListener } from "./listener.ts";
import type { PeerCertificate } from "./peer-certificate.ts";
import { RelaySession } from "./relay-session.ts";
import type { RelayOwner } from "./relay-session.ts";

type Address = { host: string; port: number };
export type RelayDialOptions = { relay: SnapshotRelay; at: Address; identity: GatewayIdentityPem | null };

const connectTimeoutMs = 10_000;
const handshakeTimeoutMs = 10_000;
const helloTimeoutMs = 10_000;
const firstDelayMs = 1_000;
const maxDelayMs = 60_000;
const goodMs = 30_000;

export class RelayDial implements RelayOwner {
  readonly source: string;
  readonly relayPath = [];
  readonly expectedRelayId: string;
  certificate: PeerCertificate | undefined;
  readonly #engine: Engine;
  readonly #options: RelayDialOptions;
  readonly #id = nextConnectionId();
  readonly #backoff = new Backoff({ firstMs: firstDelayMs, maxMs: maxDelayMs });
  #timer: NodeJS.Timeout | undefined;
  #session: RelaySession | undefined;
  #connectedAtMs = 0;
  #isGreeted = false;
  #isStopped = false;

  constructor(engine: Engine, options: RelayDialOptions) {
    this.#engine = engine;
    this.#options = options;
    this.expectedRelayId = options.relay.relayId;
    this.source = `${options.at.host}:${options.at.port}`.slice(0, 60);
    void this.#try();
  }

  get listener(): StreamListener | undefined {
    return this.#engine.listenerForRelays();
  }

  /** Whether it dials there already, with this identity. */
  fits(at: Address, identity: GatewayIdentityPem | null): boolean {
    return at.host === this.#options.at.host && at.port === this.#options.at.port && identity?.chainPem === this.#options.identity?.chainPem;
  }

  /** Dials no more. A session that is open ends, unless the gateway drains and lets it finish. */
  stop(how: { isDraining: boolean } = { isDraining: false }): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    if (!how.isDraining) this.#session?.close("the gateway no longer dials the relay there");
  }

  record(code: RefusalCode, detail: string): void {
    this.#engine.refusals.add({ code, detail: detail.slice(0, 500), connectionId: this.#id, source: this.source, listenerId: null, serverName: null, target: null, agentId: null, certificate: this.certificate?.summary ?? null });
    this.#engine.refusalWaits();
  }

  greeted(): void {
    this.#isGreeted = true;
    clearTimeout(this.#timer);
  }

  relayOver(reason: string): void {
    this.#session = undefined;
    if (performance.now() - this.#connectedAtMs >= goodMs) this.#backoff.reset();
    this.#again(this.#isGreeted ? undefined : reason);
  }

  async #try(): Promise<void> {
    this.#isGreeted = false;
    const reached = await this.#reach();
    if (typeof reached === "string") return this.#again(reached);
    if (this.#isStopped) {
      reached.destroy();
      return;
    }
    this.#connectedAtMs = performance.now();
    this.certificate = this.#engine.certificates.of(reached, false);
    this.#session = new RelaySession(this.#engine, this, reached);
    this.#timer = setTimeout(() => this.#session?.close("the relay said no hello"), helloTimeoutMs);
  }

  /** The TLS connection, or why there is none. */
  async #reach(): Promise<tls.TLSSocket | string> {
    const { at, identity } = this.#options;
    if (!identity) return "the gateway has no certificate yet to prove itself with";
    const address = await resolve(at.host);
    if (address === undefined) return `the name ${at.host} does not resolve on the gateway`;
    const raw = await connectTcp(address, at.port, connectTimeoutMs);
    if (raw === "refused") return `connection refused by ${this.source}`;
    if (raw === "timeout") return `no answer from ${this.source} within ${connectTimeoutMs / 1_000} s; check the firewall rule from the gateway to the relay`;
    return await handshake(raw, at.host, identity);
  }

  #again(problem: string | undefined): void {
    clearTimeout(this.#timer);
    if (this.#isStopped || this.#engine.isDraining) return;
    // An unconfirmed relay was reported as waiting by its session; everything else that went wrong is said here.
    if (problem !== undefined && problem !== "relay-not-confirmed") this.#engine.relays.waits(this.#failed(problem));
    this.#timer = setTimeout(() => void this.#try(), this.#backoff.next());
  }

  #failed(detail: string): Parameters<Engine["relays"]["waits"]>[0] {
    const none = { connections: 0, opened: 0, refused: 0, bytesUp: 0, bytesDown: 0 };
    return { relayId: this.expectedRelayId, node: null, state: "failed", fingerprint: null, source: this.source, relayPath: [], hostname: "", version: "", since: new Date().toISOString(), detail: detail.slice(0, 300), ...none, unreachable: [] };
  }
}

async function resolve(host: string): Promise<string | undefined> {
  if (net.isIP(host) !== 0) return host;
  try {
    return (await dns.promises.lookup(host)).address;
  } catch {
    return undefined;
  }
}

/** The relay's certificate is its own: a person confirmed its fingerprint, and the session compares it once the id is known. */
async function handshake(raw: net.Socket, host: string, identity: GatewayIdentityPem): Promise<tls.TLSSocket | string> {
  return await new Promise((settle) => {
    const socket = tls.connect({ socket: raw, ...(net.isIP(host) === 0 ? { servername: host } : {}), cert: identity.chainPem, key: identity.keyPem, ALPNProtocols: [upstreamAlpn], minVersion: "TLSv1.2", ciphers, rejectUnauthorized: false });
    const fail = (why: string): void => {
      clearTimeout(timer);
      socket.off("close", onClose).destroy();
      raw.destroy();
      settle(why);
    };
    const onClose = (): void => fail(`the relay at ${host} ended the TLS handshake; what answers there may be no relay, or one of another organisation`);
    const timer = setTimeout(() => fail(`the TLS handshake with ${host} was not finished within ${handshakeTimeoutMs / 1_000} s`), handshakeTimeoutMs);
    socket.on("error", () => socket.destroy());
    socket.once("close", onClose);
    socket.once("secureConnect", () => {
      if (socket.alpnProtocol !== upstreamAlpn) return fail(`what answers at ${host} is no relay: it does not speak ${upstreamAlpn}`);
      clearTimeout(timer);
      socket.off("close", onClose).once("close", () => raw.destroy());
      settle(socket);
    });
  });
}
