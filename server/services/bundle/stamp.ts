/** The names that are burnt into a bundle (S3-45), and what is worth a warning about them. */
import type { AgentPolicy } from "../../../contract/agent-site.ts";
import type { Db, Tx } from "../../db.ts";

export type BundleStamp = { managementServer: string; gateways: string[] };

export function stampOf(policy: AgentPolicy): BundleStamp {
  const [site] = policy.servers;
  return { managementServer: site ? place(site.host, site.port) : "", gateways: policy.gateways.map((gateway) => place(gateway.fqdn, gateway.port)) };
}

/** Sentences for the person who makes or looks at a bundle. They do not refuse: a bundle for the LAN alone is legitimate. */
export async function bundleWarnings(reader: Db | Tx, organisationId: string, policy: AgentPolicy, stamped: BundleStamp): Promise<string[]> {
  const warnings: string[] = [];
  if (!policy.isCloudEnabled) warnings.push("No enabled policy targets the bundle's groups: its agents work on the LAN only, and cannot enrol from outside.");
  else if (policy.gateways.length === 0) warnings.push("The policies of the bundle's groups name no gateway: its agents cannot enrol from outside.");
  const pinless = await reader.policyGateway.findMany({ where: { policy: { organisationId, isEnabled: true }, pins: { isEmpty: true } }, select: { fqdn: true, port: true } });
  for (const gateway of pinless) warnings.push(`The gateway ${place(gateway.fqdn, gateway.port)} has no pin in its policy and is left out.`);
  if (stamped.managementServer.startsWith("localhost:")) warnings.push("Agents look for the management server at localhost: on another computer they find it through a gateway only. Put the server's real name first in its settings.");
  for (const name of stamped.gateways.filter((text) => text.startsWith("localhost:"))) warnings.push(`The gateway's name ${name} can be reached from this computer only.`);
  const current = stampOf(policy);
  if (JSON.stringify(current) !== JSON.stringify(stamped)) warnings.push("The names have changed since this bundle was made; what is downloaded now carries the new ones. Copies delivered earlier carry the old ones.");
  return warnings;
}

function place(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
