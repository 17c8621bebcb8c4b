/** Exchange client access: one HTTPS service that re-encrypts, where several chained ones were needed once (S2-01 to S2-19). */
import type { Filling, PresetInput } from "./presets.ts";
import { compareVersions } from "./server-version.ts";

/** Push mail keeps a request open for up to 30 minutes. */
const pushWaitMs = 1_860_000;

export function exchangeClientAccess(input: PresetInput): Filling {
  const decrypts = input.certificateIds.length > 0;
  const isStateless = isModern(input.serverVersion);
  const names = input.stampName === null ? [] : [input.stampName];
  return {
    service: {
      port: 443, mode: decrypts ? "tls-reencrypt" : "tls-passthrough", protocol: decrypts ? "http" : "tcp", stampName: input.stampName, serverNames: names,
      persistence: isStateless ? { kind: "none" } : decrypts ? { kind: "cookie-insert", cookieName: "sallyport", lifetimeSeconds: null, sameSite: "lax", endsWithCookie: null, exceptions: [{ name: "Mobile devices", match: { pathPrefix: "/Microsoft-Server-ActiveSync", userAgentContains: null, versionBelow: null }, use: "source-address", cookieName: null }] } : { kind: "source-address", prefix4: 32, prefix6: 64, idleSeconds: 1_800 },
      limits: { idleTimeoutMs: pushWaitMs, responseTimeoutMs: pushWaitMs },
    },
    pool: {
      scheduling: "least-connections", isSessionBound: !isStateless,
      healthCheck: { kind: "http", intervalMs: 5_000, timeoutMs: 3_000, rise: 2, fall: 3, jitterPercent: 10, port: null, verify: "off", anchorsPem: [], serverName: input.stampName, daysLeftMin: 0, isTls: true, method: "GET", path: isStateless ? "/owa/healthcheck.htm" : "/owa/auth/logon.aspx", hostHeader: input.stampName, statusFrom: 200, statusTo: isStateless ? 200 : 399, bodyContains: null },
      ...(isStateless ? {} : { scheduling: "failover" as const }),
    },
    reasons: [
      { field: "mode", sentence: decrypts ? "One switch: the gateway decrypts, looks, and encrypts again to the members; no second virtual service is needed." : "Without a certificate on the gateway, TLS passes through; choose one to re-encrypt." },
      { field: "limits", sentence: "Mobile devices keep a request open for up to half an hour while they wait for mail." },
      { field: "pool.healthCheck", sentence: isStateless ? "Exchange answers 200 on /owa/healthcheck.htm only while the server is in service." : "The sign-in page answers only while Outlook on the web works." },
      isStateless
        ? { field: "pool.scheduling", sentence: "From Exchange 2013 on every server can answer every request; nobody has to be kept, and the least busy server takes the next connection." }
        : { field: "persistence", sentence: `${input.serverVersion === null ? "The version is not known; Exchange 2010" : "Exchange 2010"} keeps sessions on one server: browsers stay by cookie, mobile devices by address.` },
      ...(input.stampName === null ? [] : [{ field: "serverNames", sentence: `Clients ask for ${input.stampName}; add autodiscover's name when it leads here too.` }]),
    ],
  };
}

/** 2013 and later, by year or by build number (15.x). */
function isModern(version: string | null): boolean {
  if (version === null) return false;
  const difference = compareVersions(version, /^20\d\d/.test(version.trim()) ? "2013" : "15");
  return difference !== undefined && difference >= 0;
}
