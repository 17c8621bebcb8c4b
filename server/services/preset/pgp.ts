/** PGP Encryption Server: availability, not load distribution; sessions stay; enrolling clients see one Set-Cookie (S3-01 to S3-70). */
import type { Persistence } from "../../../contract/persistence.ts";
import type { Filling, PresetInput, Reason } from "./presets.ts";
import { compareVersions } from "./server-version.ts";

export function pgpEncryptionServer(input: PresetInput): Filling {
  const decrypts = input.certificateIds.length > 0;
  const chosen = persistenceFor(input.serverVersion, decrypts);
  return {
    service: {
      port: 443, mode: decrypts ? "tls-reencrypt" : "tls-passthrough", protocol: decrypts ? "http" : "tcp", persistence: chosen.persistence,
      ...(input.stampName === null ? {} : { stampName: input.stampName, serverNames: [input.stampName] }),
    },
    pool: {
      scheduling: "failover", failsBack: true, isSessionBound: true,
      healthCheck: { kind: "tls", intervalMs: 5_000, timeoutMs: 3_000, rise: 2, fall: 3, jitterPercent: 10, port: null, verify: "off", anchorsPem: [], serverName: input.stampName, daysLeftMin: 0 },
    },
    reasons: [
      decrypts
        ? { field: "mode", sentence: "The gateway has a certificate for the clients' name, so it can present that one whatever the members' are; the members get TLS again." }
        : { field: "mode", sentence: "Packets pass unchanged, which is the case the server's maker supports; the certificate on the members must cover the clients' name." },
      { field: "pool.scheduling", sentence: "One server at a time, the next only when it is away: the cluster is for availability, and a node may not have received replicated data yet." },
      { field: "pool.isSessionBound", sentence: "A login session lives on one server; round robin is refused." },
      { field: "pool.healthCheck", sentence: "A TLS handshake shows that the server answers, and which certificate clients will see." },
      chosen.reason,
      ...(input.stampName === null ? [{ field: "stampName", sentence: "Enter the name that clients are built with before you enrol them: they keep it for ever." }] : [{ field: "serverNames", sentence: `Clients ask for ${input.stampName}, the name they are built with.` }]),
    ],
  };
}

function persistenceFor(version: string | null, decrypts: boolean): { persistence: Persistence; reason: Reason } {
  const bySource: Persistence = { kind: "source-address", prefix4: 32, prefix6: 64, idleSeconds: 1_800 };
  const because = (sentence: string): Reason => ({ field: "persistence", sentence });
  if (!decrypts) return { persistence: bySource, reason: because("Cookies cannot be read in pass-through; the client's address is what is left to keep it on its server.") };
  const to1051 = version === null ? undefined : compareVersions(version, "10.5.1");
  if (version === null || to1051 === undefined) return { persistence: bySource, reason: because("The server's version is not known; the client's address works with every version.") };
  if (to1051 >= 0) return { persistence: { kind: "cookie-follow", cookieName: "ovidCookie", idleSeconds: 3_600, exceptions: [] }, reason: because("From 10.5.1 on the server's own ovidCookie can be followed: nothing is added, and the session ends at logout.") };
  if ((compareVersions(version, "10.5") ?? -1) < 0) return { persistence: bySource, reason: because("Before 10.5.1 a cookie of the gateway's breaks enrolment, and 10.5 may not work with cookies at all; the client's address works.") };
  return {
    persistence: {
      kind: "cookie-insert", cookieName: "sallyport", lifetimeSeconds: null, sameSite: "lax", endsWithCookie: null,
      exceptions: [{ name: "Enrolling clients", match: { pathPrefix: null, userAgentContains: "PGP", versionBelow: null }, use: "source-address", cookieName: null }],
    },
    reason: because("Version 10.5.0: browsers are kept by a cookie; PGP clients expect one Set-Cookie only and are kept by their address. Try it before production."),
  };
}
