/** What a TLS port really presents, read by a handshake that trusts nothing and asks nothing. */
import net from "node:net";
import tls from "node:tls";
import type { X509Certificate } from "node:crypto";
import { probeTimeoutMs } from "./addresses.ts";

export type TlsTarget = { host: string; port: number; addresses: readonly string[]; /** PEM certificates to verify against; the verdict is `isTrusted`. */ ca?: readonly string[] };
export type Presented = {
  kind: "presented";
  address: string;
  certificate: X509Certificate;
  /** SHA-256 of the DER, lower-case hex. */
  fingerprint: string;
  isTrusted: boolean;
  protocol: string;
};
export type Unreachable = { kind: "failed"; step: "tcp" | "tls"; detail: string };

/** Tries the addresses in order, each at most 3 s; the first that finishes a handshake answers. */
export async function readPresented(target: TlsTarget): Promise<Presented | Unreachable> {
  let last: Unreachable = { kind: "failed", step: "tcp", detail: "there is no address to dial" };
  for (const address of target.addresses) {
    const result = await handshake(address, target);
    if (result.kind === "presented") return result;
    last = result;
  }
  return last;
}

function handshake(address: string, target: TlsTarget): Promise<Presented | Unreachable> {
  return new Promise((resolve) => {
    const raw = net.connect({ host: address, port: target.port });
    let step: "tcp" | "tls" = "tcp";
    const socket = tls.connect({ socket: raw, ...(net.isIP(target.host) ? {} : { servername: target.host }), ...(target.ca ? { ca: [...target.ca] } : {}), rejectUnauthorized: false, minVersion: "TLSv1.2", checkServerIdentity: () => undefined });
    const timer = setTimeout(() => finish({ kind: "failed", step, detail: `no ${step === "tcp" ? "connection" : "TLS handshake"} within ${probeTimeoutMs / 1000} s` }), probeTimeoutMs);
    const finish = (result: Presented | Unreachable) => {
      clearTimeout(timer);
      socket.destroy();
      raw.destroy();
      resolve(result.kind === "failed" ? { ...result, detail: `${target.host}:${target.port} at ${address}: ${result.detail}` } : result);
    };
    raw.on("connect", () => (step = "tls"));
    raw.on("error", (error) => finish({ kind: "failed", step, detail: reasonOf(error) }));
    socket.on("error", (error) => finish({ kind: "failed", step, detail: reasonOf(error) }));
    raw.on("close", () => finish({ kind: "failed", step, detail: "the connection was closed before the TLS handshake ended" }));
    socket.on("secureConnect", () => {
      const certificate = socket.getPeerX509Certificate();
      if (!certificate) return finish({ kind: "failed", step: "tls", detail: "it presented no certificate" });
      finish({ kind: "presented", address, certificate, fingerprint: fingerprintOf(certificate), isTrusted: socket.authorized, protocol: socket.getProtocol() ?? "unknown" });
    });
  });
}

export function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(":", "").toLowerCase();
}

/** True when the certificate covers this host name or IP address by its subject alternative name. */
export function coversName(certificate: X509Certificate, host: string): boolean {
  return (net.isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host, { subject: "never" })) !== undefined;
}

/** An error of a socket in a few words: its code, which people can look up. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  const code = "code" in error ? String(error.code) : "";
  const words: Record<string, string> = { ECONNREFUSED: "connection refused", EHOSTUNREACH: "no route to it", ENETUNREACH: "no route to its network", ECONNRESET: "connection reset", ETIMEDOUT: "no answer" };
  return words[code] ?? (code === "" ? error.message.slice(0, 200) : code);
}
