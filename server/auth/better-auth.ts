/**
 * Sign-in of people: better-auth with e-mail and password only. Accounts are made by our own services (set-up link, invitation), never by a public sign-up;
 * of its HTTP routes only those named in server/auth/http.ts are served. No cookie cache: a session ends the moment its row goes (T34).
 */
import { prismaAdapter } from "better-auth/adapters/prisma";
import { betterAuth } from "better-auth";
import type { BetterAuthOptions } from "better-auth";
import { type Db, db } from "../db.ts";
import { env } from "../env.ts";
import { log } from "../log.ts";
import { cookieSecret } from "./secret.ts";
import { sourceHeader } from "./source.ts";
import { hashOf, isPassword } from "../services/user/password-hash.ts";

/** Longest a session lasts, seconds; it is not prolonged by use. */
export const sessionSeconds = 7 * 24 * 3600;

/** What tests compare with the Prisma models: every field better-auth will read or write. */
export const authSchemaOptions = {
  session: { additionalFields: { activeOrganisationId: { type: "string", required: false, input: false } } },
  rateLimit: { enabled: true, storage: "database" },
} as const satisfies BetterAuthOptions;

/** Builds the authenticator over `database` for the console at `consoleUrl`. */
export function createAuth({ database, consoleUrl, secret }: { database: Db; consoleUrl: string; secret: string }) {
  const isHttps = consoleUrl.startsWith("https:");
  return betterAuth({
    appName: "Sallyport",
    baseURL: consoleUrl,
    basePath: "/api/auth",
    secret,
    database: prismaAdapter(database, { provider: "postgresql" }),
    trustedOrigins: [new URL(consoleUrl).origin],
    emailAndPassword: { enabled: true, disableSignUp: true, autoSignIn: false, minPasswordLength: 12, maxPasswordLength: 200, password: { hash: hashOf, verify: isPassword } },
    session: { ...authSchemaOptions.session, expiresIn: sessionSeconds, disableSessionRefresh: true, cookieCache: { enabled: false } },
    account: { accountLinking: { enabled: false } },
    user: { changeEmail: { enabled: false }, deleteUser: { enabled: false } },
    // Guessing is limited by server/auth/rate-limit.ts, per source and per account, before a request gets here.
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    advanced: {
      cookiePrefix: "sallyport",
      useSecureCookies: isHttps,
      defaultCookieAttributes: { httpOnly: true, sameSite: "lax", secure: isHttps, path: "/" },
      ipAddress: { ipAddressHeaders: [sourceHeader], ipv6Subnet: 128 },
    },
    logger: { level: "error", disableColors: true, log: (level, message) => log[level]({ part: "better-auth" }, message) },
  });
}

export type Auth = ReturnType<typeof createAuth>;

let cached: Auth | undefined;

/** The process's authenticator, made at first use. */
export function auth(): Auth {
  cached ??= createAuth({ database: db(), consoleUrl: env().consoleUrl, secret: cookieSecret() });
  return cached;
}
