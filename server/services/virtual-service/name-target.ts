/**
 * Where the name that clients were built with leads now, and which DNS record to change so that it leads to another gateway, or to another member that clients can
 * reach by themselves (manual DNS fail-over, S3-62). Nothing is changed here: DNS is the organisation's own.
 */
import { isIP } from "node:net";
import type { z } from "zod";
import type { serviceNameTarget } from "../../../contract/service-objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { addressesOf, type Resolved } from "../probe/addresses.ts";
import { compareAddresses } from "./fronts.ts";

type NameTarget = z.infer<typeof serviceNameTarget>;
type Place = { kind: "gateway" | "member"; id: string; name: string; hosts: readonly string[] };
/** What resolves names; tests bring their own. */
export type Resolve = (host: string) => Promise<Resolved>;

const membersMax = 50;
const wildcards = ["::", "0.0.0.0"];

export async function nameTargetOf(caller: Caller, input: { id: string }, resolve: Resolve = addressesOf): Promise<NameTarget> {
  const row = await caller.db.virtualService.findFirst({
    where: { id: input.id, organisationId: caller.organisationId },
    select: {
      name: true, stampName: true, serverNames: true, address: true,
      gateways: { select: { gateway: { select: { id: true, name: true, publicNames: true } } }, orderBy: { gateway: { nameKey: "asc" } } },
      pool: { select: { members: { select: { id: true, name: true, host: true }, orderBy: { ordinal: "asc" }, take: membersMax } } },
    },
  });
  if (!row) throw notFound("virtual service", input.id);
  const name = row.stampName ?? row.serverNames.find((pattern) => !pattern.startsWith("*.")) ?? null;
  if (name === null) return { name, addresses: [], targets: [], sentence: `Service "${row.name}" has no name that clients are built with; set its stamp name, before clients are enrolled.` };
  const isAny = wildcards.some((address) => compareAddresses({ address, port: 1 }, { address: row.address, port: 1 }) === "same");
  const places: Place[] = [
    ...row.gateways.map(({ gateway }): Place => ({ kind: "gateway", id: gateway.id, name: gateway.name, hosts: isAny ? gateway.publicNames.filter((host) => host !== name) : [row.address] })),
    ...row.pool.members.map((member): Place => ({ kind: "member", id: member.id, name: member.name, hosts: [member.host] })),
  ];
  const [found, ...known] = await Promise.all([resolve(name), ...places.map((place) => addressesOfPlace(place, resolve))]);
  const addresses = found.kind === "found" ? found.addresses : [];
  const targets = places.map((place, index) => targetOf(name, addresses, { place, own: known[index] ?? [] }));
  return { name, addresses, targets, sentence: sentenceOf(name, found, targets) };
}

async function addressesOfPlace(place: Place, resolve: Resolve): Promise<string[]> {
  const found = await Promise.all(place.hosts.map(resolve));
  return [...new Set(found.flatMap((one) => (one.kind === "found" ? one.addresses : [])))];
}

function targetOf(name: string, addresses: readonly string[], { place, own }: { place: Place; own: string[] }): NameTarget["targets"][number] {
  const { kind, id, name: label } = place;
  const isCurrent = own.some((address) => addresses.includes(address));
  return { kind, id, name: label, addresses: own, isCurrent, change: isCurrent || own.length === 0 ? null : changeOf(name, addresses, own) };
}

/** Records of one family are changed for those of the same; others are removed or added by themselves. */
function changeOf(name: string, before: readonly string[], after: readonly string[]): string {
  const steps = ([[4, "A"], [6, "AAAA"]] as const).flatMap(([family, record]) => {
    const [old, fresh] = [before, after].map((list) => list.filter((address) => isIP(address) === family).join(" and "));
    if (old && fresh) return [`change the ${record} record of ${name} from ${old} to ${fresh}`];
    if (fresh) return [`add the ${record} record ${fresh} to ${name}`];
    return old ? [`remove the ${record} record ${old} of ${name}`] : [];
  });
  const text = steps.join(", ");
  const isNew = before.length === 0;
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.${isNew ? "" : " Clients follow when the old record's TTL is over."}`;
}

function sentenceOf(name: string, found: Resolved, targets: NameTarget["targets"]): string {
  if (found.kind === "failed") return `${found.detail}. Clients need a DNS entry for it.`;
  const led = `${name} leads to ${found.addresses.join(", ")}`;
  const current = targets.filter((target) => target.isCurrent).map((target) => `${target.kind} "${target.name}"`);
  return current.length > 0 ? `${led}: ${current.join(" and ")}.` : `${led}, which is none of this service's gateways and members as far as they are known from here; an address translation or a load balancer may stand in front.`;
}
