/** Plain TCP servers for tests that count what reaches them, and free ports. All listen on loopback. */
import { spawn } from "node:child_process";
import net from "node:net";

/** A port that was free a moment ago. */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on("error", reject);
    server.listen({ host, port: 0, exclusive: true }, () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

export type CountingServer = {
  port: number;
  host: string;
  /** TCP connections accepted so far: a gateway that opened none shows 0 here. */
  accepted: number;
  /** Open connections. */
  open: Set<net.Socket>;
  close: () => Promise<void>;
};

/** Starts a server that counts accepts and hands each socket (error handler attached, half-open allowed) to `serve`. */
export async function countingServer(serve: (socket: net.Socket) => void, options: { host?: string; port?: number } = {}): Promise<CountingServer> {
  const host = options.host ?? "127.0.0.1";
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    counting.accepted += 1;
    counting.open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => counting.open.delete(socket));
    serve(socket);
  });
  const counting: CountingServer = {
    port: 0,
    host,
    accepted: 0,
    open: new Set(),
    close: async () => {
      for (const socket of counting.open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen({ host, port: options.port ?? 0, backlog: 1_024 }, resolve);
  });
  counting.port = (server.address() as net.AddressInfo).port;
  return counting;
}

/** Sends back what it gets; ends when the client has ended. */
export async function echoServer(options: { host?: string; port?: number } = {}): Promise<CountingServer> {
  return await countingServer((socket) => void socket.pipe(socket), options);
}

/** Resolves once the condition holds; fails after `timeoutMs` with the sentence. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, timeoutMs = 8_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A port whose SYNs are dropped, like behind a firewall: a stopped process listens on it and its queue is full. */
export async function blackHole(): Promise<{ port: number; close: () => void }> {
  const script = "require('node:net').createServer().listen({ host: '127.0.0.1', port: 0, backlog: 1 }, function () { process.stdout.write(this.address().port + '\\n', () => process.kill(process.pid, 'SIGSTOP')); });";
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
  const port = Number(await new Promise<string>((resolve) => child.stdout.once("data", (text: Buffer) => resolve(text.toString()))));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const fillers = Array.from({ length: 6 }, () => net.connect(port, "127.0.0.1").on("error", () => {}));
  await new Promise((resolve) => setTimeout(resolve, 100));
  return {
    port,
    close: () => {
      for (const filler of fillers) filler.destroy();
      child.kill("SIGKILL");
    },
  };
}
