/**
 * Inputs and outputs of the console's procedures, one block per noun; browser, REST, CLI and tests share them. Dates travel as ISO 8601 text in UTC.
 * `version` on a detail is the row's edit counter: an update repeats it, so that two people do not overwrite each other (code `changed-meanwhile`).
 */
import { z } from "zod";
import { agentErrorCodes, refusalCode } from "./error-codes.ts";
import { relayHop } from "./channel.ts";
import { fingerprint } from "./fingerprint.ts";
import { gatewayStatus } from "./control.ts";
import { connectionAttempt, httpProxy, inventory } from "./agent-site.ts";
import { listInput, listOutput } from "./list.ts";
import { canonicalHost, cidr, displayName, fqdn, host, ipAddress, port } from "./names.ts";
import { role } from "./roles.ts";
import { agentPath, agentState, connectionStep, gatewayState } from "./states.ts";
import { listenerLimits } from "./snapshot.ts";
import { proxyProtocolAccept } from "./virtual-service.ts";

const when = z.string();
const ref = z.object({ id: z.string(), name: z.string() });
const note = z.string().trim().max(2000).default("");
const version = z.number().int().nonnegative();
const uniqueList = <T extends z.ZodType<string | number>>(item: T, max: number) =>
  z.array(item).max(max).refine((list) => new Set(list).size === list.length, { error: "each value may appear once" });

// Sites -------------------------------------------------------------------------------------------------------------

export const siteKind = z.enum(["intranet", "internet"]);
const siteFields = z.strictObject({
  name: displayName,
  kind: siteKind,
  /** Intranet sites only; an internet site has none. */
  subnets: uniqueList(cidr, 500).default([]),
  note,
});
export const siteCreate = siteFields.refine((site) => site.kind === "intranet" || site.subnets.length === 0, { path: ["subnets"], error: "an internet site has no subnets; it holds whoever is on no intranet site" });
export const siteUpdate = siteFields.extend({ id: z.uuid(), version });
export const siteList = listInput(["name", "kind", "serverCount", "createdAt"], "name").extend({ kind: siteKind.optional() });
export const siteRow = z.object({ id: z.string(), name: z.string(), kind: siteKind, subnets: z.array(z.string()), serverCount: z.number(), createdAt: when });
export const siteRows = listOutput(siteRow);
export const siteDetail = siteRow.extend({ note: z.string(), version, updatedAt: when, servers: z.array(ref.extend({ kind: z.enum(["management", "site"]) })) });

// Servers -----------------------------------------------------------------------------------------------------------

export const serverKind = z.enum(["management", "site"]);
const serverFields = z.strictObject({
  name: displayName,
  kind: serverKind,
  /** Names or IP literals that agents use; the first one is what policies hand out. */
  names: uniqueList(host, 20).refine((list) => list.length > 0, { error: "at least one name or address is needed" }),
  ports: uniqueList(port, 20).refine((list) => list.length > 0, { error: "at least one port is needed" }).default([4726]),
  /** Addresses the gateway dials, in order; empty: it resolves the name. */
  addresses: uniqueList(ipAddress, 8).default([]),
  siteIds: uniqueList(z.uuid(), 200).default([]),
  gatewayIds: uniqueList(z.uuid(), 200).default([]),
  /** Site servers: install the certificate that the organisation's CA issues (S1-39); off with a third party's (S1-40). */
  installCertificate: z.boolean().default(false),
  note,
});
export const serverCreate = serverFields;
export const serverUpdate = serverFields.extend({ id: z.uuid(), version });
export const serverList = listInput(["name", "kind", "createdAt"], "name").extend({ kind: serverKind.optional(), siteId: z.uuid().optional(), gatewayId: z.uuid().optional() });
export const serverReadiness = z.object({ isReady: z.boolean(), checkedAt: when.nullable(), detail: z.string(), fingerprint: fingerprint.nullable(), from: z.string() });
export const serverRow = z.object({ id: z.string(), name: z.string(), kind: serverKind, isAgentSite: z.boolean(), names: z.array(z.string()), ports: z.array(z.number()), siteCount: z.number(), gatewayCount: z.number(), readiness: serverReadiness, createdAt: when });
export const serverRows = listOutput(serverRow);
export const serverDetail = serverRow.extend({ addresses: z.array(z.string()), sites: z.array(ref.extend({ kind: siteKind })), gateways: z.array(ref), installCertificate: z.boolean(), reach: z.array(z.object({ gateway: ref, isReachable: z.boolean(), detail: z.string(), checkedAt: when })), note: z.string(), version, updatedAt: when });
/** Defaults for new site servers (S1-36, S1-37). */
export const siteServerSettings = z.strictObject({ port: port.default(4726), installCertificate: z.boolean().default(true) });

