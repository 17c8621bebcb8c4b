/** A client of a gateway's inside listener: TLS verified against the organisation's CA, CONNECT, and what was answered. */
import tls from "node:tls";

export type InsideAnswer = { status: number; head: string; body: string; socket: tls.TLSSocket };
export type InsideAsk = { port: number; caPem: string; target: string; /** Value of Proxy-Authorization. */ authorization?: string; certPem?: string; keyPem?: string; fields?: string[] };

/** Resolves with the answer; the socket is open behind a 200. Rejects when the connection ends without one. */
export async function askInside(ask: InsideAsk): Promise<InsideAnswer> {
  return await new Promise((resolve, reject) => {
    const socket = tls.connect({ host: "127.0.0.1", port: ask.port, servername: "localhost", ca: ask.caPem, ...(ask.certPem && ask.keyPem ? { cert: ask.certPem, key: ask.keyPem } : {}) });
    let read: Buffer = Buffer.alloc(0);
    const finish = (): void => {
      const text = read.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) return reject(new Error(`the connection ended without an answer: ${text}`));
      resolve({ status: Number(text.slice(9, 12)), head: text.slice(0, end), body: text.slice(end + 4), socket });
    };
    const onData = (chunk: Buffer): void => {
      read = Buffer.concat([read, chunk]);
      if (!read.includes("\r\n\r\n") || !read.toString("latin1", 0, 12).startsWith("HTTP/1.1 200")) return;
      socket.off("data", onData).off("end", finish);
      finish();
    };
    socket.on("error", reject).on("data", onData).on("end", finish);
    socket.once("secureConnect", () => socket.write([`CONNECT ${ask.target} HTTP/1.1`, `Host: ${ask.target}`, ...(ask.authorization === undefined ? [] : [`Proxy-Authorization: ${ask.authorization}`]), ...(ask.fields ?? []), "", ""].join("\r\n")));
  });
}

/** Sends a text and resolves when as much came back. */
export async function echoed(socket: tls.TLSSocket, text: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    let back = "";
    const onData = (chunk: Buffer): void => {
      back += chunk.toString();
      if (back.length < text.length) return;
      socket.off("data", onData).off("close", onClose);
      resolve(back);
    };
    const onClose = (): void => reject(new Error("the session ended"));
    socket.on("data", onData).on("close", onClose);
    socket.write(text);
  });
}

/** Resolves when the session has ended, whichever way. */
export async function ended(socket: tls.TLSSocket, withinMs: number): Promise<void> {
  if (socket.closed) return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the session did not end within ${withinMs} ms`)), withinMs);
    socket.on("error", () => {}).resume().once("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
