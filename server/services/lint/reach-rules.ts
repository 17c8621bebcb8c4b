/** Rules about the organisation as a whole: sites, policies, gateways and what agents met on their way (DESIGN section 9, S0-01 to S0-09, S3-02). */
import type { Finding } from "../../../contract/finding.ts";
import type { GatewayFacts } from "./facts.ts";
import type { CertificateProxySeen } from "../agent/certificate-proxy.ts";
import { expiryFindings } from "./certificate-rules.ts";
import { count } from "./name-rules.ts";
import { findingOf, listed } from "./report.ts";
import { versionProblem } from "./version-support.ts";

export type ReachFacts = {
  now: Date;
  gateways: GatewayFacts[];
  organisation: { id: string; name: string };
  /** Management servers in internet sites. */
  misplaced: { server: { id: string; name: string }; site: string }[];
  policies: { id: string; name: string; gateways: { gatewayId: string; gateway: string; fqdn: string; port: number; pins: string[]; presented: string | null }[]; agents: number }[];
  uncovered: { count: number; sample: string[] };
  bundles: { id: string; name: string; gateways: string[] }[];
  proxies: CertificateProxySeen[];
  agentVersions: { version: string; count: number; sample: string }[];
  consoleVersion: string;
  /** Certificates that nothing else reports: authorities, agent site, control, listeners. */
  certificates: { id: string; name: string; notAfter: Date }[];
};

export function reachFindings(facts: ReachFacts): Finding[] {
  return [...misplacedServers(facts), ...uncoveredAgents(facts), ...policyFindings(facts), ...oneNameFindings(facts), ...proxyFindings(facts), ...gatewayFindings(facts), ...agentVersionFindings(facts), ...certificateFindings(facts)];
}

function misplacedServers({ misplaced }: ReachFacts): Finding[] {
  return misplaced.map(({ server, site }) => findingOf({ kind: "server", ...server }, { code: "management-server-in-internet-site", severity: "error", field: "siteIds", sentence: `Management server "${server.name}" is assigned to the internet site "${site}": agents inside would be sent out to a gateway.`, cure: "Assign it to intranet sites only; gateways reach it all the same." }));
}

function uncoveredAgents({ organisation, uncovered }: ReachFacts): Finding[] {
  if (uncovered.count === 0) return [];
  return [findingOf({ kind: "organisation", ...organisation }, { code: "agent-outside-policies", severity: "warning", sentence: `${count(uncovered.count, "agent")} ${uncovered.count === 1 ? "is" : "are"} targeted by no enabled policy with a gateway and cannot come in from outside: ${listed(uncovered.sample)}.`, cure: "Add them to a group that an enabled policy targets." })];
}

function policyFindings({ policies }: ReachFacts): Finding[] {
  return policies.flatMap((policy) => policy.gateways.flatMap((entry, index) => (entry.presented === null || entry.pins.includes(entry.presented) ? [] : [findingOf({ kind: "policy", id: policy.id, name: policy.name }, { code: "pin-not-served", severity: "error", field: `gateways[${index}].pins`, sentence: `Policy "${policy.name}" pins a certificate that gateway "${entry.gateway}" does not present: ${count(policy.agents, "agent")} will refuse it.`, cure: `Copy the gateway's current SHA-256 fingerprint (${entry.presented.slice(0, 16)}…) into the policy.` })])));
}