// Gateways ----------------------------------------------------------------------------------------------------------

export const gatewayListenerFields = z.strictObject({
  address: ipAddress.default("::"),
  port: port.default(443),
  mode: z.discriminatedUnion("kind", [z.strictObject({ kind: z.literal("connect") }), z.strictObject({ kind: z.literal("direct"), serverId: z.uuid(), port })]).default({ kind: "connect" }),
  /** A load balancer in front says who the client is (S0-01). */
  acceptProxy: proxyProtocolAccept.default({ kind: "off" }),
  limits: listenerLimits.partial().default({}),
});
export const gatewayCertificateChoice = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("self-signed"), keyType: z.enum(["ec-p256", "rsa-2048"]).default("ec-p256") }),
  z.strictObject({ kind: z.literal("ca-issued"), keyType: z.enum(["ec-p256", "rsa-2048"]).default("ec-p256") }),
  z.strictObject({ kind: z.literal("imported"), certificateId: z.uuid() }),
]);
/** A name that useradd, systemd and an unquoted shell word all take; a service never runs as root. */
export const serviceAccountName = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, { error: "1 to 32 lower-case letters, digits, hyphens and underscores, starting with a letter or an underscore" }).refine((name) => name !== "root", { error: "the gateway never runs as root: name a user of its own" });
const gatewayFields = z.strictObject({
  name: displayName,
  /** Public names, used in the certificate and offered to policies. */
  publicNames: uniqueList(host, 20).default([]),
  /** Port that agents dial; differs from the listener's behind a port mapping. */
  publicPort: port.default(443),
  listeners: z.array(gatewayListenerFields).min(1).max(50).default([{ address: "::", port: 443, mode: { kind: "connect" }, acceptProxy: { kind: "off" }, limits: {} }]),
  certificate: gatewayCertificateChoice.default({ kind: "self-signed", keyType: "ec-p256" }),
  serverIds: uniqueList(z.uuid(), 1000).default([]),
  /** A load balancer stands in front (S0-01). */
  isBehindLoadBalancer: z.boolean().default(false),
  drainTimeoutSeconds: z.number().int().min(0).max(3600).default(30),
  /** Send log lines of warn and above to the console (S1-48, S1-49). */
  forwardLogs: z.boolean().default(true),
  /** Only algorithms that FIPS 140-3 approves (S1-28). */
  isFipsOnly: z.boolean().default(false),
  /** System user that the package's installer creates and the service runs as (S1-31). */
  serviceAccount: serviceAccountName.default("sallyport-gateway"),
  /** Inside listener for reverse access: null, none. `names`: how people, orchestrators and other gateways reach it, on the inside only. */
  inside: z.strictObject({ address: ipAddress, port: port.default(4740), names: uniqueList(host, 10).refine((list) => list.length > 0, { error: "at least one name or address is needed: the certificate carries it" }) }).nullable().default(null),
  note,
});
export const gatewayCreate = gatewayFields;
export const gatewayUpdate = gatewayFields.extend({ id: z.uuid(), version });
export const gatewayList = listInput(["name", "state", "lastSeenAt", "createdAt"], "name").extend({ state: gatewayState.optional() });
export const gatewayRow = z.object({
  id: z.string(), name: z.string(), publicNames: z.array(z.string()), publicPort: z.number(), state: gatewayState, lastSeenAt: when.nullable(),
  revision: z.number(), appliedRevision: z.number(), tunnels: z.number(), fingerprint: fingerprint.nullable(), serverCount: z.number(), policyCount: z.number(), version: z.string().nullable(), createdAt: when,
});
export const gatewayRows = listOutput(gatewayRow);
export const gatewayDetail = gatewayRow.extend({
  listeners: z.array(gatewayListenerFields.extend({ id: z.string() })), certificate: gatewayCertificateChoice, presented: z.object({ certificateId: z.string(), fingerprint, thumbprintSha1: z.string(), subject: z.string(), notAfter: when }).nullable(),
  servers: z.array(ref), policies: z.array(ref), isBehindLoadBalancer: z.boolean(), drainTimeoutSeconds: z.number(), forwardLogs: z.boolean(), isFipsOnly: z.boolean(), serviceAccount: z.string(), inside: z.object({ address: z.string(), port: z.number(), names: z.array(z.string()) }).nullable(), channels: z.number(), /** Begins with "on" or "off: ". */ logForwarding: z.object({ isOn: z.boolean(), detail: z.string() }), note: z.string(), rowVersion: version, updatedAt: when,
  status: gatewayStatus.nullable(), statusAt: when.nullable(), problems: z.array(z.object({ path: z.string(), code: z.string(), message: z.string() })), clockSkewMs: z.number().nullable(), connectedSince: when.nullable(),
});
/** The package's download link: one use, 15 minutes. `token` is shown once for people who enrol by hand. */
export const gatewayPackageReply = z.object({ url: z.string(), fileName: z.string(), expiresAt: when, token: z.string() });

