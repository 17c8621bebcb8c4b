/**
 * Who takes which clients on an address and port of one gateway. Services share an address and port when their server names tell them apart; a `tcp` service and a
 * tunnel listener have theirs alone. An address that covers others (`::` covers every address, `0.0.0.0` every IPv4 one) would take their clients, so it counts as theirs too.
 */
import { canonicalHost, isIpv4 } from "../../../contract/names.ts";
import type { ProxyProtocolAccept, ServiceMode } from "../../../contract/virtual-service.ts";

export type FrontService = { id: string; name: string; address: string; port: number; mode: ServiceMode; serverNames: readonly string[]; takesNoName: boolean; takesUnknownNames: boolean; acceptProxy: ProxyProtocolAccept };
export type FrontListener = { address: string; port: number };
export type Clash = { code: "service-name-taken" | "listener-taken" | "input-invalid"; field: "port" | "serverNames" | "takesNoName" | "takesUnknownNames" | "acceptProxy" | "address"; /** The end of a sentence, without its full stop. */ message: string };

const any6 = "0:0:0:0:0:0:0:0";
const any4 = "0.0.0.0";

/** One spelling per address; an IPv4 address written in IPv6 is the IPv4 one. */
function spelling(address: string): string {
  const canonical = canonicalHost(address) ?? address;
  const mapped = /^0:0:0:0:0:ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (!mapped) return canonical;
  const [high, low] = [Number.parseInt(mapped[1] ?? "0", 16), Number.parseInt(mapped[2] ?? "0", 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

function covers(wide: string, other: string): boolean {
  return wide === any6 || (wide === any4 && isIpv4(other));
}

/** `same`: one socket serves both; `overlaps`: one would take connections meant for the other. */
export function compareAddresses(a: FrontListener, b: FrontListener): "apart" | "same" | "overlaps" {
  if (a.port !== b.port) return "apart";
  const [left, right] = [spelling(a.address), spelling(b.address)];
  if (left === right) return "same";
  return covers(left, right) || covers(right, left) ? "overlaps" : "apart";
}

/** `[::]:443`, `10.0.0.5:443`. */
export function place(front: FrontListener): string {
  return front.address.includes(":") ? `[${front.address}]:${front.port}` : `${front.address}:${front.port}`;
}

/** Why a service cannot stand beside a tunnel listener; undefined when it can. */
export function clashWithListener(service: FrontService, listener: FrontListener): Clash | undefined {
  const relation = compareAddresses(service, listener);
  if (relation === "apart") return undefined;
  const how = relation === "same" ? `${place(listener)} is a tunnel listener` : `${place(listener)} is a tunnel listener, and one of the two addresses covers the other`;
  return { code: "listener-taken", field: "port", message: `${how}; give the service another address or port` };
}

/** Why service `mine` cannot stand beside `other`; undefined when it can. */
export function clashWithService(mine: FrontService, other: FrontService): Clash | undefined {
  const relation = compareAddresses(mine, other);
  if (relation === "apart") return undefined;
  const named = `service "${other.name}"`;
  if (relation === "overlaps") return { code: "listener-taken", field: "address", message: `${named} listens on ${place(other)}, and one of the two addresses covers the other; use the same address for both, or addresses that do not overlap` };
  const alone = mine.mode === "tcp" ? `a service of mode tcp has its address and port alone, and ${named} is on it` : `${named} (mode tcp) has it alone`;
  if (mine.mode === "tcp" || other.mode === "tcp") return { code: "listener-taken", field: "port", message: `${alone}; give one of them another address or port` };
  return clashOfNames(mine, other, named) ?? clashOfProxy(mine, other, named);
}

function clashOfNames(mine: FrontService, other: FrontService, named: string): Clash | undefined {
  const shared = mine.serverNames.find((name) => other.serverNames.includes(name));
  if (shared !== undefined) return { code: "service-name-taken", field: "serverNames", message: `${named} takes clients that ask for ${shared} already` };
  const [all, otherAll] = [mine.serverNames.length === 0, other.serverNames.length === 0];
  const every = all ? ", and a service without server names takes every client" : "";
  if ((all || mine.takesUnknownNames) && (otherAll || other.takesUnknownNames)) return { code: "service-name-taken", field: all ? "serverNames" : "takesUnknownNames", message: `${named} takes clients with unknown names already${every}` };
  if ((all || mine.takesNoName) && (otherAll || other.takesNoName)) return { code: "service-name-taken", field: all ? "serverNames" : "takesNoName", message: `${named} takes clients without a name already${every}` };
  return undefined;
}

/** The PROXY header comes before the name, so one address and port has one answer to it. */
function clashOfProxy(mine: FrontService, other: FrontService, named: string): Clash | undefined {
  const text = (accept: ProxyProtocolAccept) => (accept.kind === "off" ? "off" : [...accept.sources].sort().join(" "));
  if (text(mine.acceptProxy) === text(other.acceptProxy)) return undefined;
  return { code: "input-invalid", field: "acceptProxy", message: `${named} accepts PROXY protocol from other sources, and the header comes before the server name; services that share an address and port need the same setting` };
}
