/** What `sallyport-agent status` shows. The running agent writes it to a file in its state directory; any program of this computer may read it there. */
import { X509Certificate } from "node:crypto";
import { z } from "zod";
import { agentErrorCodes, agentErrors } from "../contract/error-codes.ts";
import { fingerprint } from "../contract/fingerprint.ts";
import { agentPath, connectionStep, connectionStepTitle } from "../contract/states.ts";
import { readTextFile, writeFileWhole } from "./files.ts";
import { fingerprintOf } from "./identity/pem.ts";
import { authority } from "./path/connect.ts";

export const agentStatus = z.strictObject({
  format: z.literal(1),
  /** The agent writes at least this often while it runs; older than three times that: it does not run. */
  updatedAt: z.iso.datetime(),
  pid: z.number().int(),
  version: z.string(),
  runtime: z.string(),
  isEnrolled: z.boolean(),
  agentId: z.string().nullable(),
  organisationName: z.string().nullable(),
  certificate: z.strictObject({ fingerprint, notAfter: z.string() }).nullable(),
  isCloudEnabled: z.boolean(),
  policyRevision: z.number().int(),
  path: agentPath,
  step: connectionStep,
  connectionId: z.string().nullable(),
  since: z.iso.datetime(),
  /** Where status reports go through when they have a connection of their own. */
  channelVia: z.string().nullable(),
  /** The agent channel; null with a problem, or because none is wanted. */
  channel: z.strictObject({ gatewayId: z.string(), gatewayName: z.string(), channelId: z.string(), openedAt: z.iso.datetime(), via: z.string().nullable(), isListening: z.boolean(), streams: z.number(), roundTripMs: z.number().nullable() }).nullable(),
  channelProblem: z.strictObject({ code: z.enum(agentErrorCodes), detail: z.string() }).nullable(),
  /** Sessions of reverse access that are open, and whether this computer's owner narrowed the list of services. */
  sessions: z.number().int(),
  reach: z.enum(["off", "all", "some"]),
  relay: z.strictObject({ host: z.string(), port: z.number(), isValidated: z.boolean() }).nullable(),
  listen: z.strictObject({ address: z.string().nullable(), port: z.number() }).nullable(),
  servers: z.array(z.strictObject({ name: z.string(), host: z.string(), port: z.number() })),
  gateways: z.array(z.strictObject({ name: z.string(), fqdn: z.string(), port: z.number(), pins: z.array(fingerprint) })),
  inventorySentAt: z.iso.datetime().nullable(),
  reportedAt: z.iso.datetime().nullable(),
  clockSkewMs: z.number().nullable(),
  error: z.strictObject({ code: z.enum(agentErrorCodes), detail: z.string() }).nullable(),
});
export type AgentStatus = z.infer<typeof agentStatus>;

export const statusWriteEveryMs = 10_000;
const staleAfterMs = 3 * statusWriteEveryMs;

/** Readable by everybody on this computer: it holds names and fingerprints, no secret. */
export function writeStatus(file: string, status: AgentStatus): void {
  writeFileWhole(file, `${JSON.stringify(status, null, 1)}\n`, 0o644);
}

export type StatusRead = { kind: "running"; status: AgentStatus } | { kind: "stopped"; status: AgentStatus } | { kind: "none" };

export function readStatus(file: string, now: Date): StatusRead {
  const text = readTextFile(file);
  if (text === undefined) return { kind: "none" };
  const parsed = agentStatus.safeParse(parseJson(text));
  if (!parsed.success) return { kind: "none" };
  const isFresh = now.getTime() - new Date(parsed.data.updatedAt).getTime() < staleAfterMs;
  return { kind: isFresh ? "running" : "stopped", status: parsed.data };
}

