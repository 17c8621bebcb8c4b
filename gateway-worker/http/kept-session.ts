/**
 * Persistence of one request (S3-34 to S3-43): which member the client's cookies keep it on, which cookies the member may see, and
 * what the response must carry so that the client comes back to the same member. The pool table does source address and duration.
 */
import { createHash } from "node:crypto";
import type { Persistence, PersistenceException } from "../../contract/persistence.ts";
import type { SnapshotService } from "../../contract/virtual-service.ts";
import { openMember, sealMember } from "../pools/cookie.ts";
import { exceptionFor } from "./client-class.ts";
import { cookieLifeMs, readSetCookie, rewriteCookies } from "./cookies.ts";
import type { CookiePair } from "./cookies.ts";
import { valuesOf } from "./member-fields.ts";
import type { RequestHead } from "./request-head.ts";

/** The part of the pool table that followed cookies need. */
export type StickyLookup = {
  lookUp: (serviceId: string, key: string, nowMs: number) => string | undefined;
  remember: (serviceId: string, key: string, memberId: string | null, expiresAtMs: number) => void;
};

type Insert = { kind: "insert"; cookieName: string; lifetimeSeconds: number | null; sameSite: "lax" | "strict" | "none"; endsWithCookie: string | null };
type Method = Insert | { kind: "prefix"; cookieName: string } | { kind: "follow"; cookieName: string; idleSeconds: number } | { kind: "none" };

/** Of a hundred cookies with our name, forged or stale, the first few are tried; the cost of a request stays bounded (T28). */
const opensMax = 8;
/** What a sealed member without a life of its own is good for. Browsers keep no cookie longer than 400 days. */
const sealedMaxMs = 400 * 86_400_000;
const defaultCookieName = "sallyport";
/** Exceptions by source address have no settings of their own: the defaults of that method. */
const bySource: Persistence = { kind: "source-address", prefix4: 32, prefix6: 64, idleSeconds: 1_800 };
/** What `sealMember` writes, and behind it the application's own value. */
const prefixed = /^"?([A-Za-z0-9_-]{71})~/;

export type KeptSessionInput = { service: SnapshotService; head: RequestHead; isTls: boolean; table: StickyLookup; nowMs: number };

export class KeptSession {
  /** Member that the client's cookie (or the table) names; may be down or unknown, the pool table decides. */
  readonly kept: string | undefined;
  /** Cookie values for the member; undefined: unchanged. */
  readonly cookies: string[] | undefined;
  /** For the pool table, instead of the service's own: what the class of this client uses. */
  readonly persistence: Persistence | undefined;
  readonly #input: KeptSessionInput;
  readonly #method: Method;
  /** The client sent a cookie of ours, good or not. */
  #hadOurs = false;
  #followed: string | undefined;

  constructor(input: KeptSessionInput) {
    this.#input = input;
    const { service, head } = input;
    const userAgent = valuesOf(head.fields, "user-agent")[0] ?? "";
    const exception = exceptionFor(service.persistence, { target: head.target, userAgent });
    this.persistence = exception?.use === "source-address" ? bySource : undefined;
    this.#method = exception ? exceptionMethod(service.persistence, exception) : methodOf(service.persistence);
    const fields = valuesOf(head.fields, "cookie");
    const read = this.#readCookies(fields);
    this.cookies = read.cookies;
    this.kept = this.#lookUp(read.sealed);
  }

  /** The fields of the response for the client; learns from the application's cookies on the way. */
  answer(fields: string[], memberId: string): string[] {
    const method = this.#method;
    if (method.kind === "insert") return this.#insert(method, fields, memberId);
    if (method.kind === "prefix") return this.#prefix(method.cookieName, fields, memberId);
    if (method.kind === "follow") this.#follow(method, fields, memberId);
    return fields;
  }

  /** Takes every cookie of ours out (also of methods that do not apply to this request) and restores what was prefixed. */
  #readCookies(fields: string[]): { cookies: string[] | undefined; sealed: string[] } {
    const sealed: string[] = [];
    if (fields.length === 0) return { cookies: undefined, sealed };
    const { inserted, prefixes } = cookieNames(this.#input.service.persistence);
    const method = this.#method;
    const cookies = rewriteCookies(fields, ({ name, value }: CookiePair) => {
      if (method.kind === "follow" && name === method.cookieName) this.#followed ??= value;
      if (inserted.has(name)) {
        this.#hadOurs = true;
        if (method.kind === "insert" && method.cookieName === name) sealed.push(value);
        return null;
      }
      const prefix = prefixes.has(name) ? prefixed.exec(value)?.[1] : undefined;
      if (prefix === undefined) return undefined;
      if (method.kind === "prefix" && method.cookieName === name) sealed.push(prefix);
      return value.replace(`${prefix}~`, "");
    });
    return { cookies, sealed };
  }

  #lookUp(sealed: string[]): string | undefined {
    const { service, table, nowMs } = this.#input;
    for (const text of sealed.slice(0, opensMax)) {
      const memberId = openMember(service.persistenceKey, text, service.id, nowMs);
      if (memberId !== undefined) return memberId;
    }
    if (this.#method.kind === "follow" && this.#followed !== undefined && this.#followed !== "") return table.lookUp(service.id, this.#cookieKey(this.#followed), nowMs);
    return undefined;
  }