// Agent groups ------------------------------------------------------------------------------------------------------

/** A dynamic group's rule: all conditions hold (`all`), or one of them (`any`). Compared case-insensitively. */
export const groupCondition = z.strictObject({
  field: z.enum(["hostname", "platform", "osName", "osVersion", "architecture", "address", "agentVersion"]),
  operator: z.enum(["equals", "starts-with", "ends-with", "contains", "in-subnet"]),
  value: z.string().trim().min(1).max(200),
});
export const groupRule = z.strictObject({ match: z.enum(["all", "any"]), conditions: z.array(groupCondition).min(1).max(20) }).superRefine((rule, context) => {
  for (const [index, condition] of rule.conditions.entries()) {
    if ((condition.operator === "in-subnet") !== (condition.field === "address")) context.addIssue({ code: "custom", path: ["conditions", index, "operator"], message: "addresses are compared with in-subnet, and only addresses" });
    else if (condition.operator === "in-subnet" && !cidr.safeParse(condition.value).success) context.addIssue({ code: "custom", path: ["conditions", index, "value"], message: `"${condition.value}" is not a subnet; write for example 10.20.0.0/16` });
  }
});
export type GroupRule = z.infer<typeof groupRule>;
const groupFields = z.strictObject({ name: displayName, kind: z.enum(["static", "dynamic"]), rule: groupRule.nullable().default(null), agentIds: uniqueList(z.uuid(), 10_000).default([]), note });
const ruleFitsKind = (group: { kind: "static" | "dynamic"; rule: unknown; agentIds: string[] }) => (group.kind === "dynamic") === (group.rule !== null) && (group.kind === "static" || group.agentIds.length === 0);
const ruleError = { path: ["rule"], error: "a dynamic group has a rule and no fixed members; a static group has members and no rule" };
export const agentGroupCreate = groupFields.refine(ruleFitsKind, ruleError);
export const agentGroupUpdate = groupFields.extend({ id: z.uuid(), version }).refine(ruleFitsKind, ruleError);
export const agentGroupList = listInput(["name", "kind", "agentCount", "createdAt"], "name");
export const agentGroupRow = z.object({ id: z.string(), name: z.string(), kind: z.enum(["static", "dynamic"]), agentCount: z.number(), policyCount: z.number(), createdAt: when });
export const agentGroupRows = listOutput(agentGroupRow);
export const agentGroupDetail = agentGroupRow.extend({ rule: groupRule.nullable(), policies: z.array(ref), note: z.string(), version, updatedAt: when });
/** How many and which agents a rule would match now, before it is saved. */
export const agentGroupPreview = z.strictObject({ rule: groupRule });
export const agentGroupPreviewReply = z.object({ count: z.number(), sample: z.array(ref) });

