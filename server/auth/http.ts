/**
 * Sign-in and sign-out over HTTP; all else that better-auth would serve is not there (404).
 *
 *   POST /api/auth/sign-in/email  { email, password } -> 200 { user: { id, name, email } } and the session cookie; 401 `not-signed-in`; 429 `rate-limited`
 *   POST /api/auth/sign-out       -> 200 { success: true }, the session row is gone
 *   GET  /api/auth/get-session    -> { user: { id, name, email } } or null
 *
 * JSON bodies, Origin of this console. Errors are `{ error: { code, message, fields, requestId } }`.
 */
import { z } from "zod";
import { db } from "../db.ts";
import { ConsoleError } from "../errors.ts";
import { log } from "../log.ts";
import { clearAttempts, giveBackAttempt, signInLimits, takeAttempt } from "../services/attempts/take.ts";
import { fullAddress } from "../services/attempts/network.ts";
import { recordSignIn } from "../services/user/record-sign-in.ts";
import { endSession, hasSessionFrom } from "../services/user/sessions.ts";
import { answering, answerJson } from "./answer.ts";
import { auth } from "./better-auth.ts";
import { guardRequest, parseJson } from "./guard.ts";
import { sourceOf } from "./source.ts";

const credentials = z.strictObject({ email: z.string().min(1).max(254).transform((text) => text.trim().toLowerCase()), password: z.string().min(1).max(200) });

/** Answers /api/auth/*. */
export function handleAuth(incoming: Request): Promise<Response> {
  return answering(incoming, async (requestId) => {
    const path = new URL(incoming.url).pathname.replace(/^\/api\/auth/, "");
    const route = `${incoming.method} ${path}`;
    if (route === "POST /sign-in/email") return signIn(await guardRequest(incoming), requestId);
    if (route === "POST /sign-out") return signOut(await guardRequest(incoming));
    if (route === "GET /get-session") return currentUser(await guardRequest(incoming));
    throw new ConsoleError("not-found", "There is nothing at this address.");
  });
}

/** Unknown person, wrong password and a person without a password: one answer, after one password hash (T35). */
async function signIn(request: Request, requestId: string): Promise<Response> {
  const parsed = credentials.safeParse(parseJson(await request.text()));
  if (!parsed.success) throw new ConsoleError("input-invalid", "Give an e-mail address and a password.", { cause: parsed.error });
  const source = sourceOf(request.headers);
  const limits = { source: signInLimits.source(source ?? "unknown"), account: signInLimits.account(parsed.data.email, await knownSource(parsed.data.email, source)) };
  await takeAttempt(db(), limits.source);
  await takeAttempt(db(), limits.account);
  const answer = await auth().api.signInEmail({ body: parsed.data, headers: withoutCookies(request.headers), asResponse: true });
  if (!answer.ok) return refuseSignIn(answer, { requestId, source });
  await Promise.all([clearAttempts(db(), limits.account), giveBackAttempt(db(), limits.source)]);
  const { user } = signedIn.parse(await answer.json());
  await endSessionOf(request);
  await recordSignIn({ db: db(), requestId, source }, user);
  return answerJson({ user }, 200, cookieOf(answer));
}

/** The source when the account has a session from it; asked for unknown accounts alike. */
async function knownSource(email: string, source: string | null): Promise<string | null> {
  if (source === null) return null;
  return (await hasSessionFrom(db(), email, fullAddress(source))) ? source : null;
}

const signedIn = z.object({ user: z.object({ id: z.string(), name: z.string(), email: z.string() }) });

function refuseSignIn(answer: Response, about: { requestId: string; source: string | null }): never {
  log.warn({ ...about, status: answer.status }, "a sign-in was refused");
  if (answer.status >= 500) throw new ConsoleError("internal", undefined, { cause: new Error(`better-auth answered ${answer.status}`) });
  throw new ConsoleError("not-signed-in", "E-mail address or password is wrong.");
}

/** A session that this browser brought along ends with a new sign-in: what somebody planted there is worth nothing afterwards (fixation). */
async function endSessionOf(request: Request): Promise<void> {
  const before = request.headers.get("cookie") ? await auth().api.getSession({ headers: request.headers, query: { disableRefresh: true } }) : null;
  if (before) await endSession(db(), { id: before.session.id, userId: before.user.id });
}

async function signOut(request: Request): Promise<Response> {
  const answer = await auth().api.signOut({ headers: request.headers, asResponse: true });
  return answerJson({ success: true }, 200, cookieOf(answer));
}

async function currentUser(request: Request): Promise<Response> {
  const found = await auth().api.getSession({ headers: request.headers, query: { disableRefresh: true } });
  return answerJson(found ? { user: { id: found.user.id, name: found.user.name, email: found.user.email } } : null);
}

function withoutCookies(headers: Headers): Headers {
  const copy = new Headers(headers);
  copy.delete("cookie");
  return copy;
}

/** One Set-Cookie is all that sign-in and sign-out need; better-auth also expires cookies of features that are off. */
function cookieOf(answer: Response): Record<string, string> {
  const cookie = answer.headers.getSetCookie().find((line) => line.includes("sallyport.session_token="));
  return cookie === undefined ? {} : { "set-cookie": cookie };
}
