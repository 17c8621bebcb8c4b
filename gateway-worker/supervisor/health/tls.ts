/** TLS check: handshake, then chain, name and days left. HTTPS and STARTTLS use the same steps. */
import type { SeenCertificate } from "../../../contract/health-check.ts";
import { type CertificateSettings, judgeCertificate, serverNameFor } from "./certificate.ts";
import { ProbeFailure } from "./failure-words.ts";
import type { ProbeMeans } from "./probe-means.ts";
import { type CheckDeadline, type ProbeEndpoint, ProbeSocket } from "./probe-socket.ts";

export type TlsCheckSettings = CertificateSettings & { anchorsPem: string[] };

/** A refused certificate, with what was seen of it. */
export class CertificateFailure extends ProbeFailure {
  readonly certificate: SeenCertificate;
  constructor(sentence: string, certificate: SeenCertificate) {
    super("talk", sentence);
    this.certificate = certificate;
  }
}

/** Throws ProbeFailure or CertificateFailure. */
export async function probeTls(endpoint: ProbeEndpoint, settings: TlsCheckSettings, means: ProbeMeans, deadline: CheckDeadline): Promise<SeenCertificate | null> {
  const socket = await ProbeSocket.connect(endpoint, means, deadline);
  try {
    return await secure(socket, { settings, memberHost: endpoint.host, means });
  } finally {
    socket.destroy();
  }
}

/** Puts TLS on the connection and judges the certificate; null when the peer shows none (and nothing is verified). Throws ProbeFailure or CertificateFailure. */
export async function secure(socket: ProbeSocket, given: { settings: TlsCheckSettings; memberHost: string; means: ProbeMeans; alpn?: string[] }): Promise<SeenCertificate | null> {
  const { settings, memberHost } = given;
  const tlsSocket = await socket.startTls({ context: given.means.context(settings.anchorsPem), serverName: serverNameFor(settings, memberHost), ...(given.alpn ? { alpn: given.alpn } : {}) });
  const judgement = judgeCertificate(tlsSocket, { settings, memberHost, now: Date.now() });
  if (judgement?.refusal !== undefined) throw new CertificateFailure(`${socket.label}: ${judgement.refusal}`, judgement.seen);
  if (!judgement && settings.verify !== "off") throw new ProbeFailure("talk", `${socket.label} presented no certificate`);
  return judgement?.seen ?? null;
}