// Agents ------------------------------------------------------------------------------------------------------------

export const agentList = listInput(["hostname", "state", "lastSeenAt", "createdAt", "platform"], "hostname").extend({ state: agentState.optional(), groupId: z.uuid().optional(), via: z.enum(["lan", "gateway", "proxy", "none"]).optional() });
export const agentRow = z.object({ id: z.string(), hostname: z.string(), platform: z.string(), state: agentState, path: agentPath, step: connectionStep, lastSeenAt: when.nullable(), version: z.string().nullable(), groups: z.array(ref), isCloudEnabled: z.boolean(), createdAt: when });
export const agentRows = listOutput(agentRow);
export const agentDetail = agentRow.extend({
  /** Relays in the path of its last proof (S4-35); the relay the computer was told to use; whether it checks what answers there (S4-37). */
  relayPath: z.array(relayHop), relayAddress: z.string().nullable(), isRelayValidationOff: z.boolean(),
  approval: z.object({ isNeeded: z.boolean(), approvedAt: when.nullable(), approvedBy: z.string().nullable() }), hasKeys: z.boolean(),
  note: z.string(), identity: z.string(), certificates: z.array(z.object({ id: z.string(), fingerprint, serial: z.string(), notAfter: when, isCurrent: z.boolean() })),
  inventory: inventory.nullable(), inventoryAt: when.nullable(), attempts: z.array(connectionAttempt), policies: z.array(ref.extend({ isEnabled: z.boolean() })), policyRevision: z.number(), clockSkewMs: z.number().nullable(),
  tunnels: z.array(z.object({ connectionId: z.string(), gateway: ref, server: ref, step: z.string(), openedAt: when, lastByteAt: when, bytesUp: z.number(), bytesDown: z.number(), endedAt: when.nullable() })),
  /** Certificate proxies that the agent met in the last day, with both fingerprints (S0-03, S0-09). */
  diagnoses: z.array(z.object({ code: z.literal("certificate-proxy"), gateway: ref, seen: fingerprint, own: fingerprint.nullable(), at: when, sentence: z.string(), cure: z.string() })),
  enrolledAt: when.nullable(), revokedAt: when.nullable(), rowVersion: version,
});
export const agentUpdate = z.strictObject({ id: z.uuid(), note, groupIds: uniqueList(z.uuid(), 200) });
/** A token for installing an agent by hand, or for re-enrolling one (`agentId`). */
export const agentTokenCreate = z.strictObject({ groupIds: uniqueList(z.uuid(), 200).default([]), agentId: z.uuid().nullable().default(null), usesMax: z.number().int().min(1).max(10_000).default(1), hoursValid: z.number().int().min(1).max(8760).default(24) });
export const tokenReply = z.object({ id: z.string(), token: z.string(), expiresAt: when });

// Policies ----------------------------------------------------------------------------------------------------------

