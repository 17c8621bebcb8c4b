/** The gateway's end of agent channels, small enough to break on purpose: mutual TLS, yamux, welcome; streams are opened by the test. And a console that signs grants. */
import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import type net from "node:net";
import tls from "node:tls";
import { exportJWK, generateKeyPair, CompactSign } from "jose";
import type { AgentPolicy } from "../../../contract/agent-site.ts";
import { agentStreamHead, channelAlpn, channelSilenceMs, type GatewayStreamHead, streamAnswer, type StreamAnswer } from "../../../contract/channel.ts";
import type { PublicJwk } from "../../../contract/command.ts";
import { type GrantClaims, grantType } from "../../../contract/reach.ts";
import { YamuxSession, type YamuxStream } from "../../../gateway-worker/net/yamux.ts";
import { readStreamHead, writeStreamHead } from "../../../gateway-worker/net/stream-head.ts";
import { barePolicy } from "../../../agent/policy-store.ts";
import { TestCa, type Issued } from "../../support/pki.ts";

export type HeldChannel = { session: YamuxSession; socket: tls.TLSSocket; instance: string; channelId: string; isListening: boolean; fingerprint: string; isOver: boolean; endReason: string };

export class ChannelGateway {
  readonly id = randomUUID();
  readonly name: string;
  readonly certificate: Issued;
  readonly channels: HeldChannel[] = [];
  /** Says what to answer to `hello` instead of welcome. */
  refusal: Extract<StreamAnswer, { kind: "refused" }> | undefined;
  /** Where `connect` streams lead. */
  connects: (target: string) => net.Socket | undefined = () => undefined;
  readonly server: tls.Server;
  readonly #sockets = new Set<net.Socket>();
  port = 0;

  private constructor(name: string, certificate: Issued) {
    this.name = name;
    this.certificate = certificate;
    this.server = tls.createServer({ cert: certificate.chainPem, key: certificate.keyPem, requestCert: true, rejectUnauthorized: false, ALPNProtocols: [channelAlpn, "http/1.1"] }, (socket) => this.#hold(socket));
    this.server.on("connection", (socket: net.Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.server.on("tlsClientError", (_error, socket) => socket.destroy());
  }

  static async start(name: string, options: { port?: number } = {}): Promise<ChannelGateway> {
    const ca = await TestCa.root({ commonName: name, isCa: false, usage: ["server"], dns: ["localhost"] });
    const gateway = new ChannelGateway(name, ca.issued);
    await new Promise<void>((resolve) => gateway.server.listen({ host: "127.0.0.1", port: options.port ?? 0 }, resolve));
    gateway.port = (gateway.server.address() as net.AddressInfo).port;
    return gateway;
  }

  get inPolicy(): AgentPolicy["gateways"][number] {
    return { id: this.id, name: this.name, fqdn: "localhost", port: this.port, pins: [this.certificate.fingerprint] };
  }

  get live(): HeldChannel[] {
    return this.channels.filter((channel) => !channel.isOver);
  }

  /** As `kill -9` looks from outside: resets, and nobody listens any more. */
  async kill(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const socket of this.#sockets) {
      if (socket instanceof tls.TLSSocket) socket.destroy();
      else socket.resetAndDestroy();
    }
    await closed;
  }

  /** Opens a stream on the newest channel and returns the agent's answer with it. */
  async ask(head: GatewayStreamHead, channel = this.live.at(-1)): Promise<{ stream: YamuxStream; answer: StreamAnswer }> {
    if (!channel) throw new Error("there is no channel");
    const stream = channel.session.open();
    stream.on("error", () => stream.destroy());
    stream.write(writeStreamHead(head));
    return { stream, answer: streamAnswer.parse(await readStreamHead(stream, { timeoutMs: 8_000 })) };
  }

  #hold(socket: tls.TLSSocket): void {
    socket.on("error", () => socket.destroy());
    if (socket.alpnProtocol !== channelAlpn) return void socket.destroy();
    const held: HeldChannel = { socket, instance: "", channelId: randomUUID(), isListening: false, fingerprint: "", isOver: false, endReason: "", session: undefined as unknown as YamuxSession };
    held.session = new YamuxSession(socket, {
      isClient: false,
      silenceMs: channelSilenceMs,
      onStream: (stream) => void this.#answer(held, stream).catch(() => stream.destroy()),
      onEnd: (reason) => {
        held.isOver = true;
        held.endReason = reason;
      },
    });
  }

  async #answer(held: HeldChannel, stream: YamuxStream): Promise<void> {
    stream.on("error", () => stream.destroy());
    const head = agentStreamHead.parse(await readStreamHead(stream, { timeoutMs: 8_000 }));
    if (head.kind === "hello") {
      if (this.refusal) return void stream.end(writeStreamHead(this.refusal));
      Object.assign(held, { instance: head.instance, isListening: head.isListening });
      stream.end(writeStreamHead({ kind: "welcome", channelId: held.channelId, gatewayId: this.id, gatewayName: this.name }));
      stream.resume();
      this.channels.push(held);
      return;
    }
    const upstream = this.connects(head.target);
    if (!upstream) return void stream.end(writeStreamHead({ kind: "refused", code: "target-not-allowed", detail: head.target }));
    stream.write(writeStreamHead({ kind: "accepted" }));
    joinStreams(stream, upstream);
  }
}

export function joinStreams(left: Duplex, right: Duplex): void {
  for (const [from, to] of [[left, right], [right, left]] as const) {
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
    from.pipe(to);
  }
}

/** The console's signing key and its grants. */
export class GrantSigner {
  readonly publicKey: PublicJwk;
  readonly #key: CryptoKey;

  private constructor(publicKey: PublicJwk, key: CryptoKey) {
    this.publicKey = publicKey;
    this.#key = key;
  }

  static async make(kid = "k1"): Promise<GrantSigner> {
    const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
    const { x = "", y = "" } = await exportJWK(publicKey);
    return new GrantSigner({ kty: "EC", crv: "P-256", x, y, kid }, privateKey);
  }

  claims(about: Pick<GrantClaims, "iss" | "agent" | "port"> & Partial<GrantClaims>): GrantClaims {
    const now = Math.floor(Date.now() / 1000);
    return { aud: "reach", jti: randomUUID(), sub: "user:ann", name: "Ann", host: "127.0.0.1", iat: now, exp: now + 120, until: now + 3_600, ...about };
  }

  sign(claims: unknown, header: { kid?: string; typ?: string } = {}): Promise<string> {
    return new CompactSign(new TextEncoder().encode(JSON.stringify(claims))).setProtectedHeader({ alg: "ES256", typ: grantType, kid: this.publicKey.kid, ...header }).sign(this.#key);
  }
}

/** A policy with these gateways, and these services on the agent's list. */
export function channelPolicy(organisationId: string, gateways: ChannelGateway[], extra: Partial<AgentPolicy> = {}): AgentPolicy {
  return { ...barePolicy(organisationId, { name: "site", host: "localhost", port: 1 }), revision: 1, isCloudEnabled: true, gateways: gateways.map((gateway) => gateway.inPolicy), ...extra };
}
