/**
 * Opens the TCP connection to a server: listed addresses in order, or the requested name resolved once and each answer checked; the
 * checked address is the one that is dialled (T02). The next address is tried on failure, each with its own timer, because one of
 * our runtimes reports every connect error as "refused" (STACK section 0, rule 8).
 */
import dns from "node:dns";
import net from "node:net";
import type { RefusalCode } from "../../contract/error-codes.ts";
import { canonicalHost, isIpv4, parseIpv6 } from "../../contract/names.ts";
import type { Route } from "../routing/match.ts";
import { connectTcp } from "../net/connect.ts";
import { canonicalAddress, forbiddenAddress, ownAddresses } from "./addresses.ts";

export type DialResult =
  | { kind: "connected"; socket: net.Socket; address: string }
  | { kind: "failed"; code: Extract<RefusalCode, "backend-unresolved" | "backend-address-forbidden" | "backend-refused" | "backend-timeout">; detail: string };

/** Resolves a name to addresses; injectable for tests. */
export type Resolve = (host: string) => Promise<string[]>;

export type DialOptions = {
  route: Route;
  /** Per address, and for the DNS look-up; milliseconds. */
  connectTimeoutMs: number;
  /** Whoever dials. Once it is over no further address is tried; a socket that still connects is for the caller to destroy. */
  caller: { readonly isOver: boolean };
};

/** Answers of one name tried at most: a name with a hundred addresses must not hold a client for minutes. */
const addressesMax = 8;

export class Dialer {
  readonly #resolve: Resolve;
  /** Look-ups under way by name, so that a thousand agents that come back at once ask once. */
  readonly #lookups = new Map<string, Promise<string[]>>();

  constructor(resolve: Resolve = systemResolve) {
    this.#resolve = resolve;
  }

  async dial(options: DialOptions): Promise<DialResult> {
    const found = await this.#addresses(options.route, options.connectTimeoutMs);
    if (!Array.isArray(found)) return found;
    const failures: string[] = [];
    let isAnyTimeout = false;
    for (const address of found) {
      const outcome = await connectTcp(address, options.route.port, options.connectTimeoutMs);
      if (outcome instanceof net.Socket) return { kind: "connected", socket: outcome, address };
      isAnyTimeout ||= outcome === "timeout";
      failures.push(`${address} port ${options.route.port} ${outcome === "timeout" ? `did not answer within ${options.connectTimeoutMs} ms` : "refused"}`);
      if (options.caller.isOver) break;
    }
    return { kind: "failed", code: isAnyTimeout ? "backend-timeout" : "backend-refused", detail: `${options.route.server.name}: ${failures.join("; ")}` };
  }

  async #addresses(route: Route, timeoutMs: number): Promise<string[] | DialResult> {
    if (route.server.addresses.length > 0) return route.server.addresses;
    // An IP literal among the server's names was written by an administrator: it is listed.
    if (isIpv4(route.host) || parseIpv6(route.host) !== undefined) return [route.host];
    const answers = await this.#lookup(route.host, timeoutMs);
    if (answers.length === 0) return { kind: "failed", code: "backend-unresolved", detail: `${route.host} did not resolve on the gateway` };
    const own = ownAddresses();
    const listed = new Set(route.server.names.map(canonicalHost));
    const reasons: string[] = [];
    const allowed = answers.filter((answer) => {
      const reason = listed.has(canonicalAddress(answer) ?? "") ? undefined : forbiddenAddress(answer, own);
      if (reason !== undefined) reasons.push(reason);
      return reason === undefined;
    });
    if (allowed.length > 0) return allowed.slice(0, addressesMax);
    return { kind: "failed", code: "backend-address-forbidden", detail: `${route.host} resolved only to addresses that are not dialled unless listed: ${reasons.join("; ")}`.slice(0, 500) };
  }

  /** Addresses of the name; none when it does not resolve or the resolver takes too long. */
  async #lookup(host: string, timeoutMs: number): Promise<string[]> {
    let lookup = this.#lookups.get(host);
    if (!lookup) {
      lookup = this.#resolve(host).catch(() => []);
      this.#lookups.set(host, lookup);
      void lookup.finally(() => this.#lookups.delete(host));
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string[]>((resolve) => (timer = setTimeout(() => resolve([]), timeoutMs)));
    const answers = await Promise.race([lookup, late]);
    clearTimeout(timer);
    return answers;
  }
}

async function systemResolve(host: string): Promise<string[]> {
  const answers = await dns.promises.lookup(host, { all: true, order: "verbatim" });
  return answers.map((answer) => answer.address);
}
