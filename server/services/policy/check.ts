/**
 * Checks a policy's gateways the way an agent outside meets them: does the name resolve, does the port answer, is what it presents pinned and a gateway's own
 * (else a certificate proxy stands in front, S0-03), and does nothing answer plain HTTP (S0-02, S1-51, S1-53).
 */
import type { z } from "zod";
import type { policyGatewayCheck } from "../../../contract/objects.ts";
import { notFound } from "../../errors.ts";
import { proxyCure, proxySentence } from "../agent/certificate-proxy.ts";
import type { Caller } from "../caller.ts";
import { type OwnCertificates, ownCertificates } from "../gateway/own-certificates.ts";
import { addressesOf } from "../probe/addresses.ts";
import { plainHttpAt } from "../probe/plain-http.ts";
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
  const own = await ownCertificates(caller);
  const checks: Check[] = [];
  for (let from = 0; from < policy.gateways.length; from += atOnce) checks.push(...(await Promise.all(policy.gateways.slice(from, from + atOnce).map((entry) => checkEntry(entry, own)))));
  return checks;
}

/** One gateway of a policy, dialled by its public name. */
export async function checkEntry(entry: Entry, certificates: OwnCertificates): Promise<Check & { isPublic: boolean }> {
  const { gatewayId, fqdn, port } = entry;
  const own = certificates.ofGateway.get(gatewayId) ?? null;
  const nothing = { gatewayId, answers: false, presented: null, pinFits: false, own, isCertificateProxy: false, answersPlainHttp: false };
  const resolved = await addressesOf(fqdn);
  if (resolved.kind === "failed") return { ...nothing, resolves: false, addresses: [], isPublic: false, detail: `${resolved.detail}; agents outside need a public DNS entry for it.` };
  const { addresses, isPublic } = resolved;
  const presented = await readPresented({ host: fqdn, port, addresses });
  if (presented.kind === "failed") return { ...nothing, resolves: true, addresses, isPublic, detail: `${presented.detail}. Check the firewall and the port mapping in front of gateway "${entry.gateway.name}"; a network that does not let its own public address in from inside gives this answer too.` };
  const { fingerprint, address } = presented;
  const pinFits = entry.pins.includes(fingerprint);
  const isCertificateProxy = own !== null && !certificates.gatewayNameOf.has(fingerprint) && !pinFits;
  const plain = await plainHttpAt({ host: fqdn, port, address });
  const seen = pinFits ? fits(entry, isPublic) : mismatch(entry, { fingerprint, own, certificates, isCertificateProxy });
  return { gatewayId, resolves: true, addresses, isPublic, answers: true, presented: fingerprint, pinFits, own, isCertificateProxy, answersPlainHttp: plain !== null, detail: plain === null ? seen : `${seen} ${plain}` };
}

type Mismatch = { fingerprint: string; own: string | null; certificates: OwnCertificates; isCertificateProxy: boolean };

/** Three different faults: a certificate proxy, a pin that is out of date, or another gateway of the same name (S0-03, S0-09). */
function mismatch({ gateway, fqdn, port }: Entry, { fingerprint, own, certificates, isCertificateProxy }: Mismatch): string {
  const place = `${fqdn}:${port}`;
  if (isCertificateProxy) return `${proxySentence({ gateway: gateway.name, seen: fingerprint, own, who: `the check of ${place}` })} ${proxyCure(gateway)}`;
  if (fingerprint === own) return `${place} presents gateway "${gateway.name}"'s own certificate (SHA-256 ${fingerprint}), which is none of the pins: copy the fingerprint into the policy.`;
  const other = certificates.gatewayNameOf.get(fingerprint);
  if (other !== undefined) return `Gateway "${other}" answered ${place} (SHA-256 ${fingerprint}), and its certificate is none of the pins: when several gateways share a name, pin the certificate of each.`;
  return `${place} presents ${fingerprint}, which is none of the pins. Gateway "${gateway.name}" has not reported its own certificate yet; a load balancer that ends TLS itself (a certificate proxy) is another possible reason.`;
}

function fits(entry: Entry, isPublic: boolean): string {
  const answer = `${entry.fqdn}:${entry.port} answers with a pinned certificate.`;
  const through = entry.gateway.isBehindLoadBalancer ? " The load balancer in front passes TLS through." : "";
  return isPublic ? `${answer}${through}` : `${answer}${through} From here the name resolves only to private addresses; make sure that it resolves publicly too.`;
}
