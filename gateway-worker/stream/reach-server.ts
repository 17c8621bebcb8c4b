/**
 * Where the supervisor asks this engine for a stream to an agent: a Unix socket that only the gateway's user may open. The grant in the head is passed on
 * unread, because the agent judges it; the agent's answer is passed back, and from then on bytes are copied.
 */
import { chmodSync, rmSync } from "node:fs";
import net from "node:net";
import type { Duplex } from "node:stream";
import { forwardHead, streamAnswer } from "../../contract/channel.ts";
import type { ForwardHead } from "../../contract/channel.ts";
import { destroyOnError } from "../net/close.ts";
import { acceptLocalStream } from "../net/local-stream.ts";
import { Splice } from "../net/splice.ts";
import { writeStreamHead } from "../net/stream-head.ts";
import type { YamuxStream } from "../net/yamux.ts";
import type { Channel } from "./channel.ts";
import { closeWith, readHead, refusedAnswer } from "./stream-heads.ts";

/** The supervisor writes its head at once; milliseconds. */
const headMs = 5_000;
/** The agent verifies the grant and dials its service, for which it has 10 s; milliseconds. */
const answerMs = 15_000;

export type ReachHost = { channelsOf: (agentId: string) => readonly Channel[]; log: (level: "warn" | "error", message: string) => void };

export class ReachServer {
  readonly path: string;
  readonly #host: ReachHost;
  readonly #server: net.Server;

  constructor(path: string, host: ReachHost) {
    this.path = path;
    this.#host = host;
    this.#server = net.createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /** Resolves when it listens. Rejects with the runtime's error. A socket that a dead engine left behind is replaced. */
  async listen(): Promise<void> {
    rmSync(this.path, { force: true });
    const before = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject);
        this.#server.listen(this.path, () => {
          this.#server.off("error", reject);
          this.#server.on("error", (error) => this.#host.log("error", `the socket for streams to agents failed: ${error.message}`));
          resolve();
        });
      });
      chmodSync(this.path, 0o600);
    } finally {
      process.umask(before);
    }
  }

  /** Takes no more; sessions that run go on until their channel or the supervisor ends them. */
  close(): void {
    this.#server.close();
    rmSync(this.path, { force: true });
  }

  #accept(socket: net.Socket): void {
    socket.on("error", destroyOnError);
    acceptLocalStream(socket, (stream) => void this.#serve(stream.on("error", destroyOnError)));
  }

  async #serve(socket: Duplex): Promise<void> {
    const read = await readHead(socket, forwardHead, headMs);
    if (read.kind === "none") {
      socket.destroy();
      return;
    }
    const stream = this.#open(read.head);
    if (!stream) return closeWith(socket, refusedAnswer("reach-agent-away", `agent ${read.head.agentId} has no open channel to this engine`));
    // Whoever asked left before the agent answered: the agent is told so.
    const left = (): void => void stream.destroy();
    socket.once("close", left);
    stream.write(writeStreamHead(read.head.head));
    const answer = await readHead(stream, streamAnswer, answerMs);
    socket.off("close", left);
    if (answer.kind === "none") {
      stream.destroy();
      closeWith(socket, refusedAnswer("reach-agent-away", `the agent did not answer: ${answer.detail}`));
    } else if (answer.head.kind !== "accepted") {
      stream.destroy();
      closeWith(socket, answer.head.kind === "refused" ? answer.head : refusedAnswer("channel-protocol", "the agent answered with something else than accepted or refused"));
    } else this.#splice(socket, stream);
  }

  /** A stream in the newest channel that takes one. */
  #open(head: ForwardHead): YamuxStream | undefined {
    for (const channel of this.#host.channelsOf(head.agentId)) {
      if (!channel.takesStreams) continue;
      try {
        return channel.open();
      } catch {
        // It has just ended or is at its limit: an older one may do.
      }
    }
    return undefined;
  }

  #splice(socket: Duplex, stream: YamuxStream): void {
    socket.write(writeStreamHead({ kind: "accepted" }));
    // The supervisor counts bytes, ends sessions at their time, and has the deadlines.
    const owner = { onBytes: () => {}, onHalfClose: () => {}, onSpliceEnd: () => {} };
    new Splice({ client: socket, clientRaw: socket, server: stream, serverRaw: stream, owner }).start();
  }
}
