/** Which ways there are, in the order to try, from the policy alone. Pure. */
import type { AgentPolicy } from "../../contract/agent-site.ts";
import type { Route, Target } from "./route.ts";

/** Names of the agent site that are tried at once on the LAN. */
const lanTargetsMax = 4;

/** Where the management server is. The first entry is what gateways and proxies are asked for. */
export function agentSiteTargets(policy: AgentPolicy): [Target, ...Target[]] {
  const site = policy.servers.filter((server) => server.isAgentSite);
  const chosen = site.length > 0 ? site : policy.servers.filter((server) => server.kind === "management");
  const [first, ...rest] = (chosen.length > 0 ? chosen : policy.servers).slice(0, lanTargetsMax).map(({ host, port }) => ({ host, port }));
  if (!first) throw new Error("a policy has at least one server");
  return [first, ...rest];
}

/**
 * The ways off the LAN. With gateways in the policy requests go through a gateway and nothing else, never a proxy in front of it or beside it (S0-26, S0-28);
 * without, the configured proxy may be tried (S0-24, S0-29).
 */
export function remoteRoutes(policy: AgentPolicy): Route[] {
  if (policy.gateways.length > 0) return policy.gateways.map((gateway) => ({ kind: "gateway", gateway, via: null }));
  return policy.requestProxy === null ? [] : [{ kind: "proxy", proxy: policy.requestProxy }];
}

/** True when the policy still lists this way, with the same pins: otherwise an open connection over it has to end. */
export function isRouteInPolicy(route: Route, policy: AgentPolicy): boolean {
  if (route.kind === "lan") return true;
  if (route.kind === "channel") return policy.hasChannel && policy.gateways.some((gateway) => gateway.id === route.channel.gatewayId);
  return remoteRoutes(policy).some((candidate) => JSON.stringify(candidate) === JSON.stringify(route));
}

/** True when the policy still lists the management server under this name and port: a name that was taken away may lead elsewhere tomorrow. */
export function isTargetInPolicy(target: Target, policy: AgentPolicy): boolean {
  return agentSiteTargets(policy).some(({ host, port }) => host === target.host && port === target.port);
}

/**
 * The way of the long-lived channel while requests take `route`: a proxy may stand in front of a gateway there (S0-30, S0-32). Null: the channel shares the
 * requests' connection.
 */
export function channelRoute(route: Route, policy: AgentPolicy): Route | null {
  if (policy.channelProxy === null || route.kind !== "gateway") return null;
  return { ...route, via: policy.channelProxy };
}
