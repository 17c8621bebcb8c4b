/** Branded identifiers: passing a pool's id where an agent's belongs does not compile. All are UUIDs in text form. */
import { z } from "zod";

const id = <B extends string>(brand: B) => z.uuid({ error: `expected the id (a UUID) of a ${brand}` }).brand<B>();

export const organisationId = id("organisation");
export const siteId = id("site");
export const serverId = id("server");
export const gatewayId = id("gateway");
export const agentId = id("agent");
export const agentGroupId = id("agent group");
export const policyId = id("policy");
export const certificateId = id("certificate");
export const bundleId = id("bundle");
export const listenerId = id("listener");
export const relayId = id("relay");
export const taskId = id("task");
export const reachSessionId = id("session");
export const userId = z.string().min(1).max(64).brand<"user">();

export type OrganisationId = z.infer<typeof organisationId>;
export type SiteId = z.infer<typeof siteId>;
export type ServerId = z.infer<typeof serverId>;
export type GatewayId = z.infer<typeof gatewayId>;
export type AgentId = z.infer<typeof agentId>;
export type AgentGroupId = z.infer<typeof agentGroupId>;
export type PolicyId = z.infer<typeof policyId>;
export type CertificateId = z.infer<typeof certificateId>;
export type BundleId = z.infer<typeof bundleId>;
export type ListenerId = z.infer<typeof listenerId>;
export type RelayId = z.infer<typeof relayId>;
export type TaskId = z.infer<typeof taskId>;
export type ReachSessionId = z.infer<typeof reachSessionId>;
export type UserId = z.infer<typeof userId>;