/** Agents or bundles that know one node only, although there are several (S3-02, S3-05). */
function oneNameFindings({ gateways, policies, bundles }: ReachFacts): Finding[] {
  const usable = gateways.filter((gateway) => gateway.isEnrolled);
  if (usable.length < 2) return [];
  const isShared = (name: string) => usable.filter((gateway) => gateway.publicNames.includes(name)).length > 1 || usable.some((gateway) => gateway.publicNames.includes(name) && gateway.isBehindLoadBalancer);
  const cure = `Add ${listed(usable.map((gateway) => gateway.name))} to it, or use one name that leads to all of them.`;
  return [
    ...policies.filter((policy) => new Set(policy.gateways.map((entry) => `${entry.fqdn} ${entry.port}`)).size === 1 && !isShared(policy.gateways[0]?.fqdn ?? "")).map((policy) => findingOf({ kind: "policy", id: policy.id, name: policy.name }, { code: "agents-bound-to-one-name", severity: "warning", field: "gateways", sentence: `${count(policy.agents, "agent")} of policy "${policy.name}" know only ${policy.gateways[0]?.fqdn ?? ""}, although there are ${usable.length} gateways: when it is away, they stay outside.`, cure })),
    ...bundleFindings(bundles.filter((bundle) => bundle.gateways.length === 1 && !isShared((bundle.gateways[0] ?? "").replace(/:\d+$/, ""))), usable.length),
  ];
}

function bundleFindings(bundles: ReachFacts["bundles"], gatewayCount: number): Finding[] {
  if (bundles.length === 0) return [];
  const isOne = bundles.length === 1;
  return [findingOf({ kind: "organisation", id: null, name: "Bundles" }, { code: "agents-bound-to-one-name", severity: "note", sentence: `${count(bundles.length, "bundle")} (${listed(bundles.map((bundle) => bundle.name))}) ${isOne ? "is" : "are"} stamped with one gateway only, although there are ${gatewayCount}: a computer that is installed while it is away cannot enrol.`, cure: `Add a second gateway to the policies and make the ${isOne ? "bundle" : "bundles"} again.` })];
}

/** Agents met a certificate that is not the gateway's: something on the way ends TLS (S0-03, S0-09). */
function proxyFindings({ proxies }: ReachFacts): Finding[] {
  return proxies.map((proxy) => findingOf({ kind: "gateway", id: proxy.gatewayId, name: proxy.gateway }, { code: "certificate-proxy", severity: "error", sentence: proxy.sentence, cure: proxy.cure }));
}

function gatewayFindings({ gateways, consoleVersion }: ReachFacts): Finding[] {
  return gateways.flatMap((gateway) => {
    const object = { kind: "gateway" as const, id: gateway.id, name: gateway.name };
    const problem = gateway.softwareVersion === null ? undefined : versionProblem(gateway.softwareVersion, consoleVersion);
    const hides = gateway.isBehindLoadBalancer && gateway.listeners.some((listener) => listener.acceptProxy.kind === "off");
    return [
      ...(problem === undefined ? [] : [findingOf(object, { code: "gateway-version-unsupported", severity: "warning", sentence: `Gateway "${gateway.name}" runs version ${gateway.softwareVersion ?? ""}, this console ${consoleVersion}: ${problem.sentence}.`, cure: problem.cure("gateway") })]),
      ...(hides ? [findingOf(object, { code: "load-balancer-hides-client", severity: "warning", field: "listeners", sentence: `Gateway "${gateway.name}" stands behind a load balancer and sees the balancer's address for every agent: refusals name no source, and the limit of unfinished handshakes per source counts for all agents together.`, cure: "Let the balancer send PROXY protocol, and accept it on the listener from the balancer's addresses; or raise the limit per source." })] : []),
    ];
  });
}

function agentVersionFindings({ organisation, agentVersions, consoleVersion }: ReachFacts): Finding[] {
  return agentVersions.flatMap(({ version, count: number, sample }) => {
    const problem = versionProblem(version, consoleVersion);
    return problem === undefined ? [] : [findingOf({ kind: "organisation", ...organisation }, { code: "agent-version-unsupported", severity: "warning", sentence: `${count(number, "agent")} (such as ${sample}) ${number === 1 ? "runs" : "run"} version ${version}, this console ${consoleVersion}: ${problem.sentence}.`, cure: problem.cure("agent") })];
  });
}

function certificateFindings({ certificates, now }: ReachFacts): Finding[] {
  return certificates.flatMap((certificate) => expiryFindings({ object: { kind: "certificate", id: certificate.id, name: certificate.name }, field: "notAfter", what: `Certificate ${certificate.name}`, notAfter: certificate.notAfter, now, nextCheckMs: 0, cure: "Renew it, or import its successor." }));
}
