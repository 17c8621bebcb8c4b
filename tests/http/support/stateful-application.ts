/**
 * An application as S3-12 to S3-15 describe it: sessions live in one process, every form carries a token that changes with each page,
 * and a session that appears on another node is unknown there.
 */
import { randomUUID } from "node:crypto";
import type http from "node:http";
import { startMember } from "./http-member.ts";
import type { HttpMember } from "./http-member.ts";

export type Application = HttpMember & { name: string; logins: number; /** Requests with a session that this node does not know: a client was moved. */ strangers: number; setCookies: boolean };

/** `cookieName`: of the session. `/login` begins one, `/page` and `/send` need it and the token, `/logout` deletes the cookie; `/b/enroll` sets one cookie of its own each time. */
export async function startApplication(name: string, cookieName: string): Promise<Application> {
  const sessions = new Map<string, string>();
  const application = { name, logins: 0, strangers: 0, setCookies: true } as Application;
  const known = (request: http.IncomingMessage): string | undefined => {
    const session = new RegExp(`(?:^|; ?)${cookieName}=([^;]*)`).exec(request.headers.cookie ?? "")?.[1];
    return session !== undefined && sessions.has(session) ? session : undefined;
  };
  const member = await startMember((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => answer(request, response, body));
  });
  const answer = (request: http.IncomingMessage, response: http.ServerResponse, body: string): void => {
    response.setHeader("X-Node", name);
    if (request.url === "/b/enroll") return void response.setHeader("Set-Cookie", "enrol=1; Path=/b").end(request.headers.cookie ?? "");
    if (request.url === "/login") {
      const session = randomUUID();
      const token = randomUUID();
      sessions.set(session, token);
      application.logins += 1;
      return void response.setHeader("Set-Cookie", `${cookieName}=${session}; Path=/; HttpOnly`).end(token);
    }
    const session = known(request);
    if (session === undefined) {
      application.strangers += 1;
      return void response.writeHead(403).end("unknown session");
    }
    // The token of the last page, in the body or in a field: one changed byte and the session is over (S3-15).
    if (sessions.get(session) !== (request.headers["x-csrf-token"] ?? body)) {
      sessions.delete(session);
      return void response.writeHead(400).end("wrong token");
    }
    if (request.url === "/logout") {
      sessions.delete(session);
      return void response.setHeader("Set-Cookie", `${cookieName}=; Path=/; Max-Age=0`).end("bye");
    }
    const next = randomUUID();
    sessions.set(session, next);
    response.end(next);
  };
  return Object.assign(application, member);
}
