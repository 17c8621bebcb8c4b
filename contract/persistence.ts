/**
 * Keeping a client on its member (S3-34 to S3-43). Cookie methods need a service that decrypts and speaks HTTP (S2-02).
 * Cookies of ours are sealed: they tell nothing about members and a forged one is ignored (T28).
 */
import { z } from "zod";

const cookieName = z.string().min(1).max(80).regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, { error: "a cookie name has letters, digits and -_. only" });

/** Which requests a class holds; every given condition must be true, and at least one is given. */
const classMatch = z.strictObject({
  pathPrefix: z.string().min(1).max(500).regex(/^\//, { error: "a path prefix starts with /" }).nullable().default(null),
  /** Case-insensitive part of User-Agent. */
  userAgentContains: z.string().min(1).max(200).nullable().default(null),
  /** Only clients whose version, the number that follows `userAgentContains` (such as `PGP Desktop/10.5.0`), is lower than this. */
  versionBelow: z.string().regex(/^\d+(\.\d+){0,3}$/, { error: "a version is numbers and dots, such as 10.5.1" }).nullable().default(null),
}).refine((match) => match.pathPrefix !== null || match.userAgentContains !== null, { error: "give a path prefix or a part of User-Agent" })
  .refine((match) => match.versionBelow === null || match.userAgentContains !== null, { path: ["userAgentContains"], error: "a version is looked for behind this part of User-Agent; give it" });

/** A class of clients that gets another method than the service's own (S3-38 to S3-40, N7). The first that matches counts. */
export const persistenceException = z.strictObject({
  name: z.string().trim().min(1).max(80),
  match: classMatch,
  use: z.enum(["none", "cookie-insert", "cookie-prefix", "source-address"]).default("source-address"),
  /** The application's cookie that `cookie-prefix` writes into. */
  cookieName: cookieName.nullable().default(null),
}).refine((exception) => exception.use !== "cookie-prefix" || exception.cookieName !== null, { path: ["cookieName"], error: "name the application's cookie that is prefixed" });
export type PersistenceException = z.infer<typeof persistenceException>;

const exceptions = z.array(persistenceException).max(20).default([]);
/** Stickiness ends when the application deletes this cookie (logout, S3-14); null: only by its own life. */
const endsWithCookie = cookieName.nullable().default(null);
const seconds = z.number().int().min(1).max(31_536_000);

export const persistence = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none") }),
  /** A cookie of the gateway's own beside the application's. */
  z.strictObject({ kind: z.literal("cookie-insert"), cookieName: cookieName.default("sallyport"), /** null: until the browser closes. */ lifetimeSeconds: seconds.nullable().default(null), sameSite: z.enum(["lax", "strict", "none"]).default("lax"), endsWithCookie, exceptions }),
  /** The member is sealed into the application's own cookie; no second Set-Cookie. */
  z.strictObject({ kind: z.literal("cookie-prefix"), cookieName, exceptions }),
  /** The value that the application gives this cookie is remembered; nothing is added (ovidCookie from 10.5.1 on, S3-40). */
  z.strictObject({ kind: z.literal("cookie-follow"), cookieName: cookieName.default("ovidCookie"), /** Forgotten after this long without a request. */ idleSeconds: seconds.default(3_600), exceptions }),
  z.strictObject({ kind: z.literal("source-address"), /** Clients whose first bits are equal are one (IPv4). */ prefix4: z.number().int().min(1).max(32).default(32), prefix6: z.number().int().min(1).max(128).default(64), idleSeconds: seconds.default(1_800) }),
  /** Stays for a set time and does not switch for any other reason (S3-42), not even a member that is down, unless `whenDown` is `move`. Keyed by source address. */
  z.strictObject({ kind: z.literal("duration"), seconds: seconds.default(3_600), prefix4: z.number().int().min(1).max(32).default(32), prefix6: z.number().int().min(1).max(128).default(64), whenDown: z.enum(["refuse", "move"]).default("refuse") }),
]);
export type Persistence = z.infer<typeof persistence>;
export const persistenceKinds = ["none", "cookie-insert", "cookie-prefix", "cookie-follow", "source-address", "duration"] as const;
export function isCookiePersistence(kind: Persistence["kind"]): boolean {
  return kind.startsWith("cookie-");
}
