/**
 * Headers of every page: a content security policy with a nonce of its own, and the usual hardening. Nothing here decides who may do what; that is in each
 * procedure and in the layout behind the session, so skipping this file would gain nobody anything (CVE-2025-29927).
 */
import { randomBytes } from "node:crypto";
import { type NextRequest, NextResponse } from "next/server";
import { env } from "./server/env.ts";

const hardening = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), hid=()",
} as const;

/** Next reads the nonce for its own scripts from the policy on the request; the layout reads `x-nonce`. */
export function proxy(request: NextRequest): NextResponse {
  const nonce = randomBytes(16).toString("base64");
  const policy = contentSecurityPolicy(nonce);
  const headers = new Headers(request.headers);
  headers.set("x-nonce", nonce);
  headers.set("content-security-policy", policy);
  // Where sign-in leads back to; a layout does not know its address otherwise.
  headers.set("x-path", `${request.nextUrl.pathname}${request.nextUrl.search}`);
  const response = NextResponse.next({ request: { headers } });
  response.headers.set("content-security-policy", policy);
  for (const [name, value] of Object.entries(hardening)) response.headers.set(name, value);
  if (env().consoleUrl.startsWith("https:")) response.headers.set("strict-transport-security", "max-age=31536000");
  return response;
}

/** Style attributes stay allowed: server-rendered components position themselves with them; style elements need the nonce. */
function contentSecurityPolicy(nonce: string): string {
  const directives = {
    "default-src": "'none'",
    "script-src": `'self' 'nonce-${nonce}' 'strict-dynamic'`,
    "style-src": `'self' 'nonce-${nonce}'`,
    "style-src-attr": "'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
  };
  return Object.entries(directives).map(([name, value]) => `${name} ${value}`).join("; ");
}

/** Pages only: API answers and static files carry headers of their own. */
export const config = { matcher: [{ source: "/((?!api/|_next/static|_next/image|icon.svg|favicon.ico).*)" }] };
