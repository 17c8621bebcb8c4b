/** `sallyport-agent diagnose`: walks every way step by step (S0-13 to S0-22) and names the hop that fails. Uses connections of its own; the running agent is not disturbed. */
import { X509Certificate } from "node:crypto";
import { agentErrors } from "../../contract/error-codes.ts";
import { agentTime } from "../../contract/agent-site.ts";
import { type ConnectionStep, connectionStep, connectionStepTitle } from "../../contract/states.ts";
import type { AgentConfig } from "../config.ts";
import { loadEnrolled, type Enrolled } from "../enrolled.ts";
import { AgentError, asAgentError } from "../errors.ts";
import { localSettings } from "../local-settings.ts";
import { agentSiteTargets, remoteRoutes } from "../path/candidates.ts";
import { authority } from "../path/connect.ts";
import { HttpConnection } from "../path/http.ts";
import { errorCodeOf } from "../path/keeper.ts";
import { openSession, progressOf, type Route, routeName, type Target } from "../path/route.ts";
import { channelText, readStatus } from "../status.ts";
import { relayLimits, relayWay, walkRelay } from "./diagnose-relay.ts";

export type Finding = { way: string; target: string; isWorking: boolean; steps: { step: ConnectionStep; ms: number }[]; failedAfter: ConnectionStep | null; code: string | null; detail: string; cure: string | null; connectionId: string | null; clockSkewMs: number | null };

/** Exit code 0: some way works; 1: none does. */
export async function diagnose(config: AgentConfig, isJson: boolean): Promise<number> {
  const enrolled = loadEnrolled(config);
  const policy = enrolled.policy();
  const read = readStatus(config.statusFile, new Date());
  const running = read.kind === "running" ? read.status : undefined;
  const isDialled = localSettings(config).listen !== null;
  const findings = isDialled ? [] : await findWays(enrolled);
  const isWorking = isDialled ? (running?.channel ?? null) !== null : findings.some((finding) => finding.isWorking && finding.way !== relayWay);
  const { relay } = enrolled.trust;
  const notes = [...(isDialled ? [dialledNote] : []), ...(relay !== null && !isWorking ? relayLimits(relay) : [])];
  const certificate = new X509Certificate(enrolled.identity.chainPem);
  const isExpired = new Date(certificate.validTo) < new Date();
  if (isJson) process.stdout.write(`${JSON.stringify({ agentId: enrolled.identity.agentId, certificate: { notAfter: new Date(certificate.validTo).toISOString(), isExpired }, isCloudEnabled: policy.isCloudEnabled, findings, channel: running?.channel ?? null, channelProblem: running?.channelProblem ?? null, notes }, null, 2)}\n`);
  else process.stdout.write(`agent ${enrolled.identity.agentId}, certificate until ${certificate.validTo}${isExpired ? " (EXPIRED)" : ""}, cloud-enabled management ${policy.isCloudEnabled ? "on" : "off"}\n\n${[...findings.map(findingText), channelText(running, new Date()), ...notes.map((note) => `  ${note}\n`)].join("\n")}`);
  return isWorking ? 0 : 1;
}

const dialledNote = "This agent waits to be dialled and dials nothing itself (SALLYPORT_LISTEN), so there is no way to walk from here: its channel is the one way. When there is none, look at the relay's page in the console, which names listening agents that it cannot reach.";

/** Walks each way to the management server; `onWalked` hears how many of them are done. */
export async function findWays(enrolled: Enrolled, onWalked: (done: number, total: number) => void = () => {}): Promise<Finding[]> {
  const policy = enrolled.policy();
  const [site, ...others] = agentSiteTargets(policy);
  const walks: [Route, Target][] = [...[site, ...others].map((target): [Route, Target] => [{ kind: "lan" }, target]), ...remoteRoutes(policy).map((route): [Route, Target] => [route, site])];
  const findings: Finding[] = [];
  if (enrolled.trust.relay !== null) {
    findings.push(await walkRelay(enrolled.trust.relay));
    if (findings[0]?.isWorking === false) return findings; // everything else would say the same
  }
  for (const [route, target] of walks) {
    findings.push(await walk(route, target, enrolled));
    onWalked(findings.length, walks.length + (enrolled.trust.relay === null ? 0 : 1));
  }
  return findings;
}

async function walk(route: Route, target: Target, { trust }: Enrolled): Promise<Finding> {
  const startedAt = performance.now();
  const steps: Finding["steps"] = [];
  const reach = (step: ConnectionStep) => {
    if (step !== "idle") steps.push({ step, ms: Math.round(performance.now() - startedAt) });
  };
  const finding: Finding = { way: `${routeName(route)}${trust.relay === null ? "" : " through the relay"}`, target: authority(target.host, target.port), isWorking: false, steps, failedAfter: null, code: null, detail: "", cure: null, connectionId: null, clockSkewMs: null };
  try {
    const session = await openSession(route, target, { trust, signal: AbortSignal.timeout(40_000), onProgress: ({ step, connectionId }) => {
      finding.connectionId = connectionId;
      reach(step);
    } });
    const http = new HttpConnection(session.socket, finding.target, () => {});
    try {
      finding.clockSkewMs = await askTime(http, () => reach("inner-chain-ok"));
    } finally {
      http.destroy(new Error("done"));
    }
    finding.isWorking = true;
    finding.detail = "works";
    if (Math.abs(finding.clockSkewMs) > 300_000) Object.assign(finding, { code: "clock-skew", cure: agentErrors["clock-skew"].cure });
  } catch (error) {
    const failure = asAgentError(error, "server-untrusted");
    const progress = progressOf(failure);
    Object.assign(finding, { failedAfter: progress?.step ?? steps.at(-1)?.step ?? "idle", code: failure.code, detail: failure.message, cure: agentErrors[failure.code].cure, connectionId: progress?.connectionId ?? finding.connectionId });
  }
  return finding;
}

async function askTime(http: HttpConnection, onAccepted: () => void): Promise<number> {
  const answer = await http.request({ method: "GET", path: "/v1/time" }, 10_000).catch((cause: unknown) => {
    throw new AgentError("server-refused-certificate", "The server ended the connection without an answer.", cause);
  });
  if (answer.status !== 200) throw new AgentError("server-refused-certificate", `The server answered ${answer.status} (${errorCodeOf(answer.body)}).`);
  onAccepted();
  return Date.now() - new Date(agentTime.parse(JSON.parse(answer.body.toString("utf8"))).now).getTime();
}

function findingText(finding: Finding): string {
  const order = connectionStep.options;
  const lines = finding.steps.map(({ step, ms }) => `    ok    ${String(ms).padStart(6)} ms  ${connectionStepTitle[step]}`);
  const next = finding.failedAfter === null ? undefined : order[Math.min(order.length - 1, order.indexOf(finding.failedAfter) + 1)];
  const end = finding.isWorking
    ? [`    works${finding.connectionId === null ? "" : `, connection ${finding.connectionId}`}${finding.code === "clock-skew" ? `; but the clock is ${Math.round((finding.clockSkewMs ?? 0) / 1000)} s off` : ""}`]
    : [`    FAILS here: ${next === undefined ? finding.detail : connectionStepTitle[next]}`, `      ${finding.code ?? ""}: ${finding.detail}`, `      ${finding.cure ?? ""}`, ...(finding.connectionId === null ? [] : [`      connection ${finding.connectionId} (the gateway's log has it too)`])];
  return [`  ${finding.way} -> ${finding.target}`, ...lines, ...end, ""].join("\n");
}
