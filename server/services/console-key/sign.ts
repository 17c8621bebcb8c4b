/** Signs in the organisation's name: commands to agents and grants of reverse access. Compact JWS, ES256 (RFC 7515, RFC 7518 section 3.4). */
import { CompactSign } from "jose";
import { commandAlgorithms } from "../../../contract/command.ts";
import type { Db, Tx } from "../../db.ts";
import { signingKey } from "./keys.ts";

/** `type` goes into the protected header as `typ`, so that what was signed for one use is refused for another; `claims` become the payload as JSON. */
export async function signForOrganisation(db: Db | Tx, organisationId: string, content: { type: string; claims: object }): Promise<string> {
  const { kid, key } = await signingKey(db, organisationId);
  const payload = new TextEncoder().encode(JSON.stringify(content.claims));
  return new CompactSign(payload).setProtectedHeader({ alg: commandAlgorithms.signature, typ: content.type, kid }).sign(key);
}
