/** Step 2: the agent site holds nothing but interfaces for agents and lets nobody in without a certificate (S1-16 to S1-20). Asked for real, as a browser or a stranger would. */
import type { Caller } from "../caller.ts";
import { addressesOf } from "../probe/addresses.ts";
import { ask, type Question } from "../probe/http.ts";
import { withProbeIdentity } from "../probe/identity.ts";
import { bad, fact, type Fact, failed, good, type StepVerdict, verified } from "./facts.ts";

/** What a browser would ask of a console; the agent site must have none of it (S1-18). */
const consolePaths = ["/", "/sign-in", "/api/trpc/overview.view"] as const;

export async function checkAgentSite(caller: Caller): Promise<StepVerdict> {
  const server = await caller.db.server.findFirst({ where: { organisationId: caller.organisationId, isAgentSite: true }, select: { names: true, ports: true, addresses: true } });
  const host = server?.names[0];
  const port = server?.ports[0];
  if (!server || host === undefined || port === undefined) return failed([], "There is no agent site.", "Enter its name and port in the settings.");
  const resolved = await addressesOf(host, server.addresses);
  if (resolved.kind === "failed") return failed([bad("Name", resolved.detail)], `The agent site's name ${host} leads nowhere.`, "Enter a name that resolves on your LAN in the agent site's settings.");
  const address = resolved.addresses[0] ?? host;
  return withProbeIdentity(caller, async (identity) => {
    const question = (path: string, withCertificate: boolean): Question => ({ host, port, address, path, ca: identity.ca, ...(withCertificate ? { client: identity } : {}) });
    const facts: Fact[] = [good("Agent site", `${host}:${port}`)];
    for (const path of consolePaths) {
      const answer = await ask(question(path, true));
      facts.push(fact(`Console page ${path}`, answer.kind === "failed" ? answer.detail : `status ${answer.status}`, answer.kind === "answered" && (answer.status === 404 || answer.status === 403)));
    }
    const stranger = await ask(question("/v1/policy", false));
    facts.push(fact("Client without a certificate", stranger.kind === "failed" ? `refused (${stranger.detail})` : `status ${stranger.status}`, stranger.kind === "failed" || stranger.status === 401 || stranger.status === 403));
    const known = await ask(question("/healthz", true));
    facts.push(fact("Client with a certificate of this organisation", known.kind === "failed" ? known.detail : `status ${known.status}`, known.kind === "answered" && known.status === 200));
    const wrong = facts.find((found) => !found.isGood);
    return wrong ? failed(facts, `The agent site does not behave as one: ${wrong.label}: ${wrong.value}.`, "Check that nothing else answers on the agent site's port, and look at the console's log.") : verified(facts);
  });
}
