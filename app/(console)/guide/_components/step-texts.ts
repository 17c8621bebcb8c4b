/** What each step of the first run is, in the words of the product. */
import type { GuideStepId } from "@/contract/objects.ts";

export const stepTexts = {
  "direct-tls": { title: "TLS works directly", what: "Before anything goes through a gateway, agent and management server must trust each other directly. The check opens a mutual TLS connection to the agent site with a probe certificate of this organisation's CA and looks at both chains." },
  "agent-site": { title: "Agent site", what: "The agent site is the listener that agents talk to: its own port, mutual TLS, no console page. The check asks it for its liveness under every name it is known by." },
  gateway: { title: "Gateway", what: "A gateway stands in the DMZ and dials this console; one firewall rule is enough. The check wants one gateway that is enrolled, connected, and accepts connections with a certificate." },
  servers: { title: "Servers", what: "The management server must be assigned to the gateway, its binding must answer with a certificate that fits, and the gateway itself must reach it." },
  policy: { title: "Policy", what: "A policy gives the agents of a group their gateways, in order, with the fingerprints they accept there. The check resolves each name, dials the port and compares the pin with what is presented." },
  "first-agent": { title: "First agent", what: "Make an offline bundle for the group, install it on an endpoint, and wait for its first enrolment." },
  verify: { title: "Verify", what: "The agent is outside, connects through the gateway, and the gateway carries its inner TLS session: inventory went up and policy came down. To try it on one machine, block the agent's direct way to the agent site." },
} as const satisfies Record<GuideStepId, { title: string; what: string }>;
