/** What every change of a relay must keep, and whom it concerns. */
import { createHash, randomBytes } from "node:crypto";
import type { z } from "zod";
import type { relayUpdate } from "../../../contract/relay-objects.ts";
import { Prisma, type Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { bumpGateways, publishLive } from "../change/publish.ts";
import { demandReferences } from "../object/references.ts";
import { nameKey } from "../object/write.ts";
import { chainProblem } from "./chain.ts";

export type RelayFields = Omit<z.infer<typeof relayUpdate>, "id" | "version">;

/** 32 random bytes, 43 characters (X4-02). */
export function newRelayKey(): string {
  return randomBytes(32).toString("base64url");
}

/** What gateways know a relay id by. */
export function relayKeyHash(relayKey: string): string {
  return createHash("sha256").update(relayKey).digest("hex");
}

/** References must be of this organisation; chains may not close and not be deeper than the contract says. `id` is null while the relay does not exist yet. */
export async function demandRelayFits(tx: Tx, caller: Caller, id: string | null, input: RelayFields): Promise<void> {
  await demandReferences(tx, caller, { kind: "gateway", ids: input.gatewayIds, path: "gatewayIds" });
  if (input.siteId !== null) await demandReferences(tx, caller, { kind: "site", ids: [input.siteId], path: "siteId" });
  if (input.behindRelayId === null) return;
  await demandReferences(tx, caller, { kind: "relay", ids: [input.behindRelayId], path: "behindRelayId" });
  const refuse = (message: string, path: string) => new ConsoleError("input-invalid", message, { fields: [{ path, message }] });
  if (input.direction === "gateway-dials") throw refuse("A relay behind another one dials: no gateway can dial it there. Choose relay-dials.", "direction");
  const rows = await tx.relay.findMany({ where: { organisationId: caller.organisationId }, select: { id: true, name: true, behindRelayId: true, agentAddress: true } });
  const byId = new Map(rows.map((row) => [row.id, row]));
  const nearer = byId.get(input.behindRelayId);
  if (nearer?.agentAddress === null) throw refuse(`Relay "${nearer.name}" does not say where it is dialled; fill in its address for agents first, because this relay dials it there.`, "behindRelayId");
  const own = id ?? "new";
  byId.set(own, { id: own, name: input.name, behindRelayId: input.behindRelayId, agentAddress: null });
  const problem = chainProblem(byId);
  if (problem !== undefined) throw refuse(`This cannot be: ${problem}.`, "behindRelayId");
}

/** The relay's own columns as Prisma takes them. */
export function relayData(input: RelayFields) {
  return {
    name: input.name, nameKey: nameKey(input.name), direction: input.direction, address: input.address ?? Prisma.DbNull, agentAddress: input.agentAddress ?? Prisma.DbNull,
    behindRelayId: input.behindRelayId, siteId: input.siteId, networks: input.networks, listeningAgents: input.listeningAgents, note: input.note,
  };
}

export async function writeRelayGateways(tx: Tx, relayId: string, gatewayIds: readonly string[]): Promise<void> {
  await tx.relayGateway.deleteMany({ where: { relayId } });
  await tx.relayGateway.createMany({ data: gatewayIds.map((gatewayId, ordinal) => ({ relayId, gatewayId, ordinal })) });
}

/** A relay may travel inside others, so that it concerns gateways that do not name it; they are few and learn of it all. */
export async function publishRelayChange(tx: Tx, caller: Caller, id: string): Promise<void> {
  await bumpGateways(tx, caller.organisationId);
  await publishLive(tx, caller.organisationId, { topic: "relay", id });
}
