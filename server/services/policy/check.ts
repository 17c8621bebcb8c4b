/** Checks a policy's gateways the way an agent outside meets them: does the name resolve, does the port answer, is what it presents pinned (S1-51, S1-53). */
import type { z } from "zod";
import type { policyGatewayCheck } from "../../../contract/objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { addressesOf } from "../probe/addresses.ts";
import { readPresented } from "../probe/tls.ts";

type Check = z.infer<typeof policyGatewayCheck>;
type Entry = { gatewayId: string; fqdn: string; port: number; pins: readonly string[]; gateway: { name: string; isBehindLoadBalancer: boolean } };

/** Gateways checked at once; each has deadlines of its own. */
const atOnce = 5;

export async function checkPolicy(caller: Caller, input: { id: string }): Promise<Check[]> {
  const policy = await caller.db.policy.findFirst({
    where: { id: input.id, organisationId: caller.organisationId },
    select: { gateways: { select: { gatewayId: true, fqdn: true, port: true, pins: true, gateway: { select: { name: true, isBehindLoadBalancer: true } } }, orderBy: { ordinal: "asc" } } },
  });
  if (!policy) throw notFound("policy", input.id);
  const checks: Check[] = [];
  for (let from = 0; from < policy.gateways.length; from += atOnce) checks.push(...(await Promise.all(policy.gateways.slice(from, from + atOnce).map(checkEntry))));
  return checks;
}

/** One gateway of a policy, dialled by its public name. */
export async function checkEntry(entry: Entry): Promise<Check & { isPublic: boolean }> {
  const { gatewayId, fqdn, port } = entry;
  const resolved = await addressesOf(fqdn);
  if (resolved.kind === "failed") return { gatewayId, resolves: false, addresses: [], answers: false, presented: null, pinFits: false, isPublic: false, detail: `${resolved.detail}; agents outside need a public DNS entry for it.` };
  const { addresses, isPublic } = resolved;
  const base = { gatewayId, resolves: true, addresses, isPublic };
  const presented = await readPresented({ host: fqdn, port, addresses });
  if (presented.kind === "failed") return { ...base, answers: false, presented: null, pinFits: false, detail: `${presented.detail}. Check the firewall and the port mapping in front of gateway "${entry.gateway.name}"; a network that does not let its own public address in from inside gives this answer too.` };
  const pinFits = entry.pins.includes(presented.fingerprint);
  return { ...base, answers: true, presented: presented.fingerprint, pinFits, detail: pinFits ? fits(entry, isPublic) : `${fqdn}:${port} presents ${presented.fingerprint.slice(0, 16)}…, which is none of the pins. ${suspect(entry)}` };
}

/** Most likely cause first: what stands in front of the gateway, or the gateway's own new certificate (S0-03, S0-09). */
function suspect({ gateway }: Entry): string {
  const renewed = `gateway "${gateway.name}" has a new certificate: copy its fingerprint into the policy.`;
  return gateway.isBehindLoadBalancer
    ? `The load balancer in front of the gateway ends TLS itself (a certificate proxy): let it pass TLS through unchanged. Otherwise ${renewed}`
    : `Something in front of the gateway may end TLS itself (a certificate proxy), or ${renewed}`;
}

function fits(entry: Entry, isPublic: boolean): string {
  const answer = `${entry.fqdn}:${entry.port} answers with a pinned certificate.`;
  return isPublic ? answer : `${answer} From here the name resolves only to private addresses; make sure that it resolves publicly too.`;
}
