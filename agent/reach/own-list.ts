/** The agent's own list of services for reverse access: the policy's, narrowed by this computer's owner. Whoever asks, nothing else is dialled. Pure. */
import type { AgentPolicy } from "../../contract/agent-site.ts";
import { canonicalHost } from "../../contract/names.ts";
import { AgentError } from "../errors.ts";
import type { Endpoint, LocalReach } from "../local-settings.ts";
import { authority } from "../path/connect.ts";

/** The service's name in the policy. Throws `service-not-listed` with the list that lacks it. */
export function demandListed(asked: Endpoint, policy: AgentPolicy, local: LocalReach): string {
  const place = authority(asked.host, asked.port);
  const service = policy.reach.services.find((known) => isSame(known, asked));
  if (!service) throw new AgentError("service-not-listed", `${place} is in no reach rule that this agent has received.`);
  if (local.kind === "all" || (local.kind === "some" && local.services.some((known) => isSame(known, asked)))) return service.name;
  throw new AgentError("service-not-listed", local.kind === "off" ? "This computer's owner turned reverse access off." : `${place} is not on the list of this computer's owner.`);
}

function isSame(known: Endpoint, asked: Endpoint): boolean {
  return known.port === asked.port && placeOf(known.host) === placeOf(asked.host);
}

/** This computer is one place, by whichever name. */
function placeOf(host: string): string | undefined {
  const canonical = canonicalHost(host);
  return canonical === "localhost" || canonical === "127.0.0.1" || canonical === "0:0:0:0:0:0:0:1" ? "this computer" : canonical;
}
