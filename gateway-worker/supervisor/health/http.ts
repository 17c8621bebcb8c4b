/** HTTP(S) check: one request, status in range, and text in the first 64 KiB of the body. Redirects are answers like any other and are not followed. */
import http from "node:http";
import type { Socket } from "node:net";
import type { HealthCheck, SeenCertificate } from "../../../contract/health-check.ts";
import { endpointText, ProbeFailure, talkWords } from "./failure-words.ts";
import type { ProbeMeans } from "./probe-means.ts";
import { type CheckDeadline, type ProbeEndpoint, ProbeSocket } from "./probe-socket.ts";
import { secure } from "./tls.ts";

type HttpCheck = Extract<HealthCheck, { kind: "http" }>;

const headBytesMax = 32 * 1024;
/** Body bytes looked into; an endless body is cut here (T31). */
export const bodyBytesMax = 64 * 1024;

export type HttpOutcome = {
  /** Undefined: the check passes. Otherwise what the answer was. */
  problem: string | undefined;
  certificate: SeenCertificate | null;
};

/** Throws ProbeFailure when there is no HTTP answer at all, CertificateFailure when the certificate is refused. */
export async function probeHttp(endpoint: ProbeEndpoint, check: HttpCheck, means: ProbeMeans, deadline: CheckDeadline): Promise<HttpOutcome> {
  const socket = await ProbeSocket.connect(endpoint, means, deadline);
  try {
    const certificate = check.isTls ? await secure(socket, { settings: check, memberHost: endpoint.host, means, alpn: ["http/1.1"] }) : null;
    return { problem: await exchange(socket, endpoint, check), certificate };
  } finally {
    socket.destroy();
  }
}

async function exchange(socket: ProbeSocket, endpoint: ProbeEndpoint, check: HttpCheck): Promise<string | undefined> {
  const connection = socket.release();
  const { deadline, label } = socket;
  return await new Promise((resolve, reject) => {
    let awaited = "its answer came";
    const request = openRequest(connection, endpoint, check);
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      end();
      request.destroy();
      connection.destroy();
    };
    const fail = (sentence: string, cause?: Error): void => settle(() => reject(new ProbeFailure("talk", sentence, { cause })));
    const timer = setTimeout(() => fail(`${label} accepted the connection, but ${deadline.totalMs} ms were over before ${awaited}`), deadline.leftMs());
    request.on("error", (error) => fail(answerWords(label, error, awaited), error));
    connection.on("close", () => fail(`${label} closed the connection before ${awaited}`));
    request.on("response", (response) => {
      const status = response.statusCode ?? 0;
      const told = `${label} answered ${check.method} ${check.path.slice(0, 100)} with ${status}`;
      response.on("error", (error) => fail(answerWords(label, error, awaited), error));
      if (status < check.statusFrom || status > check.statusTo) return settle(() => resolve(`${told}; expected ${check.statusFrom} to ${check.statusTo}`));
      if (check.bodyContains === null) return settle(() => resolve(undefined));
      awaited = `"${check.bodyContains.slice(0, 80)}" came in the body`;
      searchBody(response, check.bodyContains, (where) => settle(() => resolve(where === "found" ? undefined : `${told}, but ${where === "end" ? "its body does not contain" : "the first 64 KiB of its body do not contain"} "${check.bodyContains?.slice(0, 100) ?? ""}"`)));
    });
    request.end();
  });
}

function openRequest(connection: Socket, endpoint: ProbeEndpoint, check: HttpCheck): http.ClientRequest {
  const isUsualPort = endpoint.port === (check.isTls ? 443 : 80);
  const [host = ""] = isUsualPort ? endpointText(endpoint.host, 0).split(/:0$/) : [endpointText(endpoint.host, endpoint.port)];
  return http.request({
    createConnection: () => connection,
    method: check.method,
    path: check.path,
    maxHeaderSize: headBytesMax,
    setHost: false,
    headers: { Host: check.hostHeader ?? host, "User-Agent": "sallyport-health-check", Accept: "*/*", "Accept-Encoding": "identity", Connection: "close" },
  });
}

/** Looks for the text until it is there, the body ends, or 64 KiB have gone by; keeps no more than that. */
function searchBody(response: http.IncomingMessage, text: string, done: (where: "found" | "end" | "cut") => void): void {
  const wanted = Buffer.from(text);
  let seen: Buffer = Buffer.alloc(0);
  response.on("data", (bytes: Buffer) => {
    seen = Buffer.concat([seen, bytes]).subarray(0, bodyBytesMax);
    if (seen.includes(wanted)) done("found");
    else if (seen.length >= bodyBytesMax) done("cut");
  });
  response.on("end", () => done("end"));
}

function answerWords(label: string, error: Error, awaited: string): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (code === "HPE_HEADER_OVERFLOW") return `${label} answered with a head of more than ${headBytesMax / 1024} KiB`;
  if (code.startsWith("HPE_")) return `${label} did not answer in HTTP/1.1 (${error.message.slice(0, 100)})`;
  if (error.message === "socket hang up") return `${label} closed the connection before ${awaited}`;
  return `${label} ${talkWords(error, awaited)}`;
}
