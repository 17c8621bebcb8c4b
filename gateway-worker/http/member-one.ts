/** A request to a member over HTTP/1.1, on a connection that the caller chose. Framing is written here and nowhere else (H10). */
import http from "node:http";
import type net from "node:net";
import type { MemberEvents, MemberRequest, MemberRequestHead } from "./member-request.ts";
import { responseHeadBytesMax } from "./member-request.ts";
import type { RawFields } from "./request-head.ts";

/** Sends the head at once. `onFree` tells that the connection may carry the next request. */
export function requestOne(socket: net.Socket, head: MemberRequestHead, events: MemberEvents, onFree: (keepAliveMs: number | undefined) => void): MemberRequest {
  const request = http.request({
    createConnection: () => socket,
    // Without an agent: which connection carries which request is the member pool's to say.
    agent: null as unknown as undefined,
    method: head.method,
    path: head.target,
    headers: headLines(head),
    insecureHTTPParser: false,
    maxHeaderSize: responseHeadBytesMax,
    setHost: false,
  });
  // The runtime keeps connections only for agents of its own; the member's word still counts.
  request.shouldKeepAlive = true;
  let keepAliveMs: number | undefined;
  const free = (): void => onFree(keepAliveMs);
  socket.once("free", free);
  request.on("information", (info: http.InformationEvent) => events.onInform(info.statusCode, info.rawHeaders));
  request.on("response", (response) => {
    keepAliveMs = keepAliveHint(response.headers["keep-alive"]);
    events.onResponse({ status: response.statusCode ?? 0, reason: response.statusMessage ?? "", fields: response.rawHeaders, body: response, trailers: () => response.rawTrailers, isComplete: () => response.complete });
  });
  request.on("upgrade", (response, upgraded, first) => {
    socket.removeListener("free", free);
    events.onUpgrade(response.rawHeaders, upgraded, first);
  });
  request.on("drain", events.onDrain);
  request.on("error", events.onError);
  if (head.framing.kind !== "none") request.flushHeaders();
  return {
    write: (chunk) => request.write(chunk),
    end: (trailers) => {
      if (trailers.length > 0) request.addTrailers(pairs(trailers));
      request.end();
    },
    destroy: () => {
      request.destroy();
    },
  };
}

/** Methods whose requests usually have content say so when they have none (RFC 9110 section 8.6). */
const contentMethods = new Set(["POST", "PUT", "PATCH"]);

function headLines(head: MemberRequestHead): string[] {
  const lines = ["Host", head.authority, ...head.fields];
  const connection = head.upgrade === null ? ["keep-alive"] : ["Upgrade"];
  if (head.upgrade !== null) lines.push("Upgrade", head.upgrade);
  if (head.takesTrailers) {
    connection.push("TE");
    lines.push("TE", "trailers");
  }
  if (head.framing.kind === "length") lines.push("Content-Length", String(head.framing.bytes));
  else if (head.framing.kind === "chunked") lines.push("Transfer-Encoding", "chunked");
  else if (contentMethods.has(head.method)) lines.push("Content-Length", "0");
  lines.push("Connection", connection.join(", "));
  return lines;
}

function keepAliveHint(text: string | string[] | undefined): number | undefined {
  const seconds = typeof text === "string" ? /timeout=(\d{1,6})/i.exec(text)?.[1] : undefined;
  return seconds === undefined ? undefined : Number(seconds) * 1_000;
}

export function pairs(fields: RawFields): [string, string][] {
  const list: [string, string][] = [];
  for (let index = 0; index < fields.length; index += 2) list.push([fields[index] ?? "", fields[index + 1] ?? ""]);
  return list;
}
