/**
 * Opens the connection to a member: TCP to its address (names are re-resolved at their TTL), then, in mode `tls-reencrypt`, TLS with
 * the member verified as the service says. Whoever gets a connected result may write at once; a failed one has sent the member
 * nothing of a client.
 */
import net from "node:net";
import tls from "node:tls";
import type { RefusalCode } from "../../contract/error-codes.ts";
import type { SnapshotMember } from "../../contract/pool.ts";
import type { SnapshotService } from "../../contract/virtual-service.ts";
import { approvedCiphers, isApproved } from "../net/ciphers.ts";
import { resetSocket } from "../net/close.ts";
import { connectTcp } from "../net/connect.ts";
import { MemberNames } from "./member-names.ts";
import type { ResolveMember } from "./member-names.ts";
import { memberProblem, memberServerName } from "./member-trust.ts";

export type MemberFailure = { kind: "failed"; code: Extract<RefusalCode, "backend-unresolved" | "backend-address-forbidden" | "backend-refused" | "backend-timeout" | "member-certificate" | "member-tls">; detail: string };
/** `raw`: the TCP socket beneath TLS (the same as `socket` without TLS), for resets. `alpn`: what the member chose, or null. Sockets are paused, half-open is allowed, errors destroy. */
export type MemberSocket = { kind: "connected"; socket: net.Socket; raw: net.Socket; address: string; alpn: string | null };

export type MemberOptions = {
  service: SnapshotService;
  member: SnapshotMember;
  /** SNI the client sent, or null. */
  clientServerName: string | null;
  /** Per address, for the DNS look-up and for the TLS handshake; milliseconds. */
  connectTimeoutMs: number;
  /** ALPN to offer to the member; null: none. */
  alpn: string[] | null;
  /** PROXY protocol header, sent before TLS. */
  header?: Buffer;
  /** Whoever dials. Once it is over no further address is tried. */
  caller?: { readonly isOver: boolean };
};

/** Contexts kept by their anchors; more only cost making them again. */
const contextsMax = 64;

export class MemberDialer {
  readonly #names: MemberNames;
  #organisationAnchorsPem: string[] = [];
  #contexts = new Map<string, tls.SecureContext>();
  #contextOf = new WeakMap<SnapshotService, tls.SecureContext>();

  constructor(resolve?: ResolveMember) {
    this.#names = new MemberNames(resolve);
  }

  /** The organisation's CA (`clientTrustAnchorsPem` of the snapshot), for services that list no anchors. */
  useAnchors(anchorsPem: string[]): void {
    if (anchorsPem.join("") === this.#organisationAnchorsPem.join("")) return;
    this.#organisationAnchorsPem = [...anchorsPem];
    this.#contexts = new Map();
    this.#contextOf = new WeakMap();
  }

  async connectMember(options: MemberOptions): Promise<MemberSocket | MemberFailure> {
    const { member } = options;
    const found = await this.#names.addressesOf(member.host, options.connectTimeoutMs);
    if (found.kind === "failed") return { kind: "failed", code: found.code, detail: `${member.name}: ${found.detail}` };
    const failures: string[] = [];
    let isAnyTimeout = false;
    for (const address of found.addresses) {
      if (options.caller?.isOver) break;
      const outcome = await connectTcp(address, member.port, options.connectTimeoutMs);
      if (outcome instanceof net.Socket) return await this.#connected(outcome, address, options);
      isAnyTimeout ||= outcome === "timeout";
      failures.push(`${address} port ${member.port} ${outcome === "timeout" ? `did not answer within ${options.connectTimeoutMs} ms` : "refused the connection"}`);
    }
    return { kind: "failed", code: isAnyTimeout ? "backend-timeout" : "backend-refused", detail: `${member.name}: ${failures.join("; ") || "the client left before the dial"}` };
  }

  /** Throws when TLS does not take the service's own anchors; called before a snapshot is put in force. */
  prove(service: SnapshotService): void {
    const { verify } = service.memberTls;
    if (service.mode === "tls-reencrypt" && verify.kind === "anchors" && verify.anchorsPem.length > 0) this.#makeContext(service);
  }

  async #connected(raw: net.Socket, address: string, options: MemberOptions): Promise<MemberSocket | MemberFailure> {
    if (options.header) raw.write(options.header);
    if (options.service.mode !== "tls-reencrypt") return { kind: "connected", socket: raw, raw, address, alpn: null };
    const { service, member } = options;
    const serverName = memberServerName(service.memberTls, member.host, options.clientServerName);
    const socket = tls.connect({
      socket: raw,
      secureContext: this.#context(service),
      // The verdict is ours, after the handshake and before the first byte: a refusal needs its reason, on both runtimes the same.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      allowHalfOpen: true,
      ...(serverName === undefined ? {} : { servername: serverName }),
      ...(options.alpn === null ? {} : { ALPNProtocols: options.alpn }),
    } as tls.ConnectionOptions);
    const failure = await handshake(socket, options.connectTimeoutMs);
    const cipher = failure === undefined && service.algorithms === "fips" ? unapproved(socket) : undefined;
    const problem = failure ?? cipher;
    if (problem !== undefined) return refuse(socket, raw, "member-tls", `${member.name}: ${problem}`);
    const distrust = memberProblem(socket, { settings: service.memberTls, memberHost: member.host, serverName });
    if (distrust !== undefined) return refuse(socket, raw, "member-certificate", `${member.name}: the certificate was not accepted: ${distrust}`);
    return { kind: "connected", socket, raw, address, alpn: typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : null };
  }

