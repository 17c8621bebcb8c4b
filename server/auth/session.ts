/** From a request to a caller: an API key in the Authorization header, or else the session cookie. Every door that people or their programs use starts here. */
import { db } from "../db.ts";
import type { Caller } from "../services/caller.ts";
import { callerOfApiKey } from "../services/api-key/authenticate.ts";
import { callerOfSession } from "../services/user/caller-of.ts";
import { auth } from "./better-auth.ts";
import { requestIdOf, sourceOf } from "./source.ts";

export { recheckCaller } from "../services/user/caller-of.ts";

/**
 * Who sent this request; null when neither a session nor an API key is valid. A request that carries an Authorization header is judged by it alone, its cookies
 * are ignored. Throws `rate-limited` for a source that keeps sending wrong keys.
 */
export async function callerFromRequest(request: { readonly headers: Headers }): Promise<Caller | null> {
  const authorization = request.headers.get("authorization");
  return authorization === null ? callerFromCookie(request.headers) : callerFromBearer(request.headers, authorization);
}

/** Bearer API key only: the REST door takes no cookies, so it has no cross-site requests to fear. */
export async function callerFromBearer(headers: Headers, authorization: string): Promise<Caller | null> {
  const match = /^Bearer +(\S{1,200})$/i.exec(authorization.trim());
  return match?.[1] ? callerOfApiKey(about(headers), match[1]) : null;
}

async function callerFromCookie(headers: Headers): Promise<Caller | null> {
  if (!headers.get("cookie")?.includes("sallyport.")) return null;
  const found = await auth().api.getSession({ headers, query: { disableRefresh: true } });
  if (!found) return null;
  const { session, user } = found;
  return callerOfSession(about(headers), { sessionId: session.id, userId: user.id, userName: user.name, activeOrganisationId: session.activeOrganisationId ?? null });
}

function about(headers: Headers) {
  return { db: db(), requestId: requestIdOf(headers), source: sourceOf(headers) };
}
