/** Whether a request's Host belongs to the service that the connection was handed to: no other service's rules can be borrowed through it (RFC 9110 section 7.4). */
import type { SnapshotService } from "../../contract/virtual-service.ts";
import type { Front } from "../routing/services.ts";

type Facts = { isTls: boolean; serverName: string | null };
type Service = Pick<SnapshotService, "id" | "serverNames" | "takesUnknownNames">;

/**
 * False when the Host is another service's (`front`: what shares the address and port with this one), or no name of a service that
 * takes listed names only. A client that sent no server name, or came before that other service did, may ask for its Host all the
 * same, unless the other demands client certificates: nothing was shown to it. Only TLS connections are judged.
 */
export function hostMatches(service: Service, { isTls, serverName }: Facts, authority: string | null, front: Front | undefined): boolean {
  if (!isTls || authority === null) return true;
  const host = authority.replace(/:\d+$/, "").toLowerCase().replace(/\.$/, "");
  const owner = front?.exact.get(host) ?? front?.wildcard.get(behindFirstLabel(host));
  if (owner && owner.id !== service.id) return (serverName === null || host === serverName) && owner.clientCertificate.demand === "none";
  if (service.serverNames.length === 0 || service.takesUnknownNames || serverName === null) return true;
  return host === serverName.toLowerCase() || service.serverNames.some((pattern) => (pattern.startsWith("*.") ? behindFirstLabel(host) === pattern.slice(2) : host === pattern));
}

function behindFirstLabel(name: string): string {
  const dot = name.indexOf(".");
  return dot > 0 ? name.slice(dot + 1) : "";
}