  #insert(method: Insert, fields: string[], memberId: string): string[] {
    if (method.endsWithCookie !== null && this.#deletes(fields, method.endsWithCookie)) {
      return this.#hadOurs ? [...fields, "Set-Cookie", `${method.cookieName}=; Max-Age=0${this.#attributes(method)}`] : fields;
    }
    if (this.kept === memberId) return fields;
    const { lifetimeSeconds } = method;
    const life = lifetimeSeconds === null ? "" : `; Max-Age=${lifetimeSeconds}`;
    return [...fields, "Set-Cookie", `${method.cookieName}=${this.#seal(memberId, lifetimeSeconds === null ? null : lifetimeSeconds * 1_000)}${life}${this.#attributes(method)}`];
  }

  #attributes({ sameSite }: Insert): string {
    const same = sameSite === "lax" ? "Lax" : sameSite === "strict" ? "Strict" : "None";
    return `; Path=/; HttpOnly${this.#input.isTls ? "; Secure" : ""}; SameSite=${same}`;
  }

  /** Seals the member into each Set-Cookie of the application's cookie; one that deletes it passes as it is. */
  #prefix(cookieName: string, fields: string[], memberId: string): string[] {
    return fields.map((value, index) => {
      if (index % 2 === 0 || fields[index - 1]?.toLowerCase() !== "set-cookie") return value;
      const cookie = readSetCookie(value);
      const lifeMs = cookie?.name === cookieName ? cookieLifeMs(cookie, this.#input.nowMs) : 0;
      if (!cookie || (lifeMs !== null && lifeMs <= 0)) return value;
      const sealed = `${this.#seal(memberId, lifeMs)}~`;
      const quoted = cookie.value.startsWith('"');
      return `${cookie.name}=${quoted ? `"${sealed}${cookie.value.slice(1)}` : `${sealed}${cookie.value}`}${cookie.attributes}`;
    });
  }

  #follow({ cookieName, idleSeconds }: { cookieName: string; idleSeconds: number }, fields: string[], memberId: string): void {
    const { nowMs } = this.#input;
    let isSet = false;
    for (const text of valuesOf(fields, "set-cookie")) {
      const cookie = readSetCookie(text);
      if (cookie?.name !== cookieName) continue;
      isSet = true;
      const lifeMs = cookieLifeMs(cookie, nowMs);
      if (lifeMs === null || lifeMs > 0) this.#remember(this.#cookieKey(cookie.value), memberId, idleSeconds * 1_000);
      else if (this.#followed !== undefined) this.#remember(this.#cookieKey(this.#followed), null, 0);
    }
    // Only values that were learned from the application are kept: what clients make up fills no table (T28).
    if (!isSet && this.#followed !== undefined && this.kept !== undefined) this.#remember(this.#cookieKey(this.#followed), memberId, idleSeconds * 1_000);
  }

  #deletes(fields: string[], cookieName: string): boolean {
    return valuesOf(fields, "set-cookie").some((text) => {
      const cookie = readSetCookie(text);
      const lifeMs = cookie?.name === cookieName ? cookieLifeMs(cookie, this.#input.nowMs) : null;
      return lifeMs !== null && lifeMs <= 0;
    });
  }

  #seal(memberId: string, lifeMs: number | null): string {
    const { service, nowMs } = this.#input;
    return sealMember(service.persistenceKey, { serviceId: service.id, memberId, expiresAt: nowMs + Math.min(lifeMs ?? sealedMaxMs, sealedMaxMs) });
  }

  #remember(key: string, memberId: string | null, lifeMs: number): void {
    const { service, table, nowMs } = this.#input;
    table.remember(service.id, key, memberId, nowMs + lifeMs);
  }

  /** A session cookie is a secret: the table, the disk and the other engines see its hash only. */
  #cookieKey(value: string): string {
    return `c${createHash("sha256").update(this.#input.service.persistenceKey).update(value).digest("base64url")}`;
  }
}

function methodOf(persistence: Persistence): Method {
  switch (persistence.kind) {
    case "cookie-insert":
      return { ...persistence, kind: "insert" };
    case "cookie-prefix":
      return { kind: "prefix", cookieName: persistence.cookieName };
    case "cookie-follow":
      return { kind: "follow", cookieName: persistence.cookieName, idleSeconds: persistence.idleSeconds };
    case "none":
    case "source-address":
    case "duration":
      return { kind: "none" };
    default:
      return persistence satisfies never;
  }
}

function exceptionMethod(persistence: Persistence, exception: PersistenceException): Method {
  switch (exception.use) {
    case "none":
    case "source-address":
      return { kind: "none" };
    case "cookie-prefix":
      return exception.cookieName === null ? { kind: "none" } : { kind: "prefix", cookieName: exception.cookieName };
    case "cookie-insert":
      return persistence.kind === "cookie-insert" ? { ...persistence, kind: "insert" } : { kind: "insert", cookieName: defaultCookieName, lifetimeSeconds: null, sameSite: "lax", endsWithCookie: null };
    default:
      return exception.use satisfies never;
  }
}

/** Every cookie name of the service that is ours whole, or carries a prefix of ours. */
function cookieNames(persistence: Persistence): { inserted: Set<string>; prefixes: Set<string> } {
  const inserted = new Set<string>();
  const prefixes = new Set<string>();
  if (persistence.kind === "cookie-insert") inserted.add(persistence.cookieName);
  if (persistence.kind === "cookie-prefix") prefixes.add(persistence.cookieName);
  for (const exception of "exceptions" in persistence ? persistence.exceptions : []) {
    if (exception.use === "cookie-insert" && persistence.kind !== "cookie-insert") inserted.add(defaultCookieName);
    if (exception.use === "cookie-prefix" && exception.cookieName !== null) prefixes.add(exception.cookieName);
  }
  return { inserted, prefixes };
}
