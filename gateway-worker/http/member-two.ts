/** A connection to a member that speaks HTTP/2 (`memberHttp: "2"`): many requests at once, closed when nobody used it for a while. */
import http2 from "node:http2";
import type net from "node:net";
import type { MemberEvents, MemberRequest, MemberRequestHead } from "./member-request.ts";
import { responseHeadBytesMax } from "./member-request.ts";
import type { RawFields } from "./request-head.ts";

const idleMs = 30_000;
/** What a member may have open at once for us, when it names no lower number itself. */
const streamsMax = 100;

export class MemberSession {
  readonly #session: http2.ClientHttp2Session;
  #streams = 0;
  #isGoing = false;

  constructor(socket: net.Socket) {
    this.#session = http2.connect("http://member.invalid", { createConnection: () => socket, strictSingleValueFields: false, settings: { enablePush: false, maxHeaderListSize: responseHeadBytesMax } } as http2.ClientSessionOptions);
    this.#session.on("goaway", () => this.retire());
    // Its requests hear of it themselves; the session only must not be used again.
    this.#session.on("error", () => this.retire());
    this.#session.setTimeout(idleMs, () => {
      if (this.#streams === 0) this.#session.close();
    });
  }

  get hasRoom(): boolean {
    return !this.#isGoing && !this.#session.closed && !this.#session.destroyed && this.#streams < Math.min(streamsMax, this.#session.remoteSettings?.maxConcurrentStreams ?? streamsMax);
  }

  onClose(listener: () => void): void {
    this.#session.once("close", listener);
  }

  request(head: MemberRequestHead, events: MemberEvents): MemberRequest {
    const lines = [":method", head.method, ":scheme", head.scheme, ":authority", head.authority, ":path", head.target];
    for (let index = 0; index < head.fields.length; index += 2) lines.push((head.fields[index] ?? "").toLowerCase(), head.fields[index + 1] ?? "");
    if (head.takesTrailers) lines.push("te", "trailers");
    if (head.framing.kind === "length") lines.push("content-length", String(head.framing.bytes));
    const stream = this.#session.request(lines, { endStream: head.framing.kind === "none" });
    this.#streams += 1;
    stream.once("close", () => (this.#streams -= 1));
    return follow(stream, events);
  }

  /** Finishes what is under way and takes nothing more. */
  retire(): void {
    this.#isGoing = true;
    if (!this.#session.destroyed) this.#session.close();
  }
}

function follow(stream: http2.ClientHttp2Stream, events: MemberEvents): MemberRequest {
  let trailers: RawFields = [];
  let ours: RawFields = [];
  let hasResponse = false;
  stream.on("headers", (headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader, _flags: number, raw: string[]) => events.onInform(headers[":status"] ?? 0, withoutPseudo(raw)));
  stream.on("trailers", (_headers: unknown, _flags: number, raw: string[]) => (trailers = withoutPseudo(raw)));
  stream.on("response", (headers, _flags, raw: string[]) => {
    hasResponse = true;
    events.onResponse({ status: headers[":status"] ?? 0, reason: "", fields: withoutPseudo(raw), body: stream, trailers: () => trailers, isComplete: () => stream.rstCode === 0 });
  });
  stream.on("wantTrailers", () => stream.sendTrailers(trailerObject(ours)));
  stream.on("drain", events.onDrain);
  stream.on("error", events.onError);
  stream.on("close", () => {
    if (!hasResponse) events.onError(new Error(`the member ended the stream with code ${stream.rstCode}`));
  });
  return {
    write: (chunk) => stream.write(chunk),
    end: (passing) => {
      ours = passing;
      if (!stream.writableEnded) stream.end();
    },
    destroy: () => {
      if (!stream.destroyed) stream.close(http2.constants.NGHTTP2_CANCEL);
    },
  };
}

export function withoutPseudo(raw: readonly string[]): string[] {
  const fields: string[] = [];
  for (let index = 0; index < raw.length; index += 2) if (!raw[index]?.startsWith(":")) fields.push(raw[index] ?? "", raw[index + 1] ?? "");
  return fields;
}

/** Trailers have no raw form in the runtime; repeated names become lists, which keeps them separate. */
export function trailerObject(fields: RawFields): Record<string, string | string[]> {
  const object: Record<string, string | string[]> = {};
  for (let index = 0; index < fields.length; index += 2) {
    const name = (fields[index] ?? "").toLowerCase();
    const value = fields[index + 1] ?? "";
    const known = object[name];
    object[name] = known === undefined ? value : [...(Array.isArray(known) ? known : [known]), value];
  }
  return object;
}
