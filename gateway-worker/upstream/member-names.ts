/**
 * Addresses of members: a literal is itself, a name is resolved again when its TTL is over, and every answer is checked (T02). The
 * system's resolver decides which addresses a name has (so the hosts file counts); the DNS says how long they may be kept. When a
 * name that was known stops resolving, its last addresses go on being used until the DNS answers again.
 */
import dns from "node:dns";
import { isIpv4, parseIpv6 } from "../../contract/names.ts";
import { forbiddenAddress, ownAddresses } from "./addresses.ts";

/** What a name leads to now, and for how many seconds it may be kept. */
export type MemberAnswer = { addresses: string[]; ttlSeconds: number };
/** Resolves a name; rejects or gives no address when it does not resolve. Injectable for tests. */
export type ResolveMember = (host: string) => Promise<MemberAnswer>;

export type MemberAddresses = { kind: "addresses"; addresses: string[] } | { kind: "failed"; code: "backend-unresolved" | "backend-address-forbidden"; detail: string };

type Known = { addresses: string[]; untilMs: number; lookup: Promise<void> | undefined };

const ttlMinMs = 1_000;
const ttlMaxMs = 300_000;
/** For names whose TTL nobody tells, such as those of the hosts file. */
const ttlUnknownSeconds = 30;
/** A name that does not resolve is asked for again after this long. */
const retryMs = 1_000;
/** The DNS is asked for the TTL only; a slow answer is not waited for. */
const ttlWaitMs = 500;
/** Answers of one name tried at most. */
const addressesMax = 8;
/** Names kept; those of one snapshot are at most its members. */
const namesMax = 5_000;

export class MemberNames {
  readonly #resolve: ResolveMember;
  readonly #now: () => number;
  readonly #known = new Map<string, Known>();

  constructor(resolve: ResolveMember = systemResolve, now: () => number = () => performance.now()) {
    this.#resolve = resolve;
    this.#now = now;
  }

  /** Waits at most `timeoutMs` for a look-up. */
  async addressesOf(host: string, timeoutMs: number): Promise<MemberAddresses> {
    // An IP literal was written by an administrator: it is listed, whatever it is.
    if (isIpv4(host) || parseIpv6(host) !== undefined) return { kind: "addresses", addresses: [host] };
    const known = this.#entry(host);
    if (known.untilMs <= this.#now()) await within(timeoutMs, (known.lookup ??= this.#look(host, known)));
    if (known.addresses.length === 0) return { kind: "failed", code: "backend-unresolved", detail: `${host} did not resolve on the gateway` };
    return allowed(host, known.addresses);
  }

  #entry(host: string): Known {
    const known = this.#known.get(host);
    if (known) return known;
    if (this.#known.size >= namesMax) for (const oldest of this.#known.keys()) if (this.#known.delete(oldest)) break;
    const made: Known = { addresses: [], untilMs: -Infinity, lookup: undefined };
    this.#known.set(host, made);
    return made;
  }

  async #look(host: string, known: Known): Promise<void> {
    try {
      const { addresses, ttlSeconds } = await this.#resolve(host);
      if (addresses.length > 0) known.addresses = addresses.slice(0, addressesMax);
      known.untilMs = this.#now() + (addresses.length > 0 ? Math.min(Math.max(ttlSeconds * 1000, ttlMinMs), ttlMaxMs) : retryMs);
    } catch {
      // The last addresses stay in use; the detail of a name that never resolved says so.
      known.untilMs = this.#now() + retryMs;
    } finally {
      known.lookup = undefined;
    }
  }
}

function allowed(host: string, answers: string[]): MemberAddresses {
  const own = ownAddresses();
  const reasons: string[] = [];
  const addresses = answers.filter((answer) => {
    const reason = forbiddenAddress(answer, own);
    if (reason !== undefined) reasons.push(reason);
    return reason === undefined;
  });
  if (addresses.length > 0) return { kind: "addresses", addresses };
  return { kind: "failed", code: "backend-address-forbidden", detail: `${host} resolved only to addresses that are not dialled unless the member is written as an address: ${reasons.join("; ")}`.slice(0, 500) };
}

async function systemResolve(host: string): Promise<MemberAnswer> {
  const records = timesToLive(host);
  const answers = (await dns.promises.lookup(host, { all: true, order: "verbatim" })).map((answer) => answer.address);
  const ttls = await within(ttlWaitMs, records);
  const known = answers.map((address) => ttls?.get(address)).filter((ttl) => ttl !== undefined);
  return { addresses: answers, ttlSeconds: known.length > 0 ? Math.min(...known) : ttlUnknownSeconds };
}

async function timesToLive(host: string): Promise<Map<string, number>> {
  const settled = await Promise.allSettled([dns.promises.resolve4(host, { ttl: true }), dns.promises.resolve6(host, { ttl: true })]);
  return new Map(settled.flatMap((result) => (result.status === "fulfilled" ? result.value : [])).map(({ address, ttl }) => [address, ttl]));
}

/** The promise's value, or undefined when it takes longer. */
async function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), timeoutMs)));
  const value = await Promise.race([promise, late]);
  clearTimeout(timer);
  return value;
}
