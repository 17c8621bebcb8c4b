/** A service's state: switched on or off, what its gateways say of its address and port, and then how its members do. */
import { gatewayStatus, snapshotProblem } from "../../../contract/control.ts";
import type { GatewayState } from "../../../contract/states.ts";
import { gatewayStateColumns, gatewayStateOf, type GatewayStateRow } from "../gateway/state.ts";
import type { Roll } from "../pool/tally.ts";
import { compareAddresses, place } from "./fronts.ts";

export const servingGatewayColumns = { id: true, name: true, revision: true, problems: true, ...gatewayStateColumns } as const;
export type ServingGateway = GatewayStateRow & { id: string; name: string; revision: number; problems: unknown };
export type Listening = { gateway: { id: string; name: string }; state: string; problem: string | null };

/** What one gateway says of a service's address and port. */
export function listeningOf(service: { id: string; address: string; port: number; isEnabled: boolean }, row: ServingGateway): Listening {
  const gateway = { id: row.id, name: row.name };
  if (!service.isEnabled) return { gateway, state: "disabled", problem: null };
  const state = gatewayStateOf(row);
  if (state !== "connected" && state !== "draining" && state !== "refused-snapshot") return { gateway, state: "not-connected", problem: silence(state) };
  const status = gatewayStatus.safeParse(row.status);
  const front = status.success ? (status.data.listeners.find((listener) => listener.listenerId === service.id) ?? status.data.listeners.find((listener) => compareAddresses(listener, service) === "same")) : undefined;
  if (front?.problem) return { gateway, state: "refused", problem: front.problem };
  if (state === "refused-snapshot") return { gateway, state: "refused", problem: refusalOf(row) };
  if (front) return { gateway, state: front.state, problem: null };
  return row.appliedRevision < row.revision ? { gateway, state: "new", problem: null } : { gateway, state: "bound", problem: null };
}

/** A gateway takes settings whole or not at all, so the problem may be another service's: it is named here. */
function refusalOf(row: ServingGateway): string {
  const problems = snapshotProblem.array().safeParse(row.problems).data ?? [];
  const [first] = problems;
  const why = first ? `: ${first.message.replace(/[.!]$/, "")}${problems.length > 1 ? `, and ${problems.length - 1} more` : ""}` : "";
  return `It refused the newest settings (revision ${row.refusedRevision})${why}. It serves revision ${row.appliedRevision} until that is corrected.`;
}

function silence(state: GatewayState): string {
  return state === "waiting" ? "It is not installed yet." : "It has no control channel; it serves what it was told last.";
}

/** `listening`: one entry per gateway of the service. */
export function serviceStateOf(service: { isEnabled: boolean; address: string; port: number }, listening: readonly Listening[], members: Roll): Roll {
  const { membersUp, memberCount } = members;
  const roll = (state: Roll["state"], cause: string): Roll => ({ state, cause, membersUp, memberCount });
  if (!service.isEnabled) return roll("disabled", "The service is switched off.");
  if (listening.length === 0) return roll("down", "The service is on no gateway; nothing serves it.");
  const refused = listening.filter((one) => one.state === "refused");
  const [first] = refused;
  const because = first ? `Gateway "${first.gateway.name}" does not serve ${place(service)}: ${first.problem ?? ""}` : "";
  if (first && refused.length === listening.length) return roll("down", because);
  if (members.state === "down" || members.state === "disabled") return roll("down", members.cause);
  if (first) return roll("degraded", because);
  const silent = listening.filter((one) => one.state === "not-connected");
  const [quiet] = silent;
  if (quiet && silent.length === listening.length) return roll("unknown", listening.length === 1 ? `Gateway "${quiet.gateway.name}": ${quiet.problem ?? ""}` : "None of its gateways is connected.");
  if (quiet) return roll("degraded", `Gateway "${quiet.gateway.name}": ${quiet.problem ?? ""}`);
  return members;
}
