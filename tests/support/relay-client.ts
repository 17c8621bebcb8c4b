/** A relay's end of its session for tests: its own certificate, hello, streams that carry agents, dials on request; and a relay in the bench's snapshot. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import net from "node:net";
import type { Duplex } from "node:stream";
import type tls from "node:tls";
import { relayAlpn, relayAnswer, upstreamStreamHead } from "../../contract/relay.ts";
import type { SnapshotRelay } from "../../contract/relay.ts";
import { readStreamHead, writeStreamHead } from "../../gateway-worker/net/stream-head.ts";
import { YamuxSession } from "../../gateway-worker/net/yamux.ts";
import type { YamuxStream } from "../../gateway-worker/net/yamux.ts";
import type { GatewayBench } from "./gateway-bench.ts";
import { TestCa } from "./pki.ts";
import type { Issued } from "./pki.ts";

export type RelayFixture = { relay: SnapshotRelay; relayKey: string; certificate: Issued };
export type RelayAnswer = ReturnType<typeof relayAnswer.parse>;

/** A relay's certificate that nobody signed but itself. */
export async function relayCertificate(name: string): Promise<Issued> {
  return (await TestCa.root({ commonName: name, isCa: false, usage: ["server", "client"] })).issued;
}

/** Puts a relay into the bench's snapshot, confirmed unless told otherwise. The caller applies it. */
export async function addRelay(bench: GatewayBench, options: { name?: string; isConfirmed?: boolean } & Partial<Pick<SnapshotRelay, "dial" | "listeningAgents">> = {}): Promise<RelayFixture> {
  const { name = "relay-1", isConfirmed = true, dial = null, listeningAgents = [] } = options;
  const relayKey = randomBytes(24).toString("base64url");
  const certificate = await relayCertificate(name);
  const relay: SnapshotRelay = { relayId: randomUUID(), name, relayKeySha256: createHash("sha256").update(relayKey).digest("hex"), fingerprints: isConfirmed ? [certificate.fingerprint] : [], siteId: null, dial, listeningAgents };
  bench.snapshot.relays.push(relay);
  return { relay, relayKey, certificate };
}

export class RelayClient {
  readonly session: YamuxSession;
  answer: RelayAnswer | undefined;
  endReason: string | undefined;
  isGoingAway = false;
  /** Streams that the gateway had dialled. */
  dials = 0;

  constructor(socket: tls.TLSSocket) {
    this.session = new YamuxSession(socket, { isClient: true, onStream: (stream) => void this.#dial(stream), onEnd: (reason) => (this.endReason = reason), onGoAway: () => (this.isGoingAway = true) });
  }

  /** Connects and says hello with this key and certificate. `over`: a stream of a relay nearer to the gateway. */
  static async open(bench: GatewayBench, fixture: { relayKey: string; certificate: Issued }, options: { over?: Duplex; hello?: object } = {}): Promise<RelayClient> {
    const client = await RelayClient.silent(bench, fixture.certificate, options.over);
    await client.hello(bench, fixture.relayKey, options.hello);
    return client;
  }

  static async silent(bench: GatewayBench, certificate: Issued, over?: Duplex): Promise<RelayClient> {
    return new RelayClient(await bench.tls(certificate, { ALPNProtocols: [relayAlpn], ...(over ? { socket: over, host: undefined, port: undefined } : {}) }));
  }

  async hello(bench: GatewayBench, relayKey: string, more: object = {}): Promise<RelayAnswer | undefined> {
    this.answer = (await this.ask({ kind: "hello", relayKey, node: randomUUID(), organisationId: bench.organisationId, version: "1.0.0", hostname: "relay.example", startedAt: new Date().toISOString(), ...more })).answer;
    return this.answer;
  }

  async ask(head: unknown): Promise<{ answer: RelayAnswer | undefined; stream: YamuxStream }> {
    const stream = this.session.open();
    stream.write(writeStreamHead(head));
    try {
      return { answer: relayAnswer.parse(await readStreamHead(stream, { timeoutMs: 8_000 })), stream };
    } catch {
      return { answer: undefined, stream };
    }
  }

  /** A stream that carries one connection of an agent; what the gateway said when it did not take it. */
  async carry(source = "10.0.0.2:40000"): Promise<{ answer: RelayAnswer | undefined; stream: YamuxStream }> {
    return await this.ask({ kind: "agent", source, connectionId: randomUUID() });
  }

  close(): void {
    this.session.close();
  }

  async #dial(stream: YamuxStream): Promise<void> {
    try {
      const { host, port } = upstreamStreamHead.parse(await readStreamHead(stream, { timeoutMs: 8_000 }));
      const socket = net.connect({ host, port, allowHalfOpen: true });
      socket.on("error", () => void stream.end(writeStreamHead({ kind: "refused", code: "relay-dial-failed", detail: `${host} port ${port} refused the connection` })));
      socket.once("connect", () => {
        this.dials += 1;
        stream.write(writeStreamHead({ kind: "accepted" }));
        stream.pipe(socket).pipe(stream);
        stream.once("close", () => socket.destroy());
        socket.once("close", () => stream.destroy());
      });
    } catch {
      stream.destroy();
    }
  }
}
