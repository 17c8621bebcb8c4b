/** A gateway in front of tunnel gateways: bytes pass unchanged, agents meet the tunnel gateway's own certificate (S0-01 to S0-04, S0-12). */
import type { Filling, PresetInput, TunnelGateway } from "./presets.ts";

export function managementServer(input: PresetInput, gateways: readonly TunnelGateway[]): Filling {
  const others = gateways.filter((gateway) => !input.gatewayIds.includes(gateway.id));
  const isGiven = input.members.length > 0;
  const members = isGiven ? input.members : others.map((gateway) => ({ name: gateway.name, host: gateway.host, port: gateway.port }));
  const behind = isGiven ? gateways.filter((gateway) => input.members.some((member) => member.host === gateway.host && member.port === gateway.port)) : others;
  const sends = behind.length > 0 && behind.every((gateway) => gateway.demandsProxy);
  return {
    service: {
      port: 443, mode: "tls-passthrough", protocol: "tcp", sendProxy: sends ? "v2" : "off",
      ...(input.stampName === null ? {} : { stampName: input.stampName, serverNames: [input.stampName] }),
    },
    pool: {
      members, scheduling: "least-connections",
      healthCheck: { kind: "tcp", intervalMs: 5_000, timeoutMs: 3_000, rise: 2, fall: 3, jitterPercent: 10, port: null },
    },
    reasons: [
      { field: "mode", sentence: "Agents accept only the tunnel gateway's own certificate, and the gateway must see theirs: nothing in front of it may decrypt." },
      { field: "pool.healthCheck", sentence: "A tunnel gateway demands a client certificate, so a TLS or HTTP check would fail: TCP is right." },
      { field: "pool.scheduling", sentence: "Every gateway serves every agent; the one with the fewest tunnels takes the next." },
      sends
        ? { field: "sendProxy", sentence: "The tunnel listeners accept PROXY protocol, so refusals and limits name the agent's address." }
        : { field: "sendProxy", sentence: "The tunnel listeners do not accept PROXY protocol: they see this gateway's address for every agent. Accept it there from this gateway's addresses, then send v2." },
      ...(isGiven || members.length === 0 ? [] : [{ field: "pool.members", sentence: `Filled with the organisation's tunnel gateways: ${members.map((member) => member.name).join(", ")}.` }]),
      ...(input.stampName === null ? [{ field: "stampName", sentence: "Enter the name that the policies give agents for their gateway." }] : [{ field: "serverNames", sentence: `Agents ask for ${input.stampName}; policies name it, and pin the certificate of every tunnel gateway.` }]),
    ],
  };
}
