/**
 * Upstreams that dial the relay (S4-28): the same port, told apart by the protocol that their ClientHello offers. Only a gateway of the relay's own
 * organisation gets further than the handshake, by its certificate; pins are not needed, because the chain is.
 */
import type net from "node:net";
import type tls from "node:tls";
import { type RelaySettings, upstreamAlpn } from "../../contract/relay.ts";
import { PeerCertificates } from "../stream/peer-certificate.ts";
import { Terminator } from "../stream/terminator.ts";
import type { RelayIdentity } from "./identity.ts";
import { splitPem } from "./pem.ts";

/** Unfinished handshakes of upstreams at once: the organisation's gateways, and whoever pretends. */
const handshakesMax = 64;
/** Those of one address: a stranger that stalls must not keep the gateways out. */
const handshakesPerSourceMax = 8;
const handshakeTimeoutMs = 8_000;

export type DialInHost = {
  /** The handshake is done and the certificate is a gateway's of this organisation. */
  onUpstream: (socket: tls.TLSSocket, gatewayId: string, source: string) => void;
  onRefused: (source: string, detail: string) => void;
};

export class DialIn {
  readonly #settings: RelaySettings;
  readonly #host: DialInHost;
  readonly #terminator: Terminator;
  readonly #certificates = new PeerCertificates();
  readonly #bySource = new Map<string, number>();
  #handshakes = 0;

  constructor(settings: RelaySettings, identity: RelayIdentity, host: DialInHost) {
    this.#settings = settings;
    this.#host = host;
    this.#terminator = new Terminator({ chainPem: identity.certificatePem, keyPem: identity.keyPem, algorithms: "standard", clientAnchorsPem: splitPem(settings.caPem), alpn: [upstreamAlpn] });
  }

  /** `first`: bytes already read from the paused socket. */
  take(raw: net.Socket, source: string, first: Buffer): void {
    if (this.#settings.upstreams.length > 0) return this.#refuse(raw, source, "an upstream dialled in, and relay.json says that this relay dials its upstreams");
    if (this.#handshakes >= handshakesMax) return this.#refuse(raw, source, "too many unfinished handshakes of upstreams");
    const fromSource = this.#bySource.get(source) ?? 0;
    if (fromSource >= handshakesPerSourceMax) return this.#refuse(raw, source, `${fromSource} handshakes of upstreams at this address are unfinished already`);
    this.#handshakes += 1;
    this.#bySource.set(source, fromSource + 1);
    let isOver = false;
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      this.#handshakes -= 1;
      const left = (this.#bySource.get(source) ?? 1) - 1;
      if (left > 0) this.#bySource.set(source, left);
      else this.#bySource.delete(source);
      clearTimeout(timer);
      raw.off("close", over);
      undo();
    };
    const timer = setTimeout(() => {
      over();
      this.#refuse(raw, source, `an upstream's handshake took longer than ${handshakeTimeoutMs} ms`);
    }, handshakeTimeoutMs);
    raw.on("close", over);
    const undo = this.#terminator.take(raw, first, {
      established: (socket) => {
        over();
        this.#judge(socket, source);
      },
      handshakeFailed: () => {
        over();
        this.#host.onRefused(source, "an upstream's TLS handshake failed");
        setImmediate(() => raw.destroy());
      },
    });
  }

  #judge(socket: tls.TLSSocket, source: string): void {
    socket.on("error", () => socket.destroy());
    const problem = this.#problem(socket);
    if (typeof problem === "string") {
      this.#host.onRefused(source, `an upstream dialled in: ${problem}`);
      // Not in the turn of the handshake (net/close.ts).
      setImmediate(() => socket.destroy());
      return;
    }
    socket.setNoDelay(true);
    this.#host.onUpstream(socket, problem.gatewayId, source);
  }

  #problem(socket: tls.TLSSocket): string | { gatewayId: string } {
    const peer = this.#certificates.of(socket, socket.authorized);
    if (!peer) return "it presented no certificate";
    if (!socket.authorized) return `its certificate is not from the organisation's CA (${String(socket.authorizationError)})`;
    if (peer.weak !== undefined) return `its certificate is too weak: ${peer.weak}`;
    const now = Date.now();
    // A resumed session is "authorized" whatever the date is now.
    if (now < peer.validFromMs || now > peer.validToMs) return "its certificate is not valid at this machine's time";
    const { identity } = peer;
    if (identity?.kind !== "gateway" || identity.organisationId !== this.#settings.organisationId || identity.trustDomain !== this.#settings.trustDomain || !peer.isForClients) return "its certificate is no gateway's of this organisation";
    if (socket.alpnProtocol !== upstreamAlpn) return "it agreed on another protocol";
    return { gatewayId: identity.id };
  }

  #refuse(raw: net.Socket, source: string, detail: string): void {
    raw.destroy();
    this.#host.onRefused(source, detail);
  }
}