const policyGatewayFields = z.strictObject({ gatewayId: z.uuid(), fqdn, port: port.default(443), pins: uniqueList(fingerprint, 4).refine((list) => list.length > 0, { error: "at least one pin is needed: copy the gateway's SHA-256 fingerprint" }) });
const policyFields = z.strictObject({
  name: displayName,
  isEnabled: z.boolean().default(true),
  /** In the order that agents try them. */
  gateways: z.array(policyGatewayFields).max(50).default([]).refine((list) => new Set(list.map((entry) => `${entry.fqdn}:${entry.port}`)).size === list.length, { error: "each gateway address may appear once" }),
  groupIds: uniqueList(z.uuid(), 1000).default([]),
  /** Direct mode only; refused together with gateways (S0-27). */
  requestProxy: httpProxy.nullable().default(null),
  channelProxy: httpProxy.nullable().default(null),
  note,
});
export const policyCreate = policyFields;
/** `confirmName`: the policy's name, repeated when the edit switches it off and agents lose their last way in. */
export const policyUpdate = policyFields.extend({ id: z.uuid(), version, confirmName: z.string().max(80).optional() });
export const policyList = listInput(["name", "isEnabled", "agentCount", "createdAt"], "name").extend({ isEnabled: z.boolean().optional() });
export const policyRow = z.object({ id: z.string(), name: z.string(), isEnabled: z.boolean(), gateways: z.array(z.object({ name: z.string(), fqdn: z.string(), port: z.number() })), groupCount: z.number(), agentCount: z.number(), createdAt: when });
export const policyRows = listOutput(policyRow);
/** `doctor` findings per gateway: does the name resolve, does the port answer, is what it presents one of the pins (S1-51). */
export const policyGatewayCheck = z.object({
  gatewayId: z.string(), resolves: z.boolean(), addresses: z.array(z.string()), answers: z.boolean(), presented: fingerprint.nullable(), pinFits: z.boolean(), detail: z.string(),
  /** What the gateway says it presents; null: it has not said so yet. */
  own: fingerprint.nullable(),
  /** Something in front of the gateway answers TLS itself: what is presented belongs to no gateway of ours (S0-03, S0-09). */
  isCertificateProxy: z.boolean(),
  /** Something answers plain HTTP on the gateway's port, or on port 80 of its name (S0-02). */
  answersPlainHttp: z.boolean(),
});
export const policyDetail = policyRow.omit({ gateways: true }).extend({ gateways: z.array(policyGatewayFields.extend({ name: z.string(), currentFingerprint: fingerprint.nullable() })), groups: z.array(ref.extend({ agentCount: z.number() })), requestProxy: httpProxy.nullable(), channelProxy: httpProxy.nullable(), note: z.string(), version, updatedAt: when });
/** Who gains and who loses access with this edit, before it is saved. */
export const policyPreview = z.object({ gain: z.number(), lose: z.number(), loseSample: z.array(ref), lines: z.array(z.string()) });

// Certificates ------------------------------------------------------------------------------------------------------

