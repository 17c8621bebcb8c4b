/** Live tunnels through a gateway, each with a counter that goes to an echo server and back, so that what was lost, and what was altered, can be counted. */
import { createServer } from "node:net";
import tls from "node:tls";
import type { Identity } from "./identities.ts";
import { until } from "./installation.ts";

/** Time between two counters of one tunnel, ms. */
const beatMs = 250;
const openWithinMs = 10_000;

export type TunnelAnswer = { status: number; connectionId: string; code: string };

/** The gateway answered, but not with 200; or it ended the connection before it answered (status 0). */
export class TunnelRefused extends Error {
  readonly answer: TunnelAnswer;
  constructor(answer: TunnelAnswer) {
    super(`the tunnel was refused with ${answer.status} ${answer.code}`);
    this.answer = answer;
  }
}

export class Tunnel {
  readonly connectionId: string;
  sent = "";
  received = "";
  /** The newest session ticket that the gateway gave. */
  session: Buffer | undefined;
  /** When it ended (performance.now()), null while it lives. */
  endedAt: number | null = null;
  /** Longest time from a counter to its echo, ms. */
  slowestEchoMs = 0;
  readonly #socket: tls.TLSSocket;
  #count = 0;
  #askedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: tls.TLSSocket, connectionId: string, session: Buffer | undefined) {
    this.#socket = socket;
    this.session = session;
    this.connectionId = connectionId;
    socket.on("session", (session: Buffer) => (this.session = session));
    socket.setEncoding("latin1").on("data", (text: string) => this.#take(text)).on("end", () => socket.destroy()).on("close", () => this.#ended());
    this.#beat();
  }

  /** Counters whose echo has come back. */
  get echoes(): number {
    return this.endedAt === null && this.sent.length > this.received.length ? this.#count - 1 : this.#count;
  }

  /** What came back is a prefix of what was sent (threats.md part 3). */
  get isPrefix(): boolean {
    return this.sent.startsWith(this.received);
  }

  /** Sends many bytes at once, so that a fault strikes a tunnel that is full. */
  burst(bytes: number): void {
    clearTimeout(this.#timer);
    this.#write(`${"0123456789abcdef".repeat(Math.ceil(bytes / 16)).slice(0, bytes - 1)}\n`);
  }

  close(): void {
    this.#socket.destroy();
  }

  #beat(): void {
    this.#count += 1;
    this.#askedAt = performance.now();
    this.#write(`${this.#count}\n`);
  }

  #write(text: string): void {
    this.sent += text;
    this.#socket.write(text, "latin1");
  }

  #take(text: string): void {
    this.received += text;
    if (this.received.length < this.sent.length) return;
    this.slowestEchoMs = Math.max(this.slowestEchoMs, performance.now() - this.#askedAt);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#beat(), beatMs);
  }

  #ended(): void {
    clearTimeout(this.#timer);
    this.endedAt = performance.now();
  }
}

export type Door = { gatewayPort: number; serverPort: number };

/** Opens one tunnel to localhost:`serverPort`, resuming `session` where the gateway agrees. Throws TunnelRefused, or the socket's error. */
export async function openTunnel(identity: Identity, { gatewayPort, serverPort }: Door, session?: Buffer): Promise<Tunnel> {
  const socket = tls.connect({ host: "127.0.0.1", port: gatewayPort, servername: "localhost", key: identity.keyPem, cert: identity.chainPem, rejectUnauthorized: false, ...(session ? { session } : {}) });
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error(`no answer to CONNECT within ${openWithinMs} ms`)), openWithinMs);
    let head = "";
    let ticket: Buffer | undefined;
    socket.on("session", (given: Buffer) => (ticket = given));
    const refused = (): void => reject(new TunnelRefused(readHead(head)));
    const onData = (data: Buffer): void => {
      head += data.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      clearTimeout(timer);
      const answer = readHead(head);
      if (answer.status !== 200) return void socket.destroy();
      socket.off("data", onData).off("close", refused);
      resolve(new Tunnel(socket, answer.connectionId, ticket));
    };
    socket.on("error", reject).on("close", refused).on("close", () => clearTimeout(timer)).on("data", onData);
    socket.write(`CONNECT localhost:${serverPort} HTTP/1.1\r\nHost: localhost:${serverPort}\r\n\r\n`);
  });
}

function readHead(head: string): TunnelAnswer {
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), connectionId: /^sallyport-connection-id: (\S+)/im.exec(head)?.[1] ?? "", code: /details="([^"]+)"/.exec(head)?.[1] ?? "" };
}

/** Opens `count` tunnels, a few at a time: the gateway bounds unfinished handshakes of one source. */
export async function openTunnels(identity: Identity, door: Door, count: number): Promise<Tunnel[]> {
  const tunnels: Tunnel[] = [];
  const worker = async (share: number): Promise<void> => {
    for (let index = 0; index < share; index += 1) tunnels.push(await openTunnel(identity, door));
  };
  const workers = Math.min(count, 10);
  await Promise.all(Array.from({ length: workers }, async (_, index) => await worker(Math.floor((count + index) / workers))));
  return tunnels;
}

/** Sends back what it gets. */
export async function startEcho(): Promise<{ port: number; close: () => void }> {
  const sockets = new Set<{ destroy: () => void }>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy()).on("close", () => sockets.delete(socket)).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : 0,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Connection ids begin with a name that each engine process makes for itself (gateway-worker/observe/connection-ids.ts). */
export function engineOf(tunnel: Tunnel): string {
  return tunnel.connectionId.split("-")[0] ?? "";
}

/** Those that have ended. */
export function lost(among: Tunnel[]): Tunnel[] {
  return among.filter((tunnel) => tunnel.endedAt !== null);
}

/** Waits until each has had two more echoes. A tunnel that ended is an error at once. */
export async function everyoneEchoes(among: Tunnel[]): Promise<void> {
  const goals = among.map((tunnel) => ({ tunnel, goal: tunnel.echoes + 2 }));
  await until(() => {
    const ended = lost(among).length;
    if (ended > 0) throw new Error(`${ended} of ${among.length} tunnels ended`);
    return goals.every(({ tunnel, goal }) => tunnel.echoes >= goal);
  }, 10_000, () => `${goals.filter(({ tunnel, goal }) => tunnel.echoes < goal).length} of ${among.length} tunnels do not echo`);
}
