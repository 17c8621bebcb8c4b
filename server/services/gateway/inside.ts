/** A gateway's inside listener: where people and orchestrators ask for agents, and where its peers do. */
import type { z } from "zod";
import type { gatewayCreate } from "../../../contract/objects.ts";
import { ConsoleError } from "../../errors.ts";

type Inside = z.infer<typeof gatewayCreate>["inside"];

/** Address and port must be its own: an agent from outside may never meet it. */
export function demandInside(input: { inside: Inside; listeners: readonly { address: string; port: number }[] }): void {
  const { inside } = input;
  if (!inside) return;
  const taken = input.listeners.find((listener) => listener.port === inside.port && (listener.address === inside.address || isAny(listener.address) || isAny(inside.address)));
  if (taken) throw new ConsoleError("input-invalid", `The inside listener would share ${taken.address}:${taken.port} with a tunnel listener; give it another port.`, { fields: [{ path: "inside.port", message: `${taken.port} is a tunnel listener's` }] });
}

function isAny(address: string): boolean {
  return address === "::" || address === "0.0.0.0";
}

/** As columns; without one its port goes back to the usual. */
export function insideColumns(inside: Inside) {
  return inside === null ? { insideAddress: null, insidePort: 4740, insideNames: [] } : { insideAddress: inside.address, insidePort: inside.port, insideNames: inside.names };
}

export function insideOf(row: { insideAddress: string | null; insidePort: number; insideNames: string[] }): Inside {
  return row.insideAddress === null ? null : { address: row.insideAddress, port: row.insidePort, names: row.insideNames };
}
