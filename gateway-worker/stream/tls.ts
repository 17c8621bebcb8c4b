/** The outer TLS of a listener: options, and what a failed handshake means (S0-14, S0-15; threats.md H1, H11). */
import { constants } from "node:crypto";
import tls from "node:tls";
import { channelAlpn } from "../../contract/channel.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import { relayAlpn } from "../../contract/relay.ts";
import { approvedCiphers, ciphers } from "../net/ciphers.ts";
import type { CompiledListener } from "../runtime/compile.ts";

/** The part that can be renewed on a listening server with `setSecureContext`. */
export function secureContextOptions(listener: CompiledListener, anchorsPem: string[]): tls.SecureContextOptions {
  return contextOptions({ chainPem: listener.chainPem, keyPem: listener.keyPem, algorithms: listener.listener.algorithms }, anchorsPem);
}

export type Presented = { chainPem: string; keyPem: string; algorithms: "standard" | "fips" };

/** What every TLS context that faces clients has in common (H11). `anchorsPem` null: no client certificates are asked for. */
export function contextOptions(presented: Presented, anchorsPem: string[] | null): tls.SecureContextOptions {
  const isRestricted = presented.algorithms === "fips";
  return {
    cert: presented.chainPem,
    key: presented.keyPem,
    ...(anchorsPem === null ? {} : { ca: anchorsPem }),
    minVersion: "TLSv1.2",
    ciphers: isRestricted ? approvedCiphers : ciphers,
    ecdhCurve: isRestricted ? "P-256:P-384" : "X25519:P-256:P-384",
    honorCipherOrder: true,
    // A client that renegotiates makes us sign again and again; TLS 1.3 has no renegotiation at all. (Bun never renegotiates and has no such constant.)
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION || 0,
  };
}

/** What a listener speaks itself, in the order of its preference. */
export const listenerProtocols: readonly string[] = [channelAlpn, relayAlpn, "http/1.1"];

/**
 * Everything a listener's server is created with. The verdict is ours, after the handshake: a refusal needs its reason (H4).
 * With a list of protocols both runtimes refuse a client that offers only others (measured, docs/data-plane.md); `speaks` false makes a server that
 * selects none and refuses nobody for it, as a direct listener needs for what is no channel.
 */
export function serverOptions(listener: CompiledListener, anchorsPem: string[], speaks: boolean): tls.TlsOptions {
  return {
    ...secureContextOptions(listener, anchorsPem),
    requestCert: true,
    rejectUnauthorized: false,
    allowHalfOpen: true,
    ...(speaks ? { ALPNProtocols: [...listenerProtocols] } : {}),
  };
}

/** Throws when the material cannot serve; called before anything is swapped. */
export function proveSecureContext(listener: CompiledListener, anchorsPem: string[]): void {
  tls.createSecureContext(secureContextOptions(listener, anchorsPem));
}

export type HandshakeFailure = { code: RefusalCode; detail: string };

/** Names a failed handshake. Undefined: the client went away, as port scanners and TCP health checks of load balancers do; that is no refusal. */
export function classifyHandshakeError(error: unknown): HandshakeFailure | undefined {
  const code = textOf(error, "code");
  const text = `${code} ${textOf(error, "reason")} ${textOf(error, "message")}`.toUpperCase().replaceAll(" ", "_");
  if (/ECONNRESET|EPIPE|ECONNABORTED|SOCKET_CLOSED/.test(code)) return undefined;
  if (/HTTP_REQUEST|HTTPS_PROXY_REQUEST/.test(text)) return { code: "tls-not-tls", detail: "the client sent a plain HTTP request; nothing here answers plain HTTP" };
  if (/UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW|NO_PROTOCOLS_AVAILABLE|PROTOCOL_VERSION/.test(text)) return { code: "tls-version", detail: "the client offered no TLS version of 1.2 and 1.3" };
  if (/WRONG_VERSION_NUMBER|UNKNOWN_PROTOCOL|PACKET_LENGTH_TOO_LONG|RECORD_TOO_SMALL/.test(text)) return { code: "tls-not-tls", detail: "the client's first bytes are no TLS record" };
  return { code: "tls-handshake-failed", detail: `the TLS handshake failed: ${(code || textOf(error, "message")).slice(0, 200)}` };
}

function textOf(error: unknown, key: string): string {
  if (typeof error !== "object" || error === null || !(key in error)) return "";
  const value = (error as Record<string, unknown>)[key];
  return typeof value === "string" ? value : "";
}
