/** Where in the service form a finding or a reason is shown: at the field it names, as long as that field is there. */
import { endsTls } from "@/contract/virtual-service.ts";
import type { ServiceValues } from "./service-values.ts";

/** Paths that have a place of their own in the form. */
const places = [
  "name", "gatewayIds", "address", "port", "serverNames", "takesNoName", "takesUnknownNames", "stampName", "mode", "protocol", "certificateIds", "clientCertificate", "persistence", "memberTls", "memberHost", "sendProxy", "acceptProxy", "limits",
  "pool.name", "pool.members", "pool.isSessionBound", "pool.scheduling", "pool.healthCheck", "pool", "poolId",
];

/** Which places the form shows with these values; the others are not drawn. */
function isShown(place: string, { mode = "tls-passthrough", protocol, serverNames = [] }: ServiceValues): boolean {
  switch (place) {
    case "serverNames":
      return mode !== "tcp";
    case "takesNoName":
    case "takesUnknownNames":
      return mode !== "tcp" && serverNames.some((name) => name.trim() !== "");
    case "certificateIds":
    case "clientCertificate":
      return endsTls(mode);
    case "memberTls":
      return mode === "tls-reencrypt";
    case "memberHost":
      return protocol === "http";
    default:
      return true;
  }
}

/** The longest shown place that a path is at or below, `members[1].weight` as `members.1.weight`; null: nowhere. What belongs to a pool that is only chosen stands at the choice. */
export function placeOf(field: string | null, values: ServiceValues): string | null {
  if (field === null) return null;
  const path = field.replace(/\[(\d+)\]/g, ".$1");
  if (path.startsWith("pool") && values.pool === undefined) return "pool";
  const member = /^pool\.members\.\d+/.exec(path);
  if (member) return member[0];
  return places.filter((place) => (path === place || path.startsWith(`${place}.`)) && isShown(place, values)).toSorted((a, b) => b.length - a.length)[0] ?? null;
}
