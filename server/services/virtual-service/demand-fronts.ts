/** Refuses a service, or a gateway's listeners, that would take the address, port or clients of another on the same gateway. Call it in the transaction, after the rows are written. */
import { serviceMode } from "../../../contract/virtual-service.ts";
import type { Tx } from "../../db.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { type Clash, clashWithListener, clashWithService, type FrontService, place } from "./fronts.ts";
import { serviceFieldsOf, settingsColumns } from "./settings.ts";

type GatewayFronts = { name: string; listeners: { address: string; port: number }[]; services: FrontService[] };

/** Enabled services and listeners per gateway; a service that is switched off binds nothing. */
async function readFronts(tx: Tx, caller: Caller, gatewayIds: readonly string[]): Promise<GatewayFronts[]> {
  const rows = await tx.gateway.findMany({
    where: { organisationId: caller.organisationId, id: { in: [...gatewayIds] } }, orderBy: { nameKey: "asc" },
    select: {
      name: true, listeners: { select: { address: true, port: true }, orderBy: { ordinal: "asc" } },
      services: { where: { service: { isEnabled: true } }, select: { service: { select: { id: true, ...settingsColumns } } }, orderBy: { service: { nameKey: "asc" } } },
    },
  });
  return rows.map((row) => ({ name: row.name, listeners: row.listeners, services: row.services.map(({ service }) => ({ ...serviceFieldsOf(service), id: service.id, mode: serviceMode.parse(service.mode) })) }));
}

/** Judges one service on every gateway it is on. */
export async function demandFreeFronts(tx: Tx, caller: Caller, serviceId: string): Promise<void> {
  const on = await tx.virtualServiceGateway.findMany({ where: { serviceId, service: { organisationId: caller.organisationId, isEnabled: true } }, select: { gatewayId: true } });
  for (const gateway of await readFronts(tx, caller, on.map((row) => row.gatewayId))) {
    const mine = gateway.services.find((service) => service.id === serviceId);
    if (!mine) continue;
    const clash = firstOf(gateway.listeners, (listener) => clashWithListener(mine, listener)) ?? firstOf(gateway.services, (other) => (other.id === serviceId ? undefined : clashWithService(mine, other)));
    if (clash) throw refusalOf(clash, { gateway: gateway.name, service: mine, path: clash.field });
  }
}

/** Judges one gateway's listeners against the services that are on it. */
export async function demandFreeListeners(tx: Tx, caller: Caller, gatewayId: string): Promise<void> {
  for (const gateway of await readFronts(tx, caller, [gatewayId])) {
    for (const [index, listener] of gateway.listeners.entries()) {
      const service = gateway.services.find((candidate) => clashWithListener(candidate, listener));
      if (!service) continue;
      throw new ConsoleError("listener-taken", `Virtual service "${service.name}" uses ${place(service)} on this gateway, which leaves no room for a tunnel listener on ${place(listener)}; give one of them another address or port.`, {
        fields: [{ path: `listeners.${index}.port`, message: `"${service.name}" uses ${place(service)}` }],
      });
    }
  }
}

function firstOf<T>(items: readonly T[], judge: (item: T) => Clash | undefined): Clash | undefined {
  for (const item of items) {
    const clash = judge(item);
    if (clash) return clash;
  }
  return undefined;
}

function refusalOf(clash: Clash, where: { gateway: string; service: FrontService; path: string }): ConsoleError {
  const { gateway, service, path } = where;
  return new ConsoleError(clash.code, `Service "${service.name}" cannot use ${place(service)} on gateway "${gateway}": ${clash.message}.`, { fields: [{ path, message: clash.message }] });
}
