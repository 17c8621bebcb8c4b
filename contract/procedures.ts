/** Small inputs and answers of procedures that are no object of objects.ts: what a mutation returns, logs, bulk actions, checks. */
import { z } from "zod";
import { guideStepId, policyCreate } from "./objects.ts";
import { listInput, listOutput } from "./list.ts";
import { agentState } from "./states.ts";
import { role } from "./roles.ts";

const ids = z.array(z.uuid()).min(1).max(1000).refine((list) => new Set(list).size === list.length, { error: "each value may appear once" });
const groupIds = z.array(z.uuid()).max(200).default([]);

/** Answer of a creation, a deletion or a revocation: the object's id. */
export const idReply = z.object({ id: z.string() });
/** Answer of an update: the new edit counter, which the next update repeats. */
export const versionReply = z.object({ version: z.number().int().nonnegative() });
/** Answer of an action on many: how many it changed; those that were already so do not count. */
export const countReply = z.object({ count: z.number().int().nonnegative() });
export const doneReply = z.object({ isDone: z.literal(true) });

/** Log lines of one gateway or agent, newest first, 200 a page. */
export const logsInput = z.strictObject({ id: z.uuid(), page: z.number().int().min(1).max(100_000).default(1) });
export const gatewayLogRows = listOutput(z.object({ id: z.string(), at: z.string(), level: z.string(), message: z.string(), fields: z.record(z.string(), z.unknown()) }));
export const agentLogRows = listOutput(z.object({ id: z.string(), at: z.string(), line: z.string() }));

/** Members of one group, in pages. */
export const groupMembers = listInput(["hostname", "state", "lastSeenAt"], "hostname").extend({ id: z.uuid() });
export const groupMemberRows = listOutput(z.object({ id: z.string(), hostname: z.string(), platform: z.string(), state: agentState, lastSeenAt: z.string().nullable() }));

/** Revoking one agent: the host name is repeated when the impact asks for it. */
export const agentRevoke = z.strictObject({ id: z.uuid(), confirmName: z.string().max(253).optional() });
export const agentRemove = agentRevoke;
export const agentRevokeMany = z.strictObject({ ids });
/** Adds the agents to static groups and takes them out of others. */
export const agentSetGroups = z.strictObject({ ids, add: groupIds, remove: groupIds });

/** A policy as it would be saved; `id` when it exists already. */
export const policyPreviewInput = policyCreate.extend({ id: z.uuid().optional(), version: z.number().int().optional() });
export const policySetEnabled = z.strictObject({ id: z.uuid(), isEnabled: z.boolean(), version: z.number().int().nonnegative(), confirmName: z.string().max(80).optional() });

export const serverCertificateReply = z.object({ chainPem: z.string(), keyPem: z.string().nullable(), fingerprint: z.string() });

export const guideCheck = z.strictObject({ step: guideStepId });
export const searchInput = z.strictObject({ text: z.string().trim().max(200) });

/** Result of walking the audit hash chain: which event no longer fits, if any. */
export const auditVerifyReply = z.object({ isIntact: z.boolean(), events: z.number().int().nonnegative(), brokenAt: z.string().nullable(), detail: z.string() });

/** Organisations the caller belongs to, for the switcher. */
export const myOrganisations = z.array(z.object({ id: z.string(), name: z.string(), role, isCurrent: z.boolean() }));
