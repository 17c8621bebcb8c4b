/** A web application behind HTTPS. */
import type { Filling, PresetInput } from "./presets.ts";

const plainPorts: readonly number[] = [80, 3000, 8000, 8080];

export function genericHttps(input: PresetInput): Filling {
  const decrypts = input.certificateIds.length > 0;
  const isPlain = input.members.length > 0 && input.members.every((member) => plainPorts.includes(member.port));
  const mode = !decrypts ? "tls-passthrough" : isPlain ? "tls-offload" : "tls-reencrypt";
  const base = { intervalMs: 5_000, timeoutMs: 3_000, rise: 2, fall: 3, jitterPercent: 10, port: null };
  const checkTls = { verify: "off" as const, anchorsPem: [], serverName: input.stampName, daysLeftMin: 0 };
  return {
    service: { port: 443, mode, protocol: decrypts ? "http" : "tcp", ...(input.stampName === null ? {} : { stampName: input.stampName, serverNames: [input.stampName] }) },
    pool: {
      scheduling: "failover",
      healthCheck: decrypts
        ? { kind: "http", ...base, ...checkTls, isTls: !isPlain, method: "GET", path: "/", hostHeader: input.stampName, statusFrom: 200, statusTo: 399, bodyContains: null }
        : { kind: "tls", ...base, ...checkTls },
    },
    reasons: [
      mode === "tls-offload"
        ? { field: "mode", sentence: "The members' ports speak plain HTTP, so TLS ends at the gateway." }
        : decrypts ? { field: "mode", sentence: "The gateway has a certificate, reads HTTP and encrypts again to the members." } : { field: "mode", sentence: "Without a certificate on the gateway, TLS passes through; the members' certificate must cover the clients' name." },
      { field: "pool.healthCheck", sentence: decrypts ? "A request for / must be answered with 200 to 399; choose a path that fails when the application does." : "A TLS handshake, which also shows the certificate that clients see." },
      ...(input.stampName === null ? [] : [{ field: "serverNames", sentence: `Clients ask for ${input.stampName}.` }]),
    ],
  };
}
