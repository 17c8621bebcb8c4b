/** Requests that the console makes to check its own servers: the status is read, the body is thrown away unseen. */
import https from "node:https";
import net from "node:net";
import tls from "node:tls";
import { probeTimeoutMs } from "./addresses.ts";
import { reasonOf } from "./tls.ts";

export type Question = {
  host: string;
  port: number;
  address: string;
  path: string;
  ca: readonly string[];
  /** The client's identity; left out: none is presented. */
  client?: { certPem: string; keyPem: string };
};
export type Answer = { kind: "answered"; status: number } | { kind: "failed"; detail: string };

/** GET over TLS with the server verified by `ca` and by name. */
export function ask(question: Question): Promise<Answer> {
  const { host, port, address, path, ca, client } = question;
  return new Promise((resolve) => {
    const request = https.request({
      host: address, port, path, method: "GET", agent: false, ca: [...ca], rejectUnauthorized: true, minVersion: "TLSv1.2", headers: { host: `${host}:${port}`, connection: "close" },
      // The dialled address may differ from the name that agents use: the certificate must cover the latter, also when that is an IP literal.
      checkServerIdentity: (_dialled, certificate) => tls.checkServerIdentity(host, certificate),
      ...(net.isIP(host) ? {} : { servername: host }), ...(client ? { cert: client.certPem, key: client.keyPem } : {}),
    });
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${probeTimeoutMs / 1000} s`)), probeTimeoutMs);
    request.on("response", (response) => {
      clearTimeout(timer);
      response.on("error", () => undefined); // the status is all we came for
      response.destroy();
      resolve({ kind: "answered", status: response.statusCode ?? 0 });
    });
    request.on("error", (error) => {
      clearTimeout(timer);
      resolve({ kind: "failed", detail: reasonOf(error) });
    });
    request.end();
  });
}

export type PlainAnswer = { kind: "silent" } | { kind: "spoke-http" } | { kind: "failed"; detail: string };

/** Speaks plain HTTP to a port that should not answer it (S0-02). A TLS alert, a close or silence is right. */
export function speakPlainHttp(target: { host: string; port: number; address: string }): Promise<PlainAnswer> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: target.address, port: target.port });
    let isConnected = false;
    let received = "";
    const finish = (result: PlainAnswer) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => finish(isConnected ? { kind: "silent" } : { kind: "failed", detail: "no connection in time" }), probeTimeoutMs);
    socket.on("connect", () => {
      isConnected = true;
      socket.write(`GET / HTTP/1.1\r\nHost: ${target.host}\r\nConnection: close\r\n\r\n`);
    });
    socket.on("data", (chunk: Buffer) => {
      received = (received + chunk.toString("latin1")).slice(0, 16);
      if (/^HTTP\//i.test(received)) finish({ kind: "spoke-http" });
    });
    socket.on("error", (error) => finish(isConnected ? { kind: "silent" } : { kind: "failed", detail: reasonOf(error) }));
    socket.on("close", () => finish({ kind: "silent" }));
  });
}