export const certificatePurpose = z.enum(["root-ca", "issuing-ca", "agent", "gateway-control", "gateway-listener", "agent-site", "control", "bundle", "signer", "site-server", "service", "probe", "gateway-inside", "service-account", "imported"]);
export const certificateList = listInput(["subject", "purpose", "notAfter", "createdAt"], "createdAt").extend({ purpose: certificatePurpose.optional(), state: z.enum(["valid", "expiring", "expired", "revoked"]).optional() });
export const certificateRow = z.object({ id: z.string(), purpose: certificatePurpose, /** Given by a person at import; empty for issued ones. */ name: z.string(), subject: z.string(), names: z.array(z.string()), issuer: z.string(), serial: z.string(), keyType: z.string(), fingerprint, thumbprintSha1: z.string(), notBefore: when, notAfter: when, state: z.enum(["valid", "expiring", "expired", "revoked"]), owner: ref.extend({ kind: z.enum(["agent", "gateway", "server", "bundle", "organisation"]) }).nullable(), hasKey: z.boolean(), createdAt: when });
export const certificateRows = listOutput(certificateRow);
export const certificateDetail = certificateRow.extend({ pem: z.string(), chainPem: z.string(), usedBy: z.array(z.string()) });
/** PEM (certificate, chain and key in one or two texts) or PKCS#12 in base64. At most 1 MiB; a password opens the key or the PKCS#12. */
export const certificateImport = z.strictObject({ name: displayName, pem: z.string().max(1_000_000).optional(), keyPem: z.string().max(100_000).optional(), pkcs12Base64: z.string().max(1_400_000).optional(), password: z.string().max(1000).optional() }).refine((input) => (input.pem === undefined) !== (input.pkcs12Base64 === undefined), { error: "give either a PEM text or a PKCS#12 file" });
const certifiedName = z.string().trim().max(253).transform((text) => canonicalHost(text) ?? text.toLowerCase().replace(/\.$/, "")).refine((text) => canonicalHost(text.replace(/^\*\./, "")) !== undefined && !/^\*\.[\d.:]+$/.test(text), { error: (issue) => `"${String(issue.input)}" is neither a name nor an address; write mail.example.com, *.example.com or 10.1.2.3` });
/** A certificate of the organisation's CA for virtual services, with its key, both kept here: no import is needed to begin with. Names: exact, or `*.example.com`. */
export const certificateIssueForService = z.strictObject({ name: displayName, names: uniqueList(certifiedName, 100).refine((list) => list.length > 0, { error: "at least one name is needed: the names that clients ask for" }), keyType: z.enum(["ec-p256", "rsa-2048"]).default("ec-p256") });
export const serverCertificateIssue = z.strictObject({ serverId: z.uuid(), csrPem: z.string().max(20_000).optional(), keyType: z.enum(["ec-p256", "rsa-2048"]).default("ec-p256") });

// Bundles -----------------------------------------------------------------------------------------------------------

export const bundleCreate = z.strictObject({ name: displayName, groupIds: uniqueList(z.uuid(), 200).refine((list) => list.length > 0, { error: "choose at least one group: its policies tell the agents which gateway to use" }), platform: z.enum(["linux-x64"]).default("linux-x64"), usesMax: z.number().int().min(1).max(100_000).default(1), /** Agents of this bundle connect to this relay only (S4-21). */ relay: z.strictObject({ host, port: port.default(2002) }).nullable().default(null), daysValid: z.number().int().min(1).max(365).default(14) });
export const bundleState = z.enum(["active", "used-up", "expired", "revoked"]);
export const bundleList = listInput(["name", "createdAt", "expiresAt"], "createdAt").extend({ state: bundleState.optional() });
export const bundleRow = z.object({ id: z.string(), name: z.string(), state: bundleState, platform: z.string(), usesMax: z.number(), uses: z.number(), expiresAt: when, createdAt: when, createdBy: z.string(), groups: z.array(ref) });
export const bundleRows = listOutput(bundleRow);
export const bundleDetail = bundleRow.extend({ stamp: z.object({ managementServer: z.string(), gateways: z.array(z.string()) }), caFingerprint: fingerprint, agents: z.array(ref), warnings: z.array(z.string()) });
export const downloadReply = z.object({ url: z.string(), fileName: z.string(), expiresAt: when });

// People and machines that use the console --------------------------------------------------------------------------

export const emailAddress = z.email({ error: "expected an e-mail address such as ana@example.com" }).max(254).transform((text) => text.toLowerCase());
export const password = z.string().min(12, { error: "a password has at least 12 characters" }).max(200, { error: "a password has at most 200 characters" });
export const userInvite = z.strictObject({ email: emailAddress, name: displayName, role });
export const userUpdate = z.strictObject({ id: z.string().max(64), role });
/** A member's or an open invitation's id. */
export const userById = z.strictObject({ id: z.string().min(1).max(64) });
export const userList = listInput(["name", "email", "role", "lastSeenAt", "createdAt"], "name");
export const userRow = z.object({ id: z.string(), name: z.string(), email: z.string(), role, lastSeenAt: when.nullable(), createdAt: when, isYou: z.boolean(), isInvited: z.boolean() });
export const userRows = listOutput(userRow);
/** One-time link with which an invited person sets a password; 72 hours. Shown once. */
export const userInviteReply = z.object({ id: z.string(), url: z.string(), expiresAt: when });

