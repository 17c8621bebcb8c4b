/**
 * HTTP/2 towards clients. The runtime's own bounds come late (H7), so each connection counts what only an attacker sends in
 * numbers: resets, pings, settings, bytes without requests. Over the bound: GOAWAY and the end, of this connection alone (T07).
 */
import http2 from "node:http2";
import type { Readable } from "node:stream";
import { answerOf } from "./answer.ts";
import type { ClientConnection } from "./client-connection.ts";
import type { ClientSide, ResponseHead } from "./client-side.ts";
import { FloodGauge } from "./flood-gauge.ts";
import type { FloodKind } from "./flood-gauge.ts";
import { trailerObject, withoutPseudo } from "./member-two.ts";
import { headBytesMax, judgeTwo } from "./request-head.ts";
import type { RawFields } from "./request-head.ts";

/** Streams open at once on one connection. */
const streamsMax = 100;
/** Megabytes that the runtime may hold for one session before it refuses streams. */
const sessionMegabytesMax = 8;
/** A connection without requests is closed after this long; the service's idle deadline where that is shorter. */
const keepAliveMaxMs = 60_000;
/** From GOAWAY to the end of a connection that was misused; what comes in between is dropped unread by us. */
const goawayMs = 100;
const { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = http2.constants;

const server = http2.createServer({
  maxSessionMemory: sessionMegabytesMax,
  // Fields that a member repeats are passed on as they are (S3-15), not refused by the runtime in the middle of an answer.
  strictSingleValueFields: false,
  maxHeaderListPairs: 128,
  maxOutstandingPings: 10,
  maxSettings: 32,
  maxSessionInvalidFrames: 20,
  maxSessionRejectedStreams: 20,
  streamResetBurst: 400,
  streamResetRate: 50,
  settings: { maxConcurrentStreams: streamsMax, maxHeaderListSize: headBytesMax, enablePush: false, initialWindowSize: 262_144 },
} as http2.ServerOptions);
server.on("error", () => undefined);

export class ClientTwo {
  readonly #connection: ClientConnection;
  readonly #gauge: FloodGauge;
  #session: http2.ServerHttp2Session | undefined;
  #hasFlooded = false;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(connection: ClientConnection) {
    this.#connection = connection;
    this.#gauge = new FloodGauge((kind) => this.#flood(kind));
    // The session is made within this call; the runtime says nothing about the socket it was made for.
    const begin = (session: http2.ServerHttp2Session): void => this.#begin(session);
    server.once("session", begin);
    server.emit("connection", connection.socket);
    server.removeListener("session", begin);
    this.#watchIdle(connection.service.limits.headTimeoutMs);
  }

  #begin(session: http2.ServerHttp2Session): void {
    this.#session = session;
    const { socket } = this.#connection;
    session.on("error", () => undefined);
    session.on("close", () => {
      clearTimeout(this.#idleTimer);
      socket.destroy();
    });
    session.on("ping", () => this.#gauge.count("ping"));
    session.on("remoteSettings", () => this.#gauge.count("settings"));
    session.on("frameError", () => this.#gauge.count("reset"));
    session.on("stream", (stream, _headers, flags, raw: string[]) => this.#take(stream, flags, raw));
    this.#gauge.watch(() => socket.bytesRead);
    session.once("close", () => this.#gauge.close());
  }

  exchangeOver(): void {
    if (this.#connection.requests > 0) return;
    if (this.#connection.isClosing) this.#session?.close();
    else this.#watchIdle(Math.min(this.#connection.service.limits.idleTimeoutMs, keepAliveMaxMs));
  }

  /** GOAWAY; what is under way is finished. */
  close(): void {
    this.#session?.close();
  }

  #take(stream: http2.ServerHttp2Stream, flags: number, raw: string[]): void {
    clearTimeout(this.#idleTimer);
    stream.on("error", () => undefined);
    if (this.#hasFlooded) return stream.close(NGHTTP2_ENHANCE_YOUR_CALM);
    this.#gauge.credit(headBytesMax);
    const pseudo = new Map<string, string>();
    for (let index = 0; index < raw.length && raw[index]?.startsWith(":"); index += 2) pseudo.set(raw[index] ?? "", raw[index + 1] ?? "");
    const verdict = judgeTwo({ method: pseudo.get(":method") ?? "", path: pseudo.get(":path") ?? "", authority: pseudo.get(":authority"), scheme: pseudo.get(":scheme") ?? "", fields: withoutPseudo(raw), endsStream: (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0 });
    const side = new TwoSide(stream, (bytes) => this.#gauge.credit(bytes));
    stream.once("close", () => this.#ended(stream, side.wasCut));
    if (verdict.kind === "refused") {
      this.#connection.refused(verdict.code, verdict.detail);
      return side.refuse(verdict.code, this.#connection.id, verdict.status);
    }
    this.#connection.run({ head: verdict.head, side, upgrade: null });
  }

  /** A stream that the client reset before our response was through counts; one that we finished or cut ourselves does not. */
  #ended(stream: http2.ServerHttp2Stream, wasCut: boolean): void {
    if (!wasCut && (stream.aborted || (stream.rstCode !== NGHTTP2_NO_ERROR && !stream.writableFinished))) this.#gauge.count("reset");
    if (this.#connection.requests === 0) this.#watchIdle(Math.min(this.#connection.service.limits.idleTimeoutMs, keepAliveMaxMs));
  }

  #flood(kind: FloodKind): void {
    const session = this.#session;
    if (!session || session.destroyed || this.#hasFlooded) return;
    this.#hasFlooded = true;
    this.#connection.refused("http-flood", `too many of this kind on one connection: ${kind}`);
    this.#connection.isClosing = true;
    this.#connection.cutRequests();
    session.goaway(NGHTTP2_ENHANCE_YOUR_CALM);
    setTimeout(() => {
      session.destroy();
      this.#connection.socket.destroy();
    }, goawayMs);
  }

  #watchIdle(ms: number): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => {
      if (this.#connection.requests > 0) return;
      this.#session?.close();
      // A session whose preface never came has nothing to close.
      if (!this.#session || this.#session.destroyed) this.#connection.socket.destroy();
      else setTimeout(() => this.#connection.socket.destroy(), 1_000).unref();
    }, ms).unref();
  }
}

class TwoSide implements ClientSide {
  readonly #stream: http2.ServerHttp2Stream;
  /** We ended it, not the client. */
  wasCut = false;
  #trailers: RawFields = [];
  #ours: RawFields = [];

  constructor(stream: http2.ServerHttp2Stream, credit: (bytes: number) => void) {
    this.#stream = stream;
    stream.on("trailers", (_headers: unknown, _flags: number, raw: string[]) => (this.#trailers = withoutPseudo(raw)));
    stream.on("wantTrailers", () => stream.sendTrailers(trailerObject(this.#ours)));
    const push = stream.push.bind(stream);
    // What the client sent as bodies is no overhead.
    stream.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
      if (chunk) credit(chunk.length + 64);
      return push(chunk, encoding);
    };
  }

  get body(): Readable {
    return this.#stream;
  }
  get isBodyComplete(): boolean {
    return this.#stream.readableEnded || this.#stream.endAfterHeaders;
  }
  get hasResponded(): boolean {
    return this.#stream.headersSent;
  }

  trailers(): RawFields {
    return this.#trailers;
  }

  inform(status: number, fields: RawFields): void {
    if (!this.#stream.destroyed && !this.#stream.headersSent) this.#stream.additionalHeaders({ ":status": status, ...trailerObject(fields) });
  }

  respond({ status, fields, hasBody }: ResponseHead): void {
    if (this.#stream.destroyed) return;
    const lines = [":status", String(status)];
    for (let index = 0; index < fields.length; index += 2) {
      const name = (fields[index] ?? "").toLowerCase();
      if (name !== "content-length" || status !== 204) lines.push(name, fields[index + 1] ?? "");
    }
    this.#stream.respond(lines, hasBody ? { waitForTrailers: true } : { endStream: true });
  }

  write(chunk: Buffer): boolean {
    return this.#stream.destroyed || this.#stream.write(chunk);
  }

  finish(trailers: RawFields): void {
    this.#ours = trailers;
    if (!this.#stream.destroyed && !this.#stream.writableEnded) this.#stream.end();
    // A request whose body nobody wants any more: told so without an error (RFC 9113 section 8.1).
    if (!this.isBodyComplete) this.#stream.once("finish", () => this.#stream.close(NGHTTP2_NO_ERROR));
    else this.#stream.resume();
  }

  cut(): void {
    this.wasCut = true;
    if (!this.#stream.destroyed) this.#stream.close(NGHTTP2_INTERNAL_ERROR);
  }

  onDrain(listener: () => void): void {
    this.#stream.on("drain", listener);
  }

  onClose(listener: () => void): void {
    this.#stream.once("close", listener);
  }

  refuse(code: Parameters<typeof answerOf>[0], connectionId: string, status: number): void {
    const answer = answerOf(code, connectionId, status);
    this.respond({ ...answer, hasBody: true, closes: false });
    this.write(answer.body);
    this.finish([]);
  }
}
