/** Stands between gateway and server and keeps every byte: what the gateway handles after it has ended the outer TLS. */
import { createConnection, createServer, type Socket } from "node:net";

export type Recorder = { port: number; streams: () => { up: Buffer; down: Buffer }[]; close: () => Promise<void> };

/** Records what passes between whoever connects and 127.0.0.1:`serverPort`. */
export async function recordBetween(serverPort: number): Promise<Recorder> {
  const recorded: { up: Buffer[]; down: Buffer[] }[] = [];
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const stream = { up: [] as Buffer[], down: [] as Buffer[] };
    recorded.push(stream);
    const far = createConnection({ host: "127.0.0.1", port: serverPort, allowHalfOpen: true });
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on("error", () => socket.destroy()).on("close", () => open.delete(socket));
    }
    near.on("data", (chunk: Buffer) => stream.up.push(chunk)).pipe(far);
    far.on("data", (chunk: Buffer) => stream.down.push(chunk)).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : 0,
    streams: () => recorded.map((stream) => ({ up: Buffer.concat(stream.up), down: Buffer.concat(stream.down) })),
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Content types of the TLS records that make up `bytes` (RFC 8446 section 5.1), or "plain" where something is no record. A record cut at the end is accepted. */
export function tlsRecordTypes(bytes: Buffer): string[] {
  const types: string[] = [];
  const names: Record<number, string> = { 20: "change-cipher-spec", 21: "alert", 22: "handshake", 23: "application-data" };
  for (let at = 0; at + 5 <= bytes.length; ) {
    const name = names[bytes[at] ?? 0];
    if (name === undefined || bytes[at + 1] !== 3) return [...types, "plain"];
    types.push(name);
    at += 5 + bytes.readUInt16BE(at + 3);
  }
  return types;
}