/** Who is asking: a person (session) or an API key. `email` and `sessionId` are null for a key. */
export const userMe = z.object({ kind: z.enum(["user", "api-key"]), id: z.string(), name: z.string(), email: z.string().nullable(), role, organisation: ref, sessionId: z.string().nullable() });
/** One's own password; every other session of the account ends with the change. */
export const passwordChange = z.strictObject({ current: z.string().max(200), password });
/** One's own sessions; the newest use first. */
export const sessionRows = z.object({ rows: z.array(z.object({ id: z.string(), createdAt: when, expiresAt: when, source: z.string().nullable(), userAgent: z.string().nullable(), isThis: z.boolean() })) });

/** POST /api/setup: the first owner, with the secret of the set-up link. `apiKeyName`: also make an owner's API key and return it (set-up without a browser). */
export const setUpInput = z.strictObject({ secret: z.string().max(100), email: emailAddress, name: displayName.optional(), password, apiKeyName: displayName.optional() });
export const setUpReply = z.object({ email: z.string(), apiKey: z.string().nullable() });
/** POST /api/invite: an invited person sets a password (or, with an account elsewhere on this installation, proves it). */
export const inviteAccept = z.strictObject({ secret: z.string().max(100), password, name: displayName.optional() });
export const inviteAcceptReply = z.object({ email: z.string() });
/** POST /api/invite/check: what a one-time link is for, before anything is typed. */
export const inviteCheck = z.strictObject({ secret: z.string().max(100) });
export const inviteCheckReply = z.object({ kind: z.enum(["setup", "invite"]), email: z.string().nullable(), name: z.string().nullable(), role, organisationName: z.string(), expiresAt: when });

export const apiKeyCreate = z.strictObject({ name: displayName, role, daysValid: z.number().int().min(1).max(365).default(90) });
export const apiKeyList = listInput(["name", "createdAt", "expiresAt", "lastUsedAt"], "name");
export const apiKeyRow = z.object({ id: z.string(), name: z.string(), role, prefix: z.string(), createdAt: when, expiresAt: when, lastUsedAt: when.nullable(), createdBy: z.string() });
export const apiKeyRows = listOutput(apiKeyRow);
export const apiKeyReply = z.object({ id: z.string(), key: z.string(), expiresAt: when });

// Audit and refusals ------------------------------------------------------------------------------------------------

export const auditList = listInput(["at", "actor", "action"], "at").extend({ action: z.string().max(80).optional(), targetId: z.string().max(64).optional(), actorId: z.string().max(64).optional(), since: z.iso.datetime().optional(), until: z.iso.datetime().optional() });
export const auditRow = z.object({ id: z.string(), at: when, actor: z.object({ kind: z.enum(["user", "api-key", "gateway", "agent", "system"]), id: z.string(), name: z.string() }), action: z.string(), target: z.object({ kind: z.string(), id: z.string(), name: z.string() }).nullable(), changes: z.array(z.object({ path: z.string(), before: z.unknown(), after: z.unknown() })), requestId: z.string(), source: z.string().nullable() });
export const auditRows = listOutput(auditRow);

export const refusalList = listInput(["at", "code", "source"], "at").extend({ code: refusalCode.optional(), gatewayId: z.uuid().optional(), agentId: z.uuid().optional(), since: z.iso.datetime().optional() });
export const refusalRow = z.object({ id: z.string(), at: when, code: refusalCode, sentence: z.string(), cure: z.string(), detail: z.string(), gateway: ref.nullable(), agent: ref.nullable(), source: z.string(), target: z.string().nullable(), connectionId: z.string(), count: z.number(), certificate: z.object({ subject: z.string(), issuer: z.string(), serial: z.string(), fingerprint: z.string(), notBefore: z.string(), notAfter: z.string() }).nullable() });
export const refusalRows = listOutput(refusalRow);
/** The ledger grouped by cause over the last 24 hours (N1). */
export const refusalSummary = z.object({ total: z.number(), causes: z.array(z.object({ code: refusalCode, sentence: z.string(), count: z.number(), lastAt: when })) });

