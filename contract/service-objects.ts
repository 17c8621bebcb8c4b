/** Inputs and outputs of the console's procedures for virtual services and pools; same rules as objects.ts. */
import { z } from "zod";
import { finding } from "./finding.ts";
import { memberHealth, memberHealthState } from "./health-check.ts";
import { impact, listInput, listOutput } from "./list.ts";
import { host, port } from "./names.ts";
import { memberInput, memberState, poolFields, scheduling, snapshotMember } from "./pool.ts";
import { serviceFields, serviceLimits, serviceLoad, serviceMode, serviceProtocol } from "./virtual-service.ts";

const when = z.string();
const ref = z.object({ id: z.string(), name: z.string() });
const note = z.string().trim().max(2000).default("");
const version = z.number().int().nonnegative();
const ids = (max: number) => z.array(z.uuid()).max(max).refine((list) => new Set(list).size === list.length, { error: "each value may appear once" });

/** How a member does over all gateways that check it: the worst view counts, "unknown" only when nobody has looked. */
export const serviceState = z.enum(["up", "degraded", "down", "disabled", "unknown"]);

// Pools -------------------------------------------------------------------------------------------------------------

const members = z.array(memberInput).max(500).default([]);
const distinctMembers = (pool: { members: { name: string; host: string; port: number }[] }, context: z.RefinementCtx): void => {
  const names = new Map<string, number>();
  const addresses = new Map<string, number>();
  for (const [index, member] of pool.members.entries()) {
    const name = names.get(member.name.toLowerCase());
    if (name !== undefined) context.addIssue({ code: "custom", path: ["members", index, "name"], message: `"${member.name}" is already the name of member ${name + 1}` });
    names.set(member.name.toLowerCase(), index);
    const key = `${member.host} ${member.port}`;
    const other = addresses.get(key);
    if (other !== undefined) context.addIssue({ code: "custom", path: ["members", index, "port"], message: `${member.host} port ${member.port} is already member ${other + 1}` });
    addresses.set(key, index);
  }
};
const poolSettings = z.strictObject({ ...poolFields, members, note });
export const poolCreate = poolSettings.superRefine(distinctMembers);
/** Members that are left out are removed; `confirmName` when that or another change takes the last working member away. */
export const poolUpdate = poolSettings.extend({ id: z.uuid(), version, confirmName: z.string().max(80).optional() }).superRefine(distinctMembers);
export const poolList = listInput(["name", "scheduling", "memberCount", "createdAt"], "name");
export const poolRow = z.object({ id: z.string(), name: z.string(), scheduling, isSessionBound: z.boolean(), state: serviceState, memberCount: z.number(), membersUp: z.number(), checkKind: z.string(), serviceCount: z.number(), createdAt: when });
export const poolRows = listOutput(poolRow);
/** A member's health by gateway, and put together. */
export const memberStatus = z.object({ state: memberHealthState, cause: z.string(), since: when.nullable(), connections: z.number(), opened: z.number(), views: z.array(z.object({ gateway: ref, health: memberHealth })) });
export const poolMember = snapshotMember.extend({ /** Expected share of new sessions now, 0 to 1. */ share: z.number(), status: memberStatus });
export const poolDetail = poolRow.extend({ ...z.object(poolFields).shape, members: z.array(poolMember), services: z.array(ref.extend({ mode: serviceMode })), note: z.string(), version, updatedAt: when });

/** Expected share of each member, as the settings would have it when all enabled members are up (S3-68). */
export const poolShares = z.strictObject({ scheduling, members: z.array(z.strictObject({ weight: z.number().int().min(0).max(256), state: memberState })).max(500) });
export const poolSharesReply = z.object({ shares: z.array(z.number()), sentence: z.string() });

