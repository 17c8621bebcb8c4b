/** The gateway's end of a relay session, as small as the contract allows: for what no real gateway does, such as answering late, refusing at will or going away. */
import { once } from "node:events";
import type net from "node:net";
import tls from "node:tls";
import { relayAlpn, relayStreamHead, type RelayStreamHead } from "../../../contract/relay.ts";
import { readStreamHead, writeStreamHead } from "../../../gateway-worker/net/stream-head.ts";
import { YamuxSession, type YamuxStream } from "../../../gateway-worker/net/yamux.ts";
import type { Issued } from "../../support/pki.ts";

export type SeenSession = { yamux: YamuxSession; fingerprint: string; hello: Extract<RelayStreamHead, { kind: "hello" }> | undefined; loads: RelayStreamHead[] };

export type UpstreamBehaviour = {
  /** Answer to a hello; default: accepted. */
  hello?: () => unknown;
  /** Answer to an agent's connection; undefined: none ever comes; "cut": it is reset without one. */
  agent?: () => unknown;
};

export class SmallUpstream {
  readonly sessions: SeenSession[] = [];
  /** Heads of agents' connections that came. */
  readonly agents: Extract<RelayStreamHead, { kind: "agent" }>[] = [];
  port = 0;
  readonly #server: tls.Server;
  readonly #inner: tls.Server;
  readonly #sockets = new Set<net.Socket>();
  behaviour: UpstreamBehaviour;

  /** `certificate`: what both the session and the agents' connections end at. Inside, bytes are echoed. */
  static async start(certificate: Issued, behaviour: UpstreamBehaviour = {}, port = 0): Promise<SmallUpstream> {
    const upstream = new SmallUpstream(certificate, behaviour);
    upstream.#server.listen(port, "127.0.0.1");
    await once(upstream.#server, "listening");
    upstream.port = (upstream.#server.address() as net.AddressInfo).port;
    return upstream;
  }

  private constructor(certificate: Issued, behaviour: UpstreamBehaviour) {
    this.behaviour = behaviour;
    const presented = { cert: certificate.chainPem, key: certificate.keyPem, allowHalfOpen: true };
    this.#inner = tls.createServer(presented, (socket) => {
      socket.on("error", () => socket.destroy());
      socket.pipe(socket);
    });
    this.#inner.on("tlsClientError", (_error, socket) => socket.destroy());
    this.#server = tls.createServer({ ...presented, requestCert: true, rejectUnauthorized: false, ALPNProtocols: [relayAlpn] }, (socket) => this.#session(socket));
    this.#server.on("connection", (socket: net.Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket)).on("error", () => socket.destroy());
    });
    this.#server.on("tlsClientError", (_error, socket) => socket.destroy());
  }

  #session(socket: tls.TLSSocket): void {
    socket.on("error", () => socket.destroy());
    const seen: SeenSession = { fingerprint: socket.getPeerCertificate().fingerprint256.replaceAll(":", "").toLowerCase(), hello: undefined, loads: [], yamux: new YamuxSession(socket, { isClient: false, onStream: (stream) => void this.#stream(stream, seen).catch(() => stream.destroy()), onEnd: () => {} }) };
    this.sessions.push(seen);
  }

  async #stream(stream: YamuxStream, seen: SeenSession): Promise<void> {
    stream.on("error", () => stream.destroy());
    const head = relayStreamHead.parse(await readStreamHead(stream, { timeoutMs: 5_000 }));
    if (head.kind === "load") {
      seen.loads.push(head);
      return void stream.resume().end();
    }
    const answer = head.kind === "hello" ? (this.behaviour.hello ?? accepted)() : (this.behaviour.agent ?? accepted)();
    if (head.kind === "hello") seen.hello = head;
    else this.agents.push(head);
    if (answer === undefined) return;
    if (answer === "cut") return void stream.destroy();
    stream.write(writeStreamHead(answer));
    if (head.kind === "agent") this.#inner.emit("connection", stream);
  }

  /** Ends everything as a killed gateway does. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function accepted(): unknown {
  return { kind: "accepted" };
}
