/** Step 1: TLS works directly. The console goes the way an agent on the LAN goes: a mutual handshake with the management server, its chain and name verified (S1-11, S1-12). */
import type { Caller } from "../caller.ts";
import { addressesOf } from "../probe/addresses.ts";
import { ask } from "../probe/http.ts";
import { withProbeIdentity } from "../probe/identity.ts";
import { bad, failed, good, type StepVerdict, verified } from "./facts.ts";

export async function checkDirectTls(caller: Caller): Promise<StepVerdict> {
  const server = await caller.db.server.findFirst({ where: { organisationId: caller.organisationId, isAgentSite: true }, select: { name: true, names: true, ports: true, addresses: true } });
  const host = server?.names[0];
  const port = server?.ports[0];
  if (!server || host === undefined || port === undefined) return failed([], "There is no management server.", "Restart the console: it makes the management server from the agent site's settings.");
  const where = `${host}:${port}`;
  const resolved = await addressesOf(host, server.addresses);
  if (resolved.kind === "failed") return failed([bad("Name", resolved.detail)], `The management server's name ${host} leads nowhere.`, "Enter a name that resolves on your LAN in the agent site's settings.");
  const answer = await withProbeIdentity(caller, (identity) => ask({ host, port, address: resolved.addresses[0] ?? host, path: "/healthz", ca: identity.ca, client: identity }));
  const named = good("Management server", `${server.name}, ${where}`);
  if (answer.kind === "failed") return failed([named, bad("Direct TLS", answer.detail)], `No verified TLS connection to ${where}: ${answer.detail}.`, "Check that the console runs, that the firewall lets the agent site's port through, and that the certificate covers the name.");
  if (answer.status !== 200) return failed([named, bad("Direct TLS", `the client certificate was answered with status ${answer.status}`)], `${where} does not accept certificates of this organisation's CA.`, "Check the management server's name and port: something else may answer there.");
  const agents = await caller.db.agent.count({ where: { organisationId: caller.organisationId, revokedAt: null, path: { path: ["kind"], equals: "lan" }, lastSeenAt: { not: null } } });
  return verified([named, good("Direct TLS", "mutual handshake done, chain and name verified"), good("Agents that talk to it directly", String(agents))]);
}
