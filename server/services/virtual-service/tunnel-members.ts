/**
 * Off-loading or re-encrypting in front of a tunnel listener would show agents another certificate than the gateway's own, and cut all of them off (S0-03).
 * Refused in every direction: whoever writes a service, a pool or a gateway asks here, in the transaction, after the rows are written.
 */
import { canonicalHost } from "../../../contract/names.ts";
import type { Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { place } from "./fronts.ts";

type Scope = { serviceId?: string; poolId?: string; gatewayId?: string; /** The field to blame. */ path: string };
type Candidate = { service: string; mode: string; member: string; host: string; port: number; gatewayId: string; gateway: string; publicNames: string[]; publicPort: number; listeners: { address: string; port: number }[]; isSameGateway: boolean };

const wildcards = ["0:0:0:0:0:0:0:0", "0.0.0.0"];
const loopback = /^(127\.|0:0:0:0:0:0:0:1$|localhost$)/;

export async function demandNoDecryptionBeforeTunnel(tx: Tx, caller: Caller, scope: Scope): Promise<void> {
  const found = (await candidates(tx, caller, scope)).find(isTunnelListener);
  if (!found) return;
  const { service, mode, member, host, port, gateway } = found;
  throw new ConsoleError("decryption-before-tunnel", `Service "${service}" decrypts (${mode}), and its member "${member}" (${place({ address: host, port })}) is a tunnel listener of gateway "${gateway}": agents would see another certificate than the one they have pinned, and none could connect. Use mode tls-passthrough with protocol TCP for this service, or take the member out.`, {
    fields: [{ path: scope.path, message: `"${member}" is a tunnel listener of gateway "${gateway}"` }],
  });
}

/** Members of services that read what is in TLS, paired with gateways that listen on (or are known by) the same port. */
async function candidates(tx: Tx, caller: Caller, scope: Scope): Promise<Candidate[]> {
  return await tx.$queryRaw<Candidate[]>`
    SELECT s.name AS service, s.mode, m.name AS member, m.host, m.port, g.id AS "gatewayId", g.name AS gateway, g."publicNames", g."publicPort",
           coalesce((SELECT jsonb_agg(jsonb_build_object('address', l.address, 'port', l.port)) FROM "GatewayListener" l WHERE l."gatewayId" = g.id AND l.port = m.port), '[]'::jsonb) AS listeners,
           EXISTS (SELECT 1 FROM "VirtualServiceGateway" sg WHERE sg."serviceId" = s.id AND sg."gatewayId" = g.id) AS "isSameGateway"
      FROM "VirtualService" s JOIN "PoolMember" m ON m."poolId" = s."poolId"
      JOIN "Gateway" g ON g."organisationId" = s."organisationId" AND (g."publicPort" = m.port OR EXISTS (SELECT 1 FROM "GatewayListener" l WHERE l."gatewayId" = g.id AND l.port = m.port))
     WHERE s."organisationId" = ${caller.organisationId}::uuid AND (s.mode IN ('tls-offload', 'tls-reencrypt') OR s.protocol = 'http')
       AND (${scope.serviceId ?? null}::uuid IS NULL OR s.id = ${scope.serviceId ?? null}::uuid) AND (${scope.poolId ?? null}::uuid IS NULL OR s."poolId" = ${scope.poolId ?? null}::uuid)
       AND (${scope.gatewayId ?? null}::uuid IS NULL OR g.id = ${scope.gatewayId ?? null}::uuid)
     ORDER BY s."nameKey", m.ordinal, g."nameKey"`;
}

/** By public name and port, by a listener's own address, or by this machine's own address where the service runs beside the listener. */
function isTunnelListener(candidate: Candidate): boolean {
  const { host, port, publicNames, publicPort, listeners, isSameGateway } = candidate;
  const isLocal = loopback.test(host);
  if (isLocal && !isSameGateway) return false; // another machine's own address
  if (port === publicPort && publicNames.some((name) => canonicalHost(name) === host)) return true;
  return listeners.some(({ address }) => {
    const canonical = canonicalHost(address) ?? address;
    return canonical === host || (isLocal && isSameGateway && wildcards.includes(canonical));
  });
}
