/** The caller that stands for a gateway on its control channel: it writes what concerns itself, and audit rows name it. */
import type { Db } from "../../db.ts";
import type { Caller } from "../caller.ts";

/** `requestId` names the connection, so that audit and log lines of one channel can be found together. */
export function gatewayCaller(gateway: { id: string; name: string; organisationId: string }, connection: { db: Db; source: string | null; requestId: string }): Caller {
  return { actor: { kind: "gateway", id: gateway.id, name: gateway.name }, organisationId: gateway.organisationId, role: "auditor", requestId: connection.requestId, source: connection.source, db: connection.db };
}