/** Enable, drain or disable one member, at once. `cuts`: also end its established connections. */
export const memberSetState = z.strictObject({ poolId: z.uuid(), memberId: z.uuid(), state: memberState, cuts: z.boolean().default(false), confirmName: z.string().max(80).optional() });
export const memberImpactInput = z.strictObject({ poolId: z.uuid(), memberId: z.uuid(), state: memberState });
export const memberImpact = impact.extend({ connections: z.number(), sharesAfter: z.array(z.object({ name: z.string(), share: z.number() })) });

/** State changes of a pool's members, newest first. */
export const healthHistory = listInput(["at"], "at").extend({ desc: z.boolean().default(true), id: z.uuid(), memberId: z.uuid().optional() });
export const healthEvent = z.object({ id: z.string(), at: when, member: ref, gateway: ref, before: memberHealthState, state: memberHealthState, cause: z.string() });
export const healthEvents = listOutput(healthEvent);

// Virtual services --------------------------------------------------------------------------------------------------

const serviceSettings = z.strictObject({
  ...serviceFields,
  gatewayIds: ids(100).default([]),
  poolId: z.uuid(),
  /** In order of preference; the first that fits the client's SNI is presented. Only certificates with a key. */
  certificateIds: ids(20).default([]),
  limits: serviceLimits.partial().default({}),
  note,
});
export type ServiceSettings = z.infer<typeof serviceSettings>;
/** `pool` makes the pool in the same step; give either it or `poolId`. */
export const serviceCreate = serviceSettings.extend({ poolId: z.uuid().optional(), pool: poolCreate.optional() }).refine((input) => (input.poolId === undefined) !== (input.pool === undefined), { path: ["poolId"], error: "choose a pool, or describe a new one" });
/** `confirmName`: the service's name, when the change cuts clients off or changes the stamp name under enrolled agents (S3-22). */
export const serviceUpdate = serviceSettings.extend({ id: z.uuid(), version, confirmName: z.string().max(80).optional() });
export const serviceSetEnabled = z.strictObject({ id: z.uuid(), isEnabled: z.boolean(), version, confirmName: z.string().max(80).optional() });
export const serviceList = listInput(["name", "mode", "port", "createdAt"], "name").extend({ mode: serviceMode.optional(), gatewayId: z.uuid().optional(), poolId: z.uuid().optional() });
export const serviceRow = z.object({
  id: z.string(), name: z.string(), isEnabled: z.boolean(), state: serviceState, /** The state as a sentence. */ cause: z.string(), address: z.string(), port: z.number(), serverNames: z.array(z.string()), mode: serviceMode, protocol: serviceProtocol,
  pool: ref, gateways: z.array(ref), membersUp: z.number(), memberCount: z.number(), connections: z.number(), createdAt: when,
});
export const serviceRows = listOutput(serviceRow);
export const serviceDetail = serviceRow.extend({
  ...z.object(serviceFields).shape, poolDetail, certificates: z.array(ref.extend({ fingerprint: z.string(), names: z.array(z.string()), notAfter: when })), certificateIds: z.array(z.string()), gatewayIds: z.array(z.string()), limits: serviceLimits.partial(),
  /** What each gateway says of it: bound, refused with its problem, or not connected. */
  listeners: z.array(z.object({ gateway: ref, state: z.string(), problem: z.string().nullable() })), findings: z.array(finding), note: z.string(), version, updatedAt: when,
});
/** Numbers of one service over all gateways: now, and a line over the last hour. */
export const serviceStats = z.object({ load: serviceLoad, perGateway: z.array(z.object({ gateway: ref, at: when, load: serviceLoad })), samples: z.array(z.object({ at: when, connections: z.number(), opened: z.number(), requests: z.number(), refused: z.number(), bytesUp: z.number(), bytesDown: z.number() })) });

/**
 * Where the name that clients were built with leads now, and which DNS record to change so that it leads elsewhere: manual fail-over between gateways, or between
 * members whose own interface clients reach (S3-62). `name` null: the service has none.
 */
