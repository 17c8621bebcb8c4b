/**
 * One-time links over HTTP. The secret stands in the link's fragment, which no server log and no Referer ever holds; the page posts it in the body.
 *
 *   GET  /api/setup         -> { isOpen }: nobody has been set up yet
 *   POST /api/setup         setUpInput -> setUpReply; then sign in
 *   POST /api/invite        inviteAccept -> inviteAcceptReply; then sign in
 *   POST /api/invite/check  inviteCheck -> inviteCheckReply; for both kinds of link
 *
 * Programs without a browser send no Origin and need none here: the secret is the whole proof, no cookie is read.
 */
import type { z } from "zod";
import { inviteAccept, inviteCheck, setUpInput } from "../../contract/objects.ts";
import { db } from "../db.ts";
import { ConsoleError } from "../errors.ts";
import { giveBackAttempt, linkLimit, takeAttempt } from "../services/attempts/take.ts";
import { acceptInvite, checkLink } from "../services/invite/accept.ts";
import { type Door, isSetUpOpen, setUpOwner } from "../services/user/set-up.ts";
import { answering, answerJson } from "./answer.ts";
import { guardRequest, parseJson } from "./guard.ts";
import { sourceOf } from "./source.ts";

export function handleSetUpState(request: Request): Promise<Response> {
  return answering(request, async () => answerJson({ isOpen: await isSetUpOpen(db()) }));
}

export function handleSetUp(request: Request): Promise<Response> {
  return handleLink(request, setUpInput, setUpOwner);
}

export function handleInvite(request: Request): Promise<Response> {
  return handleLink(request, inviteAccept, acceptInvite);
}

export function handleLinkCheck(request: Request): Promise<Response> {
  return handleLink(request, inviteCheck, checkLink);
}

/** Counts the attempt before looking at the secret, and gives it back when the link was right. */
function handleLink<S extends z.ZodType, R>(incoming: Request, schema: S, work: (door: Door, input: z.output<S>) => Promise<R>): Promise<Response> {
  return answering(incoming, async (requestId) => {
    const request = await guardRequest(withOrigin(incoming));
    const parsed = schema.safeParse(parseJson(await request.text()));
    if (!parsed.success) throw inputInvalid(parsed.error);
    const door: Door = { db: db(), requestId, source: sourceOf(incoming.headers) };
    const limit = linkLimit(door.source ?? "unknown");
    await takeAttempt(door.db, limit);
    const reply = await work(door, parsed.data);
    await giveBackAttempt(door.db, limit);
    return answerJson(reply);
  });
}

/** A foreign page is refused; a program that names no Origin and brings no cookie is judged by the secret alone. */
function withOrigin(request: Request): Request {
  if (request.headers.has("origin") || request.headers.has("cookie")) return request;
  const headers = new Headers(request.headers);
  headers.set("authorization", "none");
  return new Request(request, { headers });
}

function inputInvalid(error: z.ZodError): ConsoleError {
  const fields = error.issues.slice(0, 20).map((issue) => ({ path: issue.path.map(String).join("."), message: issue.message }));
  return new ConsoleError("input-invalid", fields[0] ? `${fields[0].path}: ${fields[0].message}` : undefined, { fields, cause: error });
}
