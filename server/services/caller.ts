/** Who calls a service: every verb takes one first, and every query it makes names its organisation. */
import { type Demand, mayDo, type Role } from "../../contract/roles.ts";
import { type Db, db } from "../db.ts";
import { ConsoleError } from "../errors.ts";

export type Actor = { kind: "user" | "api-key" | "gateway" | "agent" | "system"; id: string; name: string };

export type Caller = {
  readonly actor: Actor;
  readonly organisationId: string;
  readonly role: Role;
  /** Of the request that this work belongs to; appears in log, audit and error answers. */
  readonly requestId: string;
  /** Network address the request came from, for the audit; never used to decide. */
  readonly source: string | null;
  /** The session or API key that proves the caller; absent for the system, gateways and agents. Rechecked while a stream is open (T34). */
  readonly credential?: Credential;
  readonly db: Db;
};

export type Credential = { readonly kind: "session" | "api-key"; readonly id: string };

/** A caller for work that the console does on its own account. */
export function systemCaller(organisationId: string, what: string): Caller {
  return { actor: { kind: "system", id: what, name: what }, organisationId, role: "owner", requestId: `system-${what}`, source: null, db: db() };
}

/** Refuses unless the caller's role covers `wanted`. Throws `not-allowed`. */
export function demandRole(caller: Caller, wanted: Demand): void {
  if (!mayDo(caller.role, wanted)) throw new ConsoleError("not-allowed", `Your role (${caller.role}) does not allow this; it needs the right to ${wanted}.`);
}