export const serviceNameTarget = z.object({
  name: z.string().nullable(), addresses: z.array(z.string()), /** What the name leads to, or why that is not known, and what to do. */ sentence: z.string(),
  targets: z.array(z.object({ kind: z.enum(["gateway", "member"]), id: z.string(), name: z.string(), addresses: z.array(z.string()), isCurrent: z.boolean(), /** The change to make; null: the name leads here, or the address is not known. */ change: z.string().nullable() })),
});

/** A service as it would be saved, with its pool as it would be saved; `id` when it exists already. */
export const servicePlanInput = z.strictObject({ ...serviceSettings.shape, id: z.uuid().optional(), version: z.number().int().optional(), poolId: z.uuid().optional(), pool: poolCreate.optional() });
/** Would a client that was built with `name` see a name warning when this member answers, and what cures it (N5, S3-47 to S3-55). */
export const nameVerdict = z.object({ name: z.string(), member: z.string(), presents: z.string(), /** False: nobody has seen the certificate yet; isCovered then says nothing. */ isKnown: z.boolean(), isCovered: z.boolean(), sentence: z.string(), cures: z.array(z.object({ kind: z.enum(["wildcard", "san", "re-encrypt"]), sentence: z.string() })) });
export const servicePlan = z.object({ findings: z.array(finding), verdicts: z.array(nameVerdict), shares: z.array(z.object({ name: z.string(), share: z.number() })), sentence: z.string() });
/** Look at the certificates that members present now, from the console. */
export const memberCertificatesInput = z.strictObject({ members: z.array(z.strictObject({ name: z.string().max(80), host, port })).min(1).max(50), serverName: host.nullable().default(null) });
export const memberCertificates = z.array(z.object({ name: z.string(), names: z.array(z.string()), subject: z.string(), issuer: z.string(), notAfter: z.string(), fingerprint: z.string(), chain: z.number(), problem: z.string().nullable() }));

// Presets, settings sheets, lint ------------------------------------------------------------------------------------

export const presetId = z.enum(["pgp-encryption-server", "exchange-client-access", "mail-proxy", "management-server", "generic-https"]);
export const presetInput = z.strictObject({ preset: presetId, name: z.string().trim().min(1).max(80), stampName: z.string().max(253).nullable().default(null), members: z.array(memberInput).max(500).default([]), gatewayIds: ids(100).default([]), certificateIds: ids(20).default([]), /** PGP server version, such as 10.5.1; mail proxy: next hop host. */ serverVersion: z.string().max(40).nullable().default(null), nextHop: host.nullable().default(null) });
/** A filled form, with the reason of every value that is not the default. */
export const presetReply = z.object({ service: z.strictObject({ ...serviceSettings.shape, poolId: z.uuid().optional(), pool: poolCreate.optional() }), reasons: z.array(z.object({ field: z.string(), sentence: z.string() })) });
export const presetRows = z.array(z.object({ id: presetId, name: z.string(), sentence: z.string() }));

/** `json`: the form that makes the service again, for import. */
export const sheetFormat = z.enum(["neutral", "json", "haproxy", "nginx", "f5"]);
export const sheetInput = z.strictObject({ id: z.uuid(), format: sheetFormat.default("neutral") });
/** `text` is the settings sheet (Markdown) or the configuration; `notes` what the other product does differently. */
export const sheetReply = z.object({ fileName: z.string(), text: z.string(), notes: z.array(z.string()), /** Versions this was tried with; empty: not tried here. */ triedWith: z.array(z.string()) });
/** The load balancer in front of a gateway (S0-04): the same formats. */
export const gatewaySheetInput = sheetInput;

export const lintInput = z.strictObject({ severity: z.enum(["error", "warning", "note"]).default("note") });
export const lintReply = z.object({ checkedAt: when, findings: z.array(finding), counts: z.object({ error: z.number(), warning: z.number(), note: z.number() }) });
