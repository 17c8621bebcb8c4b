/** The agent's end of a channel in small: dials a gateway's tunnel listener, says hello, and echoes what comes on reach streams. The product's agent is tried elsewhere. */
import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import tls from "node:tls";
import { channelAlpn, type GatewayStreamHead, gatewayStreamHead, type StreamAnswer, streamAnswer } from "../../contract/channel.ts";
import { readStreamHead, writeStreamHead } from "../../gateway-worker/net/stream-head.ts";
import { YamuxSession } from "../../gateway-worker/net/yamux.ts";

export type EchoOptions = { certPem: string; keyPem: string; instance?: string; /** What to answer instead of accepted. */ answer?: (head: GatewayStreamHead) => StreamAnswer };

export class EchoAgent {
  readonly instance: string;
  readonly heads: GatewayStreamHead[] = [];
  readonly session: YamuxSession;
  channelId = "";
  endReason: string | undefined;
  readonly #socket: tls.TLSSocket;

  private constructor(socket: tls.TLSSocket, options: EchoOptions) {
    this.#socket = socket;
    this.instance = options.instance ?? randomUUID();
    this.session = new YamuxSession(socket, { isClient: true, onStream: (stream) => void this.#serve(stream, options), onEnd: (reason) => { this.endReason = reason; } });
  }

  /** Connects and waits for the gateway's welcome. Rejects when it refuses. */
  static async connect(gateway: { port: number }, options: EchoOptions): Promise<EchoAgent> {
    const socket = await new Promise<tls.TLSSocket>((resolve, reject) => {
      const socket = tls.connect({ host: "127.0.0.1", port: gateway.port, cert: options.certPem, key: options.keyPem, ALPNProtocols: [channelAlpn], rejectUnauthorized: false });
      socket.once("error", reject).once("secureConnect", () => resolve(socket.off("error", reject).on("error", () => socket.destroy())));
    });
    const agent = new EchoAgent(socket, options);
    try {
      await agent.#hello();
      return agent;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** The connection is gone at once, as when the machine loses its power. */
  cut(): void {
    this.#socket.destroy();
  }

  async #hello(): Promise<void> {
    const stream = this.session.open();
    stream.on("error", () => {});
    stream.write(writeStreamHead({ kind: "hello", instance: this.instance, version: "test", isListening: false }));
    const answer = streamAnswer.parse(await readStreamHead(stream, { timeoutMs: 5_000 }));
    stream.end();
    stream.resume();
    if (answer.kind !== "welcome") throw new Error(answer.kind === "refused" ? `${answer.code}: ${answer.detail}` : answer.kind);
    this.channelId = answer.channelId;
  }

  async #serve(stream: Duplex, options: EchoOptions): Promise<void> {
    stream.on("error", () => {});
    try {
      const head = gatewayStreamHead.parse(await readStreamHead(stream, { timeoutMs: 5_000 }));
      this.heads.push(head);
      const answer = options.answer?.(head) ?? { kind: "accepted" };
      stream.write(writeStreamHead(answer));
      if (answer.kind === "accepted" && head.kind === "reach") stream.pipe(stream);
      else stream.end();
    } catch {
      stream.destroy();
    }
  }
}
