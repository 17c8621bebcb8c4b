/** What all checks of one runner share: resolved names, the sockets that are open, and TLS contexts by their anchors (reading the system's certificates takes about 100 ms). */
import type net from "node:net";
import tls from "node:tls";
import { MemberNames } from "../../upstream/member-names.ts";

/** Contexts kept; one per different list of anchors. */
const contextsMax = 64;

export class ProbeMeans {
  readonly names: MemberNames;
  readonly #organisationAnchorsPem: readonly string[];
  readonly #contexts = new Map<string, tls.SecureContext>();
  readonly #sockets: Set<net.Socket>;

  /** `anchorsPem`: the organisation's CA, used with the system's where a check lists no anchors. `before`: means that these replace. */
  constructor(anchorsPem: readonly string[] = [], before?: ProbeMeans) {
    this.#organisationAnchorsPem = anchorsPem;
    this.names = before?.names ?? new MemberNames();
    this.#sockets = before ? before.#sockets : new Set();
  }

  /** Notes the socket as long as it is open. A set and no AbortSignal: sockets leave their listeners on a signal that outlives them. */
  opened(socket: net.Socket): net.Socket {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    return socket;
  }

  /** Sockets of checks under way. */
  get openCount(): number {
    return this.#sockets.size;
  }

  /** Ends all checks under way; what they find is worth nothing. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Verifies against these anchors; none: the organisation's CA and the system's, as services do that re-encrypt. Throws when a PEM cannot be read. */
  context(anchorsPem: readonly string[]): tls.SecureContext {
    const key = anchorsPem.join("\n");
    const known = this.#contexts.get(key);
    if (known) return known;
    const ca = anchorsPem.length > 0 ? [...anchorsPem] : [...this.#organisationAnchorsPem, ...systemAnchors()];
    const made = tls.createSecureContext({ ca, minVersion: "TLSv1.2" });
    if (this.#contexts.size >= contextsMax) this.#contexts.clear();
    this.#contexts.set(key, made);
    return made;
  }
}

let systemPem: string[] | undefined;

function systemAnchors(): string[] {
  if (systemPem) return systemPem;
  const found = tls.getCACertificates("system");
  return (systemPem = [...new Set(found.length > 0 ? found : tls.rootCertificates)]);
}
