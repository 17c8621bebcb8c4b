/** Inputs and outputs of the console's procedures for relays and the topology; same rules as objects.ts. */
import { z } from "zod";
import { relayHop } from "./channel.ts";
import { fingerprint } from "./fingerprint.ts";
import { listInput, listOutput } from "./list.ts";
import { cidr, displayName, host, port } from "./names.ts";
import { listeningAgentPortDefault, relayKey, relayPortDefault } from "./relay.ts";
import { agentState, gatewayState } from "./states.ts";

const when = z.string();
const ref = z.object({ id: z.string(), name: z.string() });
const note = z.string().trim().max(2000).default("");
const version = z.number().int().nonnegative();
const ids = (max: number) => z.array(z.uuid()).max(max).refine((list) => new Set(list).size === list.length, { error: "each value may appear once" });

/** `waiting`: nothing heard yet. `answered`: it answered with its id, confirm it (X4-04). `connected`; `away`: confirmed, no session now. */
export const relayState = z.enum(["waiting", "answered", "connected", "away"]);
export type RelayState = z.infer<typeof relayState>;

const relayFields = z.strictObject({
  name: displayName,
  /** Left out: the console makes one (X4-02). */
  relayKey: relayKey.optional(),
  /** Who dials: the relay (one outbound rule), or the gateways (one inbound rule, S4-28). */
  direction: z.enum(["relay-dials", "gateway-dials"]).default("relay-dials"),
  /** Where the gateways dial it; only with gateway-dials. */
  address: z.strictObject({ host, port: port.default(relayPortDefault) }).nullable().default(null),
  /** Its upstream gateways, in order. */
  gatewayIds: ids(50).refine((list) => list.length > 0, { error: "choose at least one gateway: it carries the relay's agents" }),
  /** It stands behind this relay, which stands nearer to the gateways. */
  behindRelayId: z.uuid().nullable().default(null),
  /** Where the agents of the relay dial it. */
  agentAddress: z.strictObject({ host, port: port.default(relayPortDefault) }).nullable().default(null),
  siteId: z.uuid().nullable().default(null),
  /** Networks behind it (X4-06). */
  networks: z.array(cidr).max(50).default([]),
  /** Agents that listen and are dialled through it (X4-01). */
  listeningAgents: z.array(z.strictObject({ host, port: port.default(listeningAgentPortDefault) })).max(2_000).default([]),
  note,
});
const addressFits = (relay: { direction: string; address: unknown }) => (relay.direction === "gateway-dials") === (relay.address !== null);
const addressError = { path: ["address"], error: "an address is given exactly when the gateways dial the relay" };
export const relayCreate = relayFields.refine(addressFits, addressError);
/** The relay id cannot be changed: make another relay. */
export const relayUpdate = relayFields.omit({ relayKey: true }).extend({ id: z.uuid(), version }).refine(addressFits, addressError);
export const relayConfirm = z.strictObject({ id: z.uuid(), /** The one that was compared. */ fingerprint });
export const relayList = listInput(["name", "createdAt"], "name");
/** `number`: 1, 2, 3 … per organisation, for people (X4-07). */
export const relayRow = z.object({ id: z.string(), number: z.number(), name: z.string(), relayKey: z.string(), state: relayState, direction: z.enum(["relay-dials", "gateway-dials"]), site: ref.nullable(), path: z.array(relayHop), gateways: z.array(ref), nodes: z.number(), agents: z.number(), connections: z.number(), bytesPerSecond: z.number(), softwareVersion: z.string().nullable(), lastSeenAt: when.nullable(), warnings: z.number(), createdAt: when });
export const relayRows = listOutput(relayRow);
export const relayNode = z.object({ gateway: ref, node: z.string().nullable(), state: z.enum(["connected", "waiting", "failed", "ended"]), fingerprint: fingerprint.nullable(), isConfirmed: z.boolean(), source: z.string(), hostname: z.string(), version: z.string(), relayPath: z.array(relayHop), since: when, detail: z.string().nullable(), connections: z.number(), opened: z.number(), refused: z.number(), bytesUp: z.number(), bytesDown: z.number(), unreachable: z.array(z.object({ host: z.string(), port: z.number(), detail: z.string() })) });
export const relayDetail = relayRow.extend({ address: z.object({ host: z.string(), port: z.number() }).nullable(), agentAddress: z.object({ host: z.string(), port: z.number() }).nullable(), behindRelay: ref.nullable(), networks: z.array(z.string()), listeningAgents: z.array(z.object({ host: z.string(), port: z.number() })), confirmed: z.array(z.object({ fingerprint, by: z.string(), at: when })), sessions: z.array(relayNode), findings: z.array(z.object({ code: z.string(), severity: z.enum(["critical", "warning", "note"]), sentence: z.string(), cure: z.string() })), note: z.string(), version, updatedAt: when });
/** The settings file, shown once more whenever asked: it holds no key. */
export const relayPackage = z.object({ fileName: z.string(), settings: z.string(), commands: z.array(z.object({ label: z.string(), command: z.string() })) });

// Topology ----------------------------------------------------------------------------------------------------------

/** One picture of an organisation. More than 60 agents at one place come as counts. Rates are bytes per second over the last minute. */
export const topologyView = z.object({
  organisation: ref,
  at: when,
  sites: z.array(ref.extend({ kind: z.enum(["intranet", "internet"]) })),
  servers: z.array(ref.extend({ siteIds: z.array(z.string()), isReady: z.boolean(), isAgentSite: z.boolean() })),
  gateways: z.array(ref.extend({ state: gatewayState, tunnels: z.number(), channels: z.number(), bytesUpPerSecond: z.number(), bytesDownPerSecond: z.number(), serverIds: z.array(z.string()), peerIds: z.array(z.string()) })),
  relays: z.array(ref.extend({ state: relayState, siteId: z.string().nullable(), upstreamRelayId: z.string().nullable(), gatewayIds: z.array(z.string()), agents: z.number(), bytesUpPerSecond: z.number(), bytesDownPerSecond: z.number() })),
  /** Agents by where they come in: through a relay, at a gateway, on the LAN (both null), or nowhere. */
  agents: z.array(z.object({ gatewayId: z.string().nullable(), relayId: z.string().nullable(), counts: z.record(agentState, z.number()), sample: z.array(ref.extend({ state: agentState })) })),
  /** Links that are cut, with the reason to write at the gap. */
  cuts: z.array(z.object({ from: z.object({ kind: z.enum(["relay", "gateway", "server"]), id: z.string() }), to: z.object({ kind: z.enum(["relay", "gateway", "server"]), id: z.string() }), reason: z.string() })),
});
export type TopologyView = z.infer<typeof topologyView>;
