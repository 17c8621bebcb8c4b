/** A TLS client handshake over any socket, with a deadline; resolves when it is finished and nothing was sent yet. */
import type { Duplex } from "node:stream";
import tls from "node:tls";

export type Credentials = { chainPem: string; keyPem: string };

export type Handshake = {
  over: Duplex;
  /** Name to ask for (SNI); undefined for an IP address. */
  servername: string | undefined;
  credentials: Credentials | null;
  timeoutMs: number;
  signal: AbortSignal;
  /** Verified against these and this name; null: the caller verifies the leaf by its pin. */
  verify: { ca: string[]; host: string } | null;
  /** Application protocol to ask for; `http/1.1` unless given. */
  alpn?: string;
};

/** Same list as the servers': ECDHE with AEAD, TLS 1.2 and 1.3 (H11). */
const ciphers = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";

/** Rejects with the runtime's own error; the caller gives it a code. The socket is destroyed on failure. */
export function handshake(request: Handshake): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const { verify, credentials } = request;
    const socket = tls.connect({
      socket: request.over,
      minVersion: "TLSv1.2",
      ciphers,
      ALPNProtocols: [request.alpn ?? "http/1.1"],
      rejectUnauthorized: verify !== null,
      ...(request.servername === undefined ? {} : { servername: request.servername }),
      ...(verify === null ? {} : { ca: verify.ca, checkServerIdentity: (_name: string, certificate: tls.PeerCertificate) => tls.checkServerIdentity(verify.host, certificate) }),
      ...(credentials === null ? {} : { cert: credentials.chainPem, key: credentials.keyPem }),
    });
    const finish = () => {
      clearTimeout(timer);
      request.signal.removeEventListener("abort", aborted);
      socket.off("close", closed);
    };
    const fail = (error: Error) => {
      finish();
      socket.destroy();
      request.over.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(new Error(`the TLS handshake was not finished within ${request.timeoutMs} ms`)), request.timeoutMs);
    const aborted = () => fail(new Error("given up"));
    const closed = () => fail(new Error("the connection was closed during the TLS handshake"));
    socket.on("error", fail);
    socket.once("close", closed);
    request.signal.addEventListener("abort", aborted, { once: true });
    socket.once("secureConnect", () => {
      finish();
      if (verify !== null && !socket.authorized) return fail(new Error(String(socket.authorizationError)));
      resolve(socket);
    });
    if (request.signal.aborted) aborted();
  });
}
