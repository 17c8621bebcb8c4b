/** What switching off or deleting a service would cut off. */
import type { Impact } from "../../../contract/list.ts";
import type { Db, Tx } from "../../db.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { impactOf, someLines } from "../object/confirm.ts";
import { place } from "./fronts.ts";
import { connectionsOf } from "./loads.ts";
import { agentsOfNames } from "./stamp.ts";

export async function serviceImpact(caller: Caller, input: { id: string }): Promise<Impact> {
  return (await serviceWithImpact(caller.db, caller, input.id)).impact;
}

export async function serviceWithImpact(reader: Db | Tx, caller: Caller, id: string): Promise<{ name: string; isEnabled: boolean; connections: number; impact: Impact }> {
  const { organisationId } = caller;
  const row = await reader.virtualService.findFirst({
    where: { id, organisationId },
    select: { name: true, isEnabled: true, address: true, port: true, serverNames: true, stampName: true, gateways: { select: { gateway: { select: { name: true } } }, orderBy: { gateway: { nameKey: "asc" } } } },
  });
  if (!row) throw notFound("virtual service", id);
  const connections = (await connectionsOf(reader, organisationId, [id])).get(id) ?? 0;
  const serves = row.isEnabled && row.gateways.length > 0;
  const agentsAffected = serves ? await agentsOfNames(reader, organisationId, [...row.serverNames, ...(row.stampName === null ? [] : [row.stampName])]) : 0;
  const names = row.serverNames.length === 0 ? "" : ` for ${row.serverNames.slice(0, 3).join(", ")}${row.serverNames.length > 3 ? " and more" : ""}`;
  const lines = [
    ...(connections > 0 ? [`${connections} established ${connections === 1 ? "connection" : "connections"} now`] : []),
    ...(serves ? row.gateways.map(({ gateway }) => `gateway "${gateway.name}" no longer answers on ${place(row)}${names}`) : []),
  ];
  return { name: row.name, isEnabled: row.isEnabled, connections, impact: impactOf({ agentsAffected, lines: someLines(lines), undo: "Switching off can be undone at any time; a deleted service has to be made again, and its persistence cookies are void.", alwaysConfirm: serves }) };
}

/** Throws `confirmation-missing` unless the service's name was repeated. */
export function demandServiceConfirmed(change: { what: string; name: string; connections: number; agents: number; confirmName: string | undefined }): void {
  const { what, name, connections, agents, confirmName } = change;
  if (confirmName === name) return;
  const now = `${connections} established ${connections === 1 ? "connection" : "connections"}${agents > 0 ? ` and ${agents} ${agents === 1 ? "agent" : "agents"}` : ""} now`;
  throw new ConsoleError("confirmation-missing", `${what} service "${name}" turns its clients away (${now}); repeat the name "${name}" to confirm.`, { fields: [{ path: "confirmName", message: `type ${name}` }] });
}