/** The text for people. The cloud stands in front exactly when a gateway carries the traffic (S1-63, S1-64). */
export function statusText(read: StatusRead, now: Date): string {
  if (read.kind === "none") return "The agent has not run on this computer yet.\nStart it with: sallyport-agent run (or: systemctl start sallyport-agent)\n";
  const { status } = read;
  const lines = [
    read.kind === "stopped" ? `The agent is not running (last seen ${status.updatedAt}).` : headline(status, now),
    status.isEnrolled ? `  agent         ${status.agentId ?? ""} of ${status.organisationName ?? "an organisation"}` : "  agent         not enrolled yet",
    `  path          ${pathText(status)}`,
    `  step          ${status.step} (${connectionStepTitle[status.step]})`,
    ...(status.connectionId === null ? [] : [`  connection    ${status.connectionId}`]),
    ...(status.relay === null ? [] : [`  relay         ${authority(status.relay.host, status.relay.port)}${status.relay.isValidated ? "" : " (CERTIFICATES NOT CHECKED: validation is off)"}`]),
    ...(status.listen === null ? [] : [`  listening     ${authority(status.listen.address ?? "*", status.listen.port)}: this agent is dialled and dials nothing itself`]),
    ...channelLines(status, now),
    ...(status.channelVia === null ? [] : [`  reports via   ${status.channelVia}`]),
    `  policy        revision ${status.policyRevision}, ${status.gateways.length} gateway(s)`,
    ...status.gateways.map((gateway) => `                ${gateway.name} ${gateway.fqdn}:${gateway.port}`),
    `  inventory     ${status.inventorySentAt ?? "not sent yet"}`,
    ...(status.certificate === null ? [] : [`  certificate   ${status.certificate.fingerprint.slice(0, 16)}… until ${status.certificate.notAfter}`]),
    ...(status.clockSkewMs !== null && Math.abs(status.clockSkewMs) > 300_000 ? [`  clock         ${agentErrors["clock-skew"].sentence} ${agentErrors["clock-skew"].cure}`] : []),
    ...(status.error === null ? [] : [`  last problem  ${status.error.code}: ${agentErrors[status.error.code].sentence} ${status.error.detail}`, `                ${agentErrors[status.error.code].cure}`]),
  ];
  return `${lines.join("\n")}\n`;
}

function headline(status: AgentStatus, now: Date): string {
  const duration = durationText(now.getTime() - new Date(status.since).getTime());
  const state = status.step === "fully-connected" ? "fully connected" : connectionStepTitle[status.step];
  switch (status.path.kind) {
    case "gateway":
      return `\u2601 Cloud-enabled management: active, connected via ${status.path.name} (${state}, ${duration})`;
    case "lan":
      return `Cloud-enabled management: ${status.isCloudEnabled ? "ready, not needed" : "off"}; connected on the LAN (${state}, ${duration})`;
    case "proxy":
      return `Cloud-enabled management: off; connected via proxy ${status.path.address} (${state}, ${duration})`;
    case "none":
      return status.isEnrolled ? `Cloud-enabled management: ${status.isCloudEnabled ? "on" : "off"}, not connected for ${duration} (${state})` : `Not enrolled yet (${state})`;
  }
}

/** The same for a diagnosis; `status` undefined: the agent does not run. */
export function channelText(status: AgentStatus | undefined, now: Date): string {
  return status === undefined ? "  channel       unknown: the agent does not run\n" : `${channelLines(status, now).join("\n")}\n`;
}

function channelLines(status: AgentStatus, now: Date): string[] {
  const { channel, channelProblem } = status;
  const narrowed = { off: "; reverse access is off on this computer", some: "; services narrowed on this computer", all: "" }[status.reach];
  if (channel !== null) {
    const facts = [durationText(now.getTime() - new Date(channel.openedAt).getTime()), ...(channel.roundTripMs === null ? [] : [`${Math.round(channel.roundTripMs)} ms`]), ...(channel.via === null ? [] : [`via ${channel.via}`]), ...(status.sessions === 0 ? [] : [`${status.sessions} session(s)`])];
    return [`  channel       open to ${channel.gatewayName} (${facts.join(", ")})${narrowed}`];
  }
  if (channelProblem === null) return [`  channel       none${status.gateways.length === 0 ? ", no gateway in the policy" : ""}${narrowed}`];
  return [`  channel       none: ${channelProblem.code}: ${agentErrors[channelProblem.code].sentence} ${channelProblem.detail}`, `                ${agentErrors[channelProblem.code].cure}`];
}

function pathText(status: AgentStatus): string {
  switch (status.path.kind) {
    case "gateway":
      return `gateway ${status.path.name}`;
    case "lan":
      return "LAN";
    case "proxy":
      return `proxy ${status.path.address}`;
    case "none":
      return "none";
  }
}

function durationText(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return `${Math.max(0, Math.floor(ms / 1000))} s`;
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2_880 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1_440)} d`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function certificateFacts(chainPem: string): AgentStatus["certificate"] {
  const leaf = new X509Certificate(chainPem);
  return { fingerprint: fingerprintOf(leaf), notAfter: new Date(leaf.validTo).toISOString() };
}

export function runtimeName(): string {
  return process.versions["bun"] === undefined ? `node ${process.versions.node}` : `bun ${process.versions["bun"]}`;
}
