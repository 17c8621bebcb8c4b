/**
 * First contact with nothing but a token: the token names the agent site and the fingerprint of the organisation's root. The chain that the site shows is searched for
 * that root, and a second handshake then verifies everything with it; nothing is sent before.
 */
import type tls from "node:tls";
import { AgentError } from "../errors.ts";
import { handshake } from "../path/handshake.ts";
import { dialBehind } from "../path/tcp.ts";
import { fingerprintOf } from "./pem.ts";

/** `relay`: where to connect instead; the name that is asked for stays the agent site's. */
export type FirstContact = { host: string; port: number; caFingerprint: string; signal: AbortSignal; relay: { host: string; port: number } | null };

/** The organisation's root certificate in PEM. Throws `lan-unreachable`, `relay-unreachable` or `server-untrusted`. */
export async function findRoot(contact: FirstContact): Promise<string> {
  const raw = await dialBehind(contact.relay, { host: contact.host, port: contact.port, timeoutMs: 5_000, signal: contact.signal, failure: { unresolved: "lan-unreachable", unreachable: "lan-unreachable" } });
  const failed = (cause: unknown) => new AgentError("server-untrusted", `${contact.host} port ${contact.port} did not speak TLS (${cause instanceof Error ? cause.message : "closed"}).`, cause);
  const socket = await handshake({ over: raw, servername: /^[\d.]+$|:/.test(contact.host) ? undefined : contact.host, credentials: null, timeoutMs: 5_000, signal: contact.signal, verify: null }).catch((cause: unknown) => {
    throw failed(cause);
  });
  try {
    const root = presentedChain(socket).find((der) => fingerprintOf(der) === contact.caFingerprint);
    if (root) return `-----BEGIN CERTIFICATE-----\n${(root.toString("base64").match(/.{1,64}/g) ?? []).join("\n")}\n-----END CERTIFICATE-----\n`;
    throw new AgentError("server-untrusted", `${contact.host} port ${contact.port} does not belong to the organisation whose CA the token names (${contact.caFingerprint.slice(0, 16)}…).${contact.relay ? ` Behind a relay the first name of the agent site has to be one that no gateway has: change it in the agent site's settings, and make a new token.` : ""}`);
  } finally {
    socket.destroy();
    raw.destroy();
  }
}

/** What the server sent, leaf first; at most ten certificates. */
function presentedChain(socket: tls.TLSSocket): Buffer[] {
  const chain: Buffer[] = [];
  for (let current: tls.DetailedPeerCertificate | undefined = socket.getPeerCertificate(true); current && Buffer.isBuffer(current.raw) && chain.length < 10; current = current.issuerCertificate) {
    const { raw } = current;
    if (chain.some((known) => known.equals(raw))) break; // a root is its own issuer
    chain.push(raw);
  }
  return chain;
}
