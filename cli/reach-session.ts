/** A session to a service of an agent: asks the console for a grant, takes it to a gateway's inside listener, and hands over a connection that carries the service's bytes. */
import net from "node:net";
import tls from "node:tls";
import type { z } from "zod";
import { reachOpenReply } from "../contract/reach-objects.ts";
import type { Connection } from "./config.ts";
import { CliError } from "./errors.ts";
import { callApi } from "./http.ts";
import { plain } from "./output.ts";

type Reply = z.output<typeof reachOpenReply>;
type Gateway = Reply["gateways"][number];

/** What a gateway may take to answer, from the first packet on, milliseconds: it may have to find the agent at another gateway. */
const answerMs = 20_000;
/** Longest answer of a gateway before the service's bytes, bytes. */
const headMax = 16_384;

export type ReachSession = { socket: tls.TLSSocket; agent: string; gateway: string };

/** Opens one session. The socket is paused and has read nothing of the service yet. Throws CliError, with the gateway's or the console's code. */
export async function openReachSession(target: Connection, wanted: { agent: string; port: number }): Promise<ReachSession> {
  const reply = reachOpenReply.parse(await callApi(target, { method: "POST", path: "/reach-sessions", body: wanted }));
  let last = new CliError("The console names no gateway that could be asked.", { code: "inside-listener-missing" });
  for (const gateway of reply.gateways) {
    try {
      const socket = await connectThrough(gateway, reply);
      return { socket, agent: reply.agent.name, gateway: gateway.name };
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      last = error;
      if (!mayAnotherKnow(error)) break;
    }
  }
  throw last;
}

/** Another gateway is no use when this one has refused the request itself rather than failed to reach the agent. */
function mayAnotherKnow(error: CliError): boolean {
  return !["reach-grant", "reach-credential", "reach-denied", "reach-approval", "reach-name"].includes(error.code);
}

async function connectThrough(gateway: Gateway, reply: Reply): Promise<tls.TLSSocket> {
  const socket = await connectTls(gateway, reply.caPem);
  try {
    socket.write(`CONNECT ${reply.target} HTTP/1.1\r\nHost: ${reply.target}\r\nProxy-Authorization: Bearer ${reply.grant}\r\n\r\n`);
    await readAnswer(socket, gateway);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function connectTls(gateway: Gateway, caPem: string): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const at = `${gateway.name} (${gateway.host}:${gateway.port})`;
    const options: tls.ConnectionOptions & { allowHalfOpen: boolean } = { host: gateway.host, port: gateway.port, ca: caPem, minVersion: "TLSv1.2", allowHalfOpen: true, ...(net.isIP(gateway.host) === 0 ? { servername: gateway.host } : {}) };
    const socket = tls.connect(options);
    const fail = (reason: string, cause?: unknown): void => {
      socket.destroy();
      reject(new CliError(`The gateway ${at} cannot be asked: ${reason}.`, { code: "gateway-unreachable", cause }));
    };
    socket.setTimeout(answerMs, () => fail("no answer in time"));
    socket.once("secureConnect", () => {
      socket.off("error", onError).setNoDelay(true);
      // Errors from here on are seen as the end of the stream; without a listener they would end the program.
      socket.on("error", () => socket.destroy());
      resolve(socket);
    });
    const onError = (error: Error): void => fail(error.message, error);
    socket.once("error", onError);
  });
}

/** Reads the gateway's answer up to its empty line; what follows stays unread. */
async function readAnswer(socket: tls.TLSSocket, gateway: Gateway): Promise<void> {
  const bytes = await readUntil(socket, gateway, (read) => read.indexOf("\r\n\r\n") !== -1);
  const end = bytes.indexOf("\r\n\r\n") + 4;
  const head = bytes.subarray(0, end).toString("latin1");
  const rest = bytes.subarray(end);
  if (rest.length > 0) socket.unshift(rest);
  if (head.startsWith("HTTP/1.1 200 ")) {
    socket.setTimeout(0);
    return;
  }
  const length = Number(/^content-length: (\d{1,5})\r$/im.exec(head)?.[1] ?? 0);
  const body = length === 0 ? "" : (await readUntil(socket, gateway, (read) => read.length >= length)).toString();
  throw refusedBy(gateway, head, body);
}

/** `code: sentence`, then the detail, then the connection's id: what the inside listener answers with a refusal. */
function refusedBy(gateway: Gateway, head: string, body: string): CliError {
  const [, code, sentence] = /^([a-z0-9-]+): ([^\n]*)/.exec(body) ?? [];
  if (code === undefined) return new CliError(`The gateway ${gateway.name} answered "${plain(head.split("\r\n")[0] ?? "")}".`, { code: "gateway-answer" });
  const detail = body.split("\n")[1] ?? "";
  return new CliError(`The gateway ${gateway.name} refused: ${plain(sentence ?? "")}${detail === "" ? "" : ` ${plain(detail)}`}`, { code });
}

function readUntil(socket: tls.TLSSocket, gateway: Gateway, isEnough: (read: Buffer) => boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let read = Buffer.alloc(0);
    const settle = (done: () => void): void => {
      socket.off("data", onData).off("end", onEnd).off("close", onEnd).off("timeout", onTimeout).pause();
      done();
    };
    const fail = (reason: string): void => settle(() => reject(new CliError(`The gateway ${gateway.name} ${reason}.`, { code: "gateway-answer" })));
    const onData = (chunk: Buffer): void => {
      read = Buffer.concat([read, chunk]);
      if (isEnough(read)) settle(() => resolve(read));
      else if (read.length > headMax) fail("answered something that is no answer to CONNECT");
    };
    const onEnd = (): void => fail("closed the connection without an answer");
    const onTimeout = (): void => fail("did not answer in time");
    socket.on("data", onData).on("end", onEnd).on("close", onEnd).on("timeout", onTimeout).resume();
  });
}

/** How a session ended: both sides finished, the gateway's side was cut off, or ours was. */
export type Ending = "finished" | "cut" | "left";

/** Copies bytes both ways until the session is over. An end of either side is handed on as a half-close; a cut is not taken for an end. */
export function carry(socket: tls.TLSSocket, near: { input: NodeJS.ReadableStream; output: NodeJS.WritableStream }): Promise<Ending> {
  return new Promise((resolve) => {
    // It may have ended before there was a listener.
    let isFinished = socket.readableEnded;
    socket.on("end", () => (isFinished = true));
    socket.on("close", () => resolve(isFinished ? "finished" : "cut"));
    // The reader has gone (ssh has ended, the local client was cut): nothing is left to do.
    const left = (): void => {
      resolve("left");
      socket.destroy();
    };
    near.output.on("error", left);
    near.input.on("error", left);
    near.input.pipe(socket);
    socket.pipe(near.output);
    if (socket.destroyed) resolve("cut");
  });
}
