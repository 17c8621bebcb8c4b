/** A gateway's listeners: rules and rows. */
import type { z } from "zod";
import type { gatewayListenerFields } from "../../../contract/objects.ts";
import type { Prisma, Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";

export type Listener = z.infer<typeof gatewayListenerFields>;

/** Each address and port once; a direct listener leads to a server that is assigned to this gateway, at one of its ports. */
export async function demandListeners(tx: Tx, caller: Caller, input: { listeners: readonly Listener[]; serverIds: readonly string[] }): Promise<void> {
  const seen = new Set<string>();
  for (const [index, listener] of input.listeners.entries()) {
    const where = `${listener.address}:${listener.port}`;
    if (seen.has(where)) throw new ConsoleError("input-invalid", `Two listeners are to bind ${where}; give one of them another address or port.`, { fields: [{ path: `listeners.${index}.port`, message: `${where} is used twice` }] });
    seen.add(where);
    if (listener.mode.kind === "direct") await demandDirectTarget(tx, caller, input.serverIds, { mode: listener.mode, path: `listeners.${index}.mode` });
  }
}

async function demandDirectTarget(tx: Tx, caller: Caller, serverIds: readonly string[], listener: { mode: { serverId: string; port: number }; path: string }): Promise<void> {
  const { mode, path } = listener;
  const server = await tx.server.findFirst({ where: { id: mode.serverId, organisationId: caller.organisationId }, select: { name: true, ports: true } });
  const refuse = (message: string, field: string) => new ConsoleError("input-invalid", `A direct listener ${message}.`, { fields: [{ path: `${path}.${field}`, message }] });
  if (!server) throw new ConsoleError("not-found", `There is no server with the id ${mode.serverId} in this organisation.`, { fields: [{ path: `${path}.serverId`, message: "no such server" }] });
  if (!serverIds.includes(mode.serverId)) throw refuse(`leads to server "${server.name}", which is not assigned to this gateway; assign it first`, "serverId");
  if (!server.ports.includes(mode.port)) throw refuse(`leads to port ${mode.port}, which is none of server "${server.name}"'s ports (${server.ports.join(", ")})`, "port");
}

/** Writes the listeners; one whose address and port did not change keeps its row and id, so that the gateway keeps its socket. */
export async function writeListeners(tx: Tx, gatewayId: string, listeners: readonly Listener[]): Promise<void> {
  const current = await tx.gatewayListener.findMany({ where: { gatewayId }, select: { id: true, address: true, port: true } });
  const key = (listener: { address: string; port: number }) => `${listener.address} ${listener.port}`;
  const ids = new Map(current.map((row) => [key(row), row.id]));
  const wanted = new Set(listeners.map(key));
  await tx.gatewayListener.deleteMany({ where: { id: { in: current.filter((row) => !wanted.has(key(row))).map((row) => row.id) } } });
  for (const [ordinal, listener] of listeners.entries()) {
    const direct = listener.mode.kind === "direct" ? { directServerId: listener.mode.serverId, directPort: listener.mode.port } : { directServerId: null, directPort: null };
    const data = { ordinal, ...direct, acceptProxy: listener.acceptProxy, limits: listener.limits as Prisma.InputJsonValue };
    const id = ids.get(key(listener));
    if (id) await tx.gatewayListener.update({ where: { id }, data });
    else await tx.gatewayListener.create({ data: { ...data, gatewayId, address: listener.address, port: listener.port } });
  }
}
