/** Virtual services on the bench: pools and services as a snapshot has them, members with real certificates, clients. */
import { randomBytes, randomUUID } from "node:crypto";
import net from "node:net";
import tls from "node:tls";
import { snapshotPool } from "../../contract/pool.ts";
import type { SnapshotPool } from "../../contract/pool.ts";
import { snapshotService } from "../../contract/virtual-service.ts";
import type { ServiceMode, SnapshotService } from "../../contract/virtual-service.ts";
import type { Issued } from "./pki.ts";
import { freePort } from "./sockets.ts";
import type { CountingServer } from "./sockets.ts";
import { countingServer } from "./sockets.ts";
import type { GatewayBench } from "./gateway-bench.ts";

/** A server of the test, or a member written out. */
type MemberAt = { port: number } & Partial<SnapshotPool["members"][number]>;

export function poolOf(members: MemberAt[], options: Partial<SnapshotPool> = {}): SnapshotPool {
  return snapshotPool.parse({ id: randomUUID(), name: "pool", members: members.map(({ id = randomUUID(), host = "127.0.0.1", port, weight, maxConnections, state, name }, index) => ({ id, name: name ?? `member ${index + 1}`, host, port, weight, maxConnections, state })), ...options });
}

export function certificateOf(issued: Issued): SnapshotService["certificates"][number] {
  return { fingerprint: issued.fingerprint, chainPem: issued.chainPem, keyPem: issued.keyPem };
}

type ServiceOptions = Omit<Partial<SnapshotService>, "limits" | "memberTls" | "clientCertificate"> & { limits?: Partial<SnapshotService["limits"]>; memberTls?: Partial<SnapshotService["memberTls"]>; clientCertificate?: Partial<SnapshotService["clientCertificate"]> };

export function serviceOf(pool: SnapshotPool, port: number, mode: ServiceMode, options: ServiceOptions = {}): SnapshotService {
  const { limits = {}, ...rest } = options;
  return snapshotService.parse({ id: randomUUID(), name: `service ${port}`, address: "127.0.0.1", port, mode, poolId: pool.id, certificates: [], persistenceKey: randomBytes(32).toString("base64"), limits, ...rest });
}

/** Puts one service with a pool of these members in force, on a port of its own. */
export async function serve(bench: GatewayBench, members: MemberAt[], mode: ServiceMode, options: ServiceOptions & { pool?: Partial<SnapshotPool> } = {}): Promise<{ service: SnapshotService; pool: SnapshotPool }> {
  const { pool: poolOptions = {}, ...rest } = options;
  const pool = poolOf(members, poolOptions);
  const service = serviceOf(pool, rest.port ?? (await freePort()), mode, rest);
  bench.snapshot.pools.push(pool);
  bench.snapshot.virtualServices.push(service);
  await bench.applied();
  return { service, pool };
}

export type TlsMember = CountingServer & { /** Of each finished handshake, in order. */ handshakes: { serverName: string; alpn: string | null }[]; /** Bytes of plaintext that arrived. */ received: number };

/** A member that ends TLS itself and answers with what `serve` does; echoes by default. */
export async function tlsMember(identity: Pick<Issued, "chainPem" | "keyPem">, options: tls.TlsOptions & { serve?: (socket: tls.TLSSocket) => void } = {}): Promise<TlsMember> {
  const { serve: answer = (socket: tls.TLSSocket) => void socket.pipe(socket), ...tlsOptions } = options;
  const inner = tls.createServer({ cert: identity.chainPem, key: identity.keyPem, allowHalfOpen: true, ...tlsOptions });
  inner.on("tlsClientError", (_error, socket) => socket.destroy());
  inner.on("secureConnection", (socket) => {
    const serverName: unknown = "servername" in socket ? socket.servername : "";
    member.handshakes.push({ serverName: typeof serverName === "string" ? serverName : "", alpn: typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : null });
    socket.on("error", () => socket.destroy()).on("data", (chunk: Buffer) => void (member.received += chunk.length));
    answer(socket);
  });
  const outer = await countingServer((socket) => void inner.emit("connection", socket));
  const member: TlsMember = Object.assign(outer, { handshakes: [], received: 0 });
  return member;
}

/** Opens a TCP connection to a service; errors destroy. */
export async function tcpTo(port: number): Promise<net.Socket> {
  const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
  socket.on("error", () => socket.destroy());
  await new Promise<void>((resolve, reject) => void socket.once("connect", resolve).once("close", () => reject(new Error("closed before it was connected"))));
  return socket;
}

/** Both runtimes take it, the types do not know it. */
const halfOpen = { allowHalfOpen: true };

/** Opens TLS to a service, over `through` where given; rejects with the error's code when the handshake fails. */
export async function tlsTo(port: number, options: tls.ConnectionOptions = {}, through?: net.Socket): Promise<tls.TLSSocket> {
  const socket = tls.connect({ ...(through ? { socket: through } : { host: "127.0.0.1", port }), rejectUnauthorized: false, ...halfOpen, ...options });
  let code = "closed";
  socket.on("error", (error: NodeJS.ErrnoException) => {
    code = error.code ?? error.message;
    socket.destroy();
  });
  // A half-open client is not told of an end within the handshake but by the socket beneath.
  through?.once("end", () => void (socket.authorized || setImmediate(() => socket.destroy())));
  await new Promise<void>((resolve, reject) => void socket.once("secureConnect", resolve).once("close", () => reject(new Error(code))));
  return socket;
}

/** Sends the text, ends, and returns all that comes back. */
export async function exchange(socket: net.Socket, text: string | Buffer): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => void chunks.push(chunk)).resume();
  socket.end(text);
  await new Promise<void>((resolve) => void socket.once("end", resolve).once("close", resolve));
  socket.destroy();
  return Buffer.concat(chunks).toString("latin1");
}
