import { describe, expect, it } from "vitest";
import type { AgentPolicy } from "../../contract/agent-site.ts";
import { agentSiteTargets, channelRoute, isRouteInPolicy, isTargetInPolicy, remoteRoutes } from "./candidates.ts";

const id = "11111111-1111-4111-8111-111111111111";
const gateway = { id, name: "gw", fqdn: "gw.example.com", port: 443, pins: ["ab".repeat(32)] };
const proxy = { host: "proxy.corp.example", port: 3128 };
const policy: AgentPolicy = {
  format: 1, revision: 1, agentId: id, organisationId: id, organisationName: "Acme", isCloudEnabled: true, requestProxy: null, channelProxy: null, reportEverySeconds: 30, consoleKeys: { signing: [], encryption: [] }, reach: { services: [], scripts: [] }, hasChannel: true, relay: null, inventoryEverySeconds: 3_600, gateways: [gateway],
  servers: [{ id, name: "files", kind: "site", host: "files.corp.example", port: 4726, isAgentSite: false }, { id, name: "ms", kind: "management", host: "ms.corp.example", port: 4726, isAgentSite: true }],
};

describe("the ways of a policy", () => {
  it("lead to the agent site, whatever else is listed [S1-61]", () => {
    expect(agentSiteTargets(policy)).toEqual([{ host: "ms.corp.example", port: 4726 }]);
  });

  it("are gateways only as soon as there is one, and the proxy only without [S0-24] [S0-26] [S0-28] [S0-29]", () => {
    expect(remoteRoutes({ ...policy, requestProxy: proxy })).toEqual([{ kind: "gateway", gateway, via: null }]);
    expect(remoteRoutes({ ...policy, gateways: [], requestProxy: proxy })).toEqual([{ kind: "proxy", proxy }]);
    expect(remoteRoutes({ ...policy, gateways: [] })).toEqual([]);
  });

  it("put a proxy in front of a gateway for the channel alone [S0-30] [S0-32]", () => {
    const route = { kind: "gateway" as const, gateway, via: null };
    expect(channelRoute(route, { ...policy, channelProxy: proxy })).toEqual({ kind: "gateway", gateway, via: proxy });
    expect(channelRoute(route, policy)).toBeNull();
    expect(channelRoute({ kind: "lan" }, { ...policy, channelProxy: proxy })).toBeNull();
  });

  it("end when the policy takes the server's name away [S1-61]", () => {
    const [target] = agentSiteTargets(policy);
    expect(isTargetInPolicy(target, policy)).toBe(true);
    expect(isTargetInPolicy({ ...target, host: "old.corp.example" }, policy)).toBe(false);
  });

  it("end when the policy drops the gateway or changes its pins [S1-53]", () => {
    const route = { kind: "gateway" as const, gateway, via: null };
    expect(isRouteInPolicy(route, policy)).toBe(true);
    expect(isRouteInPolicy(route, { ...policy, gateways: [{ ...gateway, pins: ["cd".repeat(32)] }] })).toBe(false);
    expect(isRouteInPolicy({ kind: "lan" }, { ...policy, gateways: [] })).toBe(true);
  });
});
