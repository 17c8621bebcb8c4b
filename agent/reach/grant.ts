/**
 * The console's grant for one session (S4-33, T21): a compact JWS, ES256, by a signing key that the policy pins. Gateway and relays only carry it; who cannot sign
 * cannot reach, and a grant that was seen on the way is of no use a second time.
 */
import { compactVerify, importJWK } from "jose";
import type { ConsoleKeys } from "../../contract/command.ts";
import { grantClaims, type GrantClaims, grantStartSeconds, grantType } from "../../contract/reach.ts";
import { AgentError } from "../errors.ts";

/** Clocks may differ by this much, seconds. */
const leewaySeconds = 30;
/** Grants of the last minutes that are remembered; more at once than any console gives. */
const usedMax = 20_000;

export type GrantCheck = {
  keys: ConsoleKeys;
  organisationId: string;
  agentId: string;
  sessionId: string;
  /** The management server's clock as far as we know it, seconds. */
  now: number;
  used: UsedGrants;
};

/** Claims of a grant that is genuine, ours, in time and new; it is used up from here on. Throws `grant-refused`. */
export async function verifyGrant(text: string, check: GrantCheck): Promise<GrantClaims> {
  const claims = await readClaims(text, check.keys);
  const { now } = check;
  if (claims.iss !== check.organisationId) throw refused("it is of another organisation");
  if (claims.agent !== check.agentId) throw refused("it is for another agent");
  if (claims.jti !== check.sessionId) throw refused("it is for another session");
  if (claims.exp <= now - leewaySeconds || claims.until <= now) throw refused("it has expired");
  // Longer than the console ever writes them: the memory of used ones would forget it while it is good.
  if (claims.iat > now + leewaySeconds || claims.exp > claims.iat + grantStartSeconds) throw refused("its times are not those of a grant");
  check.used.take(claims, now);
  return claims;
}

/** Remembers used grants for as long as they are good. Those from before this run of the agent may have been used by the run before: they are refused. */
export class UsedGrants {
  readonly #expiries = new Map<string, number>();
  readonly #sinceSeconds: number;

  /** `since`: when this run of the agent began, by the same clock as `now` later, seconds. */
  constructor(since: number) {
    this.#sinceSeconds = since;
  }

  take(claims: Pick<GrantClaims, "jti" | "iat" | "exp">, now: number): void {
    for (const [id, expiry] of this.#expiries) {
      if (expiry > now - leewaySeconds) break; // in the order of arrival, which is nearly that of expiry
      this.#expiries.delete(id);
    }
    if (this.#expiries.has(claims.jti)) throw refused("it was used already");
    if (claims.iat < this.#sinceSeconds) throw refused("it was made before this agent started");
    if (this.#expiries.size >= usedMax) throw refused("too many grants at once");
    this.#expiries.set(claims.jti, claims.exp);
  }
}

async function readClaims(text: string, keys: ConsoleKeys): Promise<GrantClaims> {
  try {
    const { payload } = await compactVerify(text, async (header) => {
      const key = keys.signing.find((known) => known.kid === header.kid);
      if (header.typ !== grantType || !key) throw new Error(header.typ === grantType ? "its key is none of the console's" : "it is no grant");
      return importJWK({ ...key, alg: "ES256" }, "ES256");
    }, { algorithms: ["ES256"] });
    return grantClaims.parse(JSON.parse(new TextDecoder().decode(payload)));
  } catch (cause) {
    throw new AgentError("grant-refused", `The grant was refused: ${cause instanceof Error && cause.message.startsWith("its key") ? cause.message : "it is unsigned, altered or no grant"}.`, cause);
  }
}

function refused(why: string): AgentError {
  return new AgentError("grant-refused", `The grant was refused: ${why}.`);
}