  #context(service: SnapshotService): tls.SecureContext {
    const known = this.#contextOf.get(service);
    if (known) return known;
    const { verify } = service.memberTls;
    const key = `${service.algorithms} ${verify.kind} ${verify.kind === "anchors" ? verify.anchorsPem.join("") : ""}`;
    const made = this.#contexts.get(key) ?? this.#makeContext(service);
    if (this.#contexts.size >= contextsMax) this.#contexts.clear();
    this.#contexts.set(key, made);
    this.#contextOf.set(service, made);
    return made;
  }

  #makeContext(service: SnapshotService): tls.SecureContext {
    const { verify } = service.memberTls;
    const anchors = verify.kind !== "anchors" ? [] : verify.anchorsPem.length > 0 ? verify.anchorsPem : [...this.#organisationAnchorsPem, ...systemRoots()];
    return tls.createSecureContext({ ca: anchors, minVersion: "TLSv1.2", ...(service.algorithms === "fips" ? { ciphers: approvedCiphers, ecdhCurve: "P-256:P-384" } : {}) });
  }
}

/** Resolves to undefined once the handshake is done (the socket paused), or to what went wrong in words. */
async function handshake(socket: tls.TLSSocket, timeoutMs: number): Promise<string | undefined> {
  return await new Promise((resolve) => {
    let error: Error | undefined;
    const settle = (problem: string | undefined): void => {
      clearTimeout(timer);
      socket.removeListener("secureConnect", onSecure).removeListener("close", onClose);
      resolve(problem);
    };
    const onSecure = (): void => settle(undefined);
    const onClose = (): void => settle(`the TLS handshake failed: ${error ? ((error as NodeJS.ErrnoException).code ?? error.message) : "the member closed the connection"}`);
    const timer = setTimeout(() => settle(`the TLS handshake was not finished within ${timeoutMs} ms`), timeoutMs);
    socket.on("error", (cause: Error) => {
      error ??= cause;
      socket.destroy();
    });
    socket.on("secureConnect", onSecure).on("close", onClose);
  });
}

function unapproved(socket: tls.TLSSocket): string | undefined {
  const { name } = socket.getCipher();
  return isApproved(name) ? undefined : `the handshake agreed on ${name}; the service is restricted to AES-GCM`;
}

function refuse(socket: net.Socket, raw: net.Socket, code: "member-certificate" | "member-tls", detail: string): MemberFailure {
  // Not within the callback of the handshake (close.ts).
  setImmediate(() => resetSocket(socket, raw));
  return { kind: "failed", code, detail: detail.slice(0, 500) };
}

let roots: string[] | undefined;
/** The operating system's roots, or the runtime's where the system has none. */
function systemRoots(): string[] {
  if (roots) return roots;
  const found = tls.getCACertificates("system");
  return (roots = [...new Set(found.length > 0 ? found : tls.rootCertificates)]);
}