// Settings, guide, overview, live -----------------------------------------------------------------------------------

export const agentSiteSettings = z.strictObject({ name: displayName, names: uniqueList(host, 20).refine((list) => list.length > 0, { error: "at least one name is needed" }), port: port.default(4726), certificateId: z.uuid().nullable().default(null) });
/** `approvesAgents`: an enrolled agent waits until a person approves it (S4-34). */
export const organisationSettings = z.strictObject({ name: displayName, approvesAgents: z.boolean().optional() });
export const organisationView = z.object({ id: z.string(), name: z.string(), trustDomain: z.string(), caFingerprint: fingerprint, caPem: z.string(), agentSite: agentSiteSettings, siteServers: siteServerSettings, approvesAgents: z.boolean(), role, version: z.string() });

/** The first run, in the order of S1 with a numbering of its own. */
export const guideSteps = ["direct-tls", "agent-site", "gateway", "servers", "policy", "first-agent", "verify"] as const;
export const guideStepId = z.enum(guideSteps);
export type GuideStepId = z.infer<typeof guideStepId>;
/** `blocked`: an earlier step is not verified; `open`: can be worked on; `checking`; `failed`: the last real check failed; `verified`: it passed, and still holds. */
export const guideStep = z.object({ id: guideStepId, state: z.enum(["blocked", "open", "failed", "verified"]), checkedAt: when.nullable(), facts: z.array(z.object({ label: z.string(), value: z.string(), isGood: z.boolean() })), problem: z.string().nullable(), cure: z.string().nullable() });
export const guideView = z.object({ steps: z.array(guideStep), isFinished: z.boolean(), isDismissed: z.boolean() });

export const overview = z.object({
  agents: z.object({ total: z.number(), online: z.number(), viaGateway: z.number(), onLan: z.number(), late: z.number(), offline: z.number(), pending: z.number(), revoked: z.number() }),
  gateways: z.array(z.object({ id: z.string(), name: z.string(), state: gatewayState, tunnels: z.number(), publicName: z.string().nullable() })),
  servers: z.array(z.object({ id: z.string(), name: z.string(), kind: serverKind, isReady: z.boolean(), gatewayIds: z.array(z.string()) })),
  sites: z.array(z.object({ id: z.string(), name: z.string(), kind: siteKind, serverCount: z.number() })),
  refusalsLastDay: z.number(), refusalCauses: z.array(z.object({ code: refusalCode, count: z.number() })),
  warnings: z.array(z.object({ code: z.string(), sentence: z.string(), cure: z.string(), link: z.string().nullable() })),
  traffic: z.array(z.object({ at: when, tunnels: z.number(), bytesUp: z.number(), bytesDown: z.number() })),
});

/** Live stream: which lists and details are stale. `topic` is a noun of this file; `id` the object, when one. */
export const liveTopic = z.enum(["site", "server", "gateway", "agentGroup", "agent", "policy", "certificate", "bundle", "pool", "virtualService", "relay", "reachRule", "reachRequest", "reachSession", "task", "taskBatch", "channel", "user", "apiKey", "audit", "refusal", "guide", "organisation"]);
export const liveEvent = z.object({ topic: liveTopic, id: z.string().nullable() });
export type LiveEvent = z.infer<typeof liveEvent>;

export const searchReply = z.array(z.object({ kind: z.enum(["site", "server", "gateway", "agentGroup", "agent", "policy", "certificate", "bundle", "pool", "virtualService", "relay", "reachRule"]), id: z.string(), name: z.string(), hint: z.string() }));
export const agentErrorCode = z.enum(agentErrorCodes);
