/** A TCP port in front of another that keeps everything that passes, both ways, and can change it on the way. Stands beside the product, not in it. */
import net from "node:net";

export type Recorder = {
  port: number;
  /** Every byte so far, both directions. */
  bytes(): Buffer;
  /** Changes what passes from the client; default: nothing. */
  alter: (chunk: Buffer) => Buffer;
  /** Open connections. */
  open(): number;
  close(): Promise<void>;
};

export async function recorder(to: { host: string; port: number }, listen: { host?: string; port?: number } = {}): Promise<Recorder> {
  const kept: Buffer[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = net.connect({ ...to, allowHalfOpen: true, noDelay: true });
    join(client, upstream, (chunk) => self.alter(chunk));
    join(upstream, client, (chunk) => chunk);
  });
  const join = (from: net.Socket, other: net.Socket, alter: (chunk: Buffer) => Buffer): void => {
    sockets.add(from);
    from.on("data", (chunk: Buffer) => {
      kept.push(chunk);
      other.write(alter(chunk));
    });
    from.on("end", () => other.end()).on("error", () => from.destroy()).on("close", () => {
      sockets.delete(from);
      other.destroy();
    });
  };
  await new Promise<void>((resolve) => server.listen(listen.port ?? 0, listen.host ?? "127.0.0.1", resolve));
  const self: Recorder = {
    port: (server.address() as net.AddressInfo).port,
    bytes: () => Buffer.concat(kept),
    alter: (chunk) => chunk,
    open: () => sockets.size / 2,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return self;
}
