/** Ids inside inputs: each must be of the caller's organisation; one of another organisation gets the same answer as one that never existed (T33). */
import type { Db, Tx } from "../../db.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";

type Kind = "site" | "server" | "gateway" | "agent group" | "agent" | "certificate" | "relay" | "person" | "API key";
type Finder = (reader: Db | Tx, organisationId: string, ids: string[]) => Promise<{ id: string }[]>;

const finders: Record<Kind, Finder> = {
  site: (reader, organisationId, ids) => reader.site.findMany({ where: { organisationId, id: { in: ids } }, select: { id: true } }),
  server: (reader, organisationId, ids) => reader.server.findMany({ where: { organisationId, id: { in: ids } }, select: { id: true } }),
  gateway: (reader, organisationId, ids) => reader.gateway.findMany({ where: { organisationId, id: { in: ids } }, select: { id: true } }),
  "agent group": (reader, organisationId, ids) => reader.agentGroup.findMany({ where: { organisationId, id: { in: ids } }, select: { id: true } }),
  agent: (reader, organisationId, ids) => reader.agent.findMany({ where: { organisationId, id: { in: ids } }, select: { id: true } }),
  relay: (reader, organisationId, ids) => reader.relay.findMany({ where: { organisationId, id: { in: ids } }, select: { id: true } }),
  person: async (reader, organisationId, ids) => (await reader.membership.findMany({ where: { organisationId, userId: { in: ids } }, select: { userId: true } })).map((row) => ({ id: row.userId })),
  "API key": (reader, organisationId, ids) => reader.apiKey.findMany({ where: { organisationId, id: { in: ids }, revokedAt: null }, select: { id: true } }),
  certificate: (reader, organisationId, ids) => reader.certificate.findMany({ where: { organisationId, id: { in: ids } }, select: { id: true } }),
};

/** Throws `not-found`, naming the field and the first id that is not there. */
export async function demandReferences(reader: Db | Tx, caller: Caller, wanted: { kind: Kind; ids: readonly string[]; path: string }): Promise<void> {
  if (wanted.ids.length === 0) return;
  const rows = await finders[wanted.kind](reader, caller.organisationId, [...wanted.ids]);
  const found = new Set(rows.map((row) => row.id));
  const missing = wanted.ids.findIndex((id) => !found.has(id));
  if (missing === -1) return;
  const { message } = notFound(wanted.kind, wanted.ids[missing] ?? "");
  throw new ConsoleError("not-found", message, { fields: [{ path: `${wanted.path}.${missing}`, message }] });
}
