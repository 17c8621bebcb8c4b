/** An agent's end of a channel for tests: TLS with ALPN `sallyport/1`, a yamux client, hello, streams to servers, and echo for streams that the gateway opens. */
import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import type tls from "node:tls";
import { channelAlpn, channelPingEveryMs, channelPingTimeoutMs, gatewayStreamHead, streamAnswer } from "../../contract/channel.ts";
import type { GatewayStreamHead, StreamAnswer } from "../../contract/channel.ts";
import { openLocalStream } from "../../gateway-worker/net/local-stream.ts";
import { readStreamHead, writeStreamHead } from "../../gateway-worker/net/stream-head.ts";
import { YamuxSession } from "../../gateway-worker/net/yamux.ts";
import type { YamuxStream } from "../../gateway-worker/net/yamux.ts";
import type { GatewayBench } from "./gateway-bench.ts";

export type ChannelOptions = {
  instance?: string;
  /** A stream that a relay carries, instead of a TCP connection to the bench's listener. */
  over?: Duplex;
  /** What is done with a stream that the gateway opened, after its head; default: accept, and echo a `reach`. */
  onStream?: (head: GatewayStreamHead, stream: YamuxStream) => void;
  tls?: tls.ConnectionOptions;
};

/** How long a test waits for an answer, milliseconds. */
const answerMs = 8_000;

export class ChannelClient {
  readonly instance: string;
  readonly session: YamuxSession;
  readonly socket: tls.TLSSocket;
  /** The gateway's answer to the hello; undefined when the channel ended without one. */
  answer: StreamAnswer | undefined;
  /** Why the session ended; undefined while it lives. */
  endReason: string | undefined;
  isGoingAway = false;
  wakes = 0;

  private constructor(socket: tls.TLSSocket, options: ChannelOptions) {
    this.socket = socket;
    this.instance = options.instance ?? randomUUID();
    this.session = new YamuxSession(socket, {
      isClient: true,
      onStream: (stream) => void this.#serve(stream, options.onStream ?? echo),
      onEnd: (reason) => (this.endReason = reason),
      onGoAway: () => (this.isGoingAway = true),
    });
    this.session.keepAlive({ everyMs: channelPingEveryMs, timeoutMs: channelPingTimeoutMs });
  }

  /** Opens a channel and says hello; `answer` tells what the gateway made of it. */
  static async open(bench: GatewayBench, identity: { chainPem: string; keyPem: string } | undefined, options: ChannelOptions = {}): Promise<ChannelClient> {
    const client = new ChannelClient(await channelTls(bench, identity, options), options);
    await client.hello();
    return client;
  }

  /** The TLS connection and the session without a hello. */
  static async silent(bench: GatewayBench, identity: { chainPem: string; keyPem: string }, options: ChannelOptions = {}): Promise<ChannelClient> {
    return new ChannelClient(await channelTls(bench, identity, options), options);
  }

  async hello(): Promise<StreamAnswer | undefined> {
    const { answer, stream } = await this.ask({ kind: "hello", instance: this.instance, version: "1.0.0", isListening: false });
    stream.resume().end();
    this.answer = answer;
    return answer;
  }

  /** Opens a stream, says `head`, reads the answer (undefined when there is none). */
  async ask(head: unknown): Promise<{ answer: StreamAnswer | undefined; stream: YamuxStream }> {
    const stream = this.session.open();
    stream.write(writeStreamHead(head));
    return { answer: await readAnswerHead(stream), stream };
  }

  async connect(target: string): Promise<{ answer: StreamAnswer | undefined; stream: YamuxStream }> {
    return await this.ask({ kind: "connect", target });
  }

  close(): void {
    this.session.close();
  }

  async #serve(stream: YamuxStream, onStream: NonNullable<ChannelOptions["onStream"]>): Promise<void> {
    try {
      const head = gatewayStreamHead.parse(await readStreamHead(stream, { timeoutMs: answerMs }));
      if (head.kind === "wake") {
        this.wakes += 1;
        stream.end(writeStreamHead({ kind: "accepted" }));
      } else onStream(head, stream);
    } catch {
      stream.destroy();
    }
  }
}

function echo(_head: GatewayStreamHead, stream: YamuxStream): void {
  stream.write(writeStreamHead({ kind: "accepted" }));
  stream.pipe(stream);
}

async function channelTls(bench: GatewayBench, identity: { chainPem: string; keyPem: string } | undefined, options: ChannelOptions): Promise<tls.TLSSocket> {
  return await bench.tls(identity, { ALPNProtocols: [channelAlpn], ...(options.over ? { socket: options.over, host: undefined, port: undefined } : {}), ...options.tls });
}

/** The answer at the start of a stream; undefined when it ends without one. */
export async function readAnswerHead(stream: Duplex, timeoutMs = answerMs): Promise<StreamAnswer | undefined> {
  try {
    return streamAnswer.parse(await readStreamHead(stream, { timeoutMs }));
  } catch {
    return undefined;
  }
}

/** What the supervisor does for reverse access: asks the socket of the engine that holds `holderId`'s channel (the agent's own, unless told otherwise) for a stream to the agent. */
export async function reach(bench: GatewayBench, agentId: string, grant = "grant", holderId = agentId): Promise<{ answer: StreamAnswer | undefined; socket: Duplex }> {
  const path = bench.group.reachSocketOf(holderId);
  if (path === undefined) throw new Error(`no engine holds a channel of ${holderId}`);
  const socket = await openLocalStream(path, answerMs);
  socket.on("error", () => socket.destroy());
  socket.write(writeStreamHead({ kind: "forward", agentId, head: { kind: "reach", sessionId: randomUUID(), grant } }));
  return { answer: await readAnswerHead(socket), socket };
}

/** Writes and reads the same number of bytes back. */
export async function echoed(stream: Duplex, bytes: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  return await new Promise((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      length += chunk.length;
      if (length < bytes.length) return;
      stream.off("data", onData).off("close", onClose).pause();
      resolve(Buffer.concat(chunks));
    };
    const onClose = (): void => reject(new Error(`the stream closed after ${length} of ${bytes.length} bytes`));
    stream.on("data", onData).on("close", onClose).resume();
    stream.write(bytes);
  });
}
