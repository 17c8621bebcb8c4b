/** Whether a request's Host belongs to the service that the connection was handed to: no other service's rules can be borrowed through it (RFC 9110 section 7.4). */
import type { SnapshotService } from "../../contract/virtual-service.ts";

type Facts = { isTls: boolean; serverName: string | null };

/** True when the service lists no names, takes unknown ones, or lists this one. Only TLS connections that named a server are judged. */
export function hostMatches(service: Pick<SnapshotService, "serverNames" | "takesUnknownNames">, facts: Facts, authority: string | null): boolean {
  if (service.serverNames.length === 0 || service.takesUnknownNames || !facts.isTls || facts.serverName === null || authority === null) return true;
  const host = authority.replace(/:\d+$/, "").toLowerCase().replace(/\.$/, "");
  return host === facts.serverName.toLowerCase() || service.serverNames.some((pattern) => (pattern.startsWith("*.") ? host.slice(host.indexOf(".") + 1) === pattern.slice(2) && host.includes(".") : host === pattern));
}
