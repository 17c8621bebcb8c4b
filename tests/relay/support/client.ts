/** An agent as far as a relay can tell: somebody who speaks TLS with the gateway through it. */
import net from "node:net";
import tls from "node:tls";

/** Resolves after the handshake; rejects with what TLS said, or "closed". */
export async function connectTls(port: number, options: tls.ConnectionOptions): Promise<tls.TLSSocket> {
  const socket = tls.connect({ host: "127.0.0.1", port, allowHalfOpen: true, ...options } as tls.ConnectionOptions);
  let failure: unknown = new Error("closed before the handshake was done");
  socket.on("error", (error) => {
    failure = error;
    socket.destroy();
  });
  await new Promise<void>((resolve, reject) => socket.once("secureConnect", resolve).once("close", () => reject(failure)));
  return socket;
}

/** Sends the text and resolves with as many bytes as it has. */
export async function echo(socket: net.Socket, text: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    // What ends while nothing waits to be read is told even to a paused socket.
    if (socket.readableEnded || socket.destroyed) return reject(new Error("closed"));
    let got = "";
    const onData = (chunk: Buffer): void => {
      got += chunk.toString();
      if (got.length < text.length) return;
      socket.off("data", onData).off("close", onClose).off("end", onClose);
      resolve(got);
    };
    const onClose = (): void => reject(new Error("closed"));
    socket.on("data", onData).once("close", onClose).once("end", onClose).resume();
    socket.write(text);
  });
}

/** Opens plain TCP, sends the bytes, and resolves with the milliseconds until the other side closed. */
export async function closedAfter(port: number, bytes: string | Buffer = ""): Promise<number> {
  const startedMs = performance.now();
  const socket = net.connect(port, "127.0.0.1");
  socket.on("error", () => {});
  if (bytes.length > 0) socket.write(bytes);
  socket.resume();
  await new Promise((resolve) => socket.once("close", resolve));
  return performance.now() - startedMs;
}
