/**
 * The worst that can stand between agents and console: it ends their TLS with the agent site's own certificate, reads everything, keeps it, and changes what it likes.
 * Behind it is the real agent site, which only it talks to. What it cannot do is open, make or alter what is sealed inside.
 */
import "../../support/with-database.ts";
import https from "node:https";
import { type IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { TLSSocket } from "node:tls";
import { afterAll } from "vitest";
import { RefusalLedger } from "../../../server/agent-site/refusals.ts";
import { answerRequest, type SiteContext } from "../../../server/agent-site/router.ts";
import { readTrust } from "../../../server/agent-site/trust.ts";
import { db } from "../../../server/db.ts";
import { systemCaller } from "../../../server/services/caller.ts";
import { bootstrap } from "../../../server/services/organisation/bootstrap.ts";
import type { TestSite } from "../../agent/support/site.ts";
import { temporaryDir } from "../../agent/support/process.ts";
import { freePort, until } from "../../support/sockets.ts";

type Seen = { route: string; request: string; answer: string };
export type HostileSite = Omit<TestSite, "site"> & {
  /** Everything that passed in the clear for it, in order. */
  readonly seen: Seen[];
  /** Commands that it hands out at the next fetches, one list each, instead of the console's. */
  readonly injected: string[][];
  /** Requests that are not answered yet. */
  busy: number;
  /** Sees the console's own commands before the agent, and may change or keep them. */
  alter: (commands: string[]) => string[];
};

export async function startHostileSite(): Promise<HostileSite> {
  process.env["SALLYPORT_DATA"] = temporaryDir();
  const port = await freePort();
  process.env["SALLYPORT_AGENT_SITE_PORT"] = String(port);
  const { organisationId } = await bootstrap(db());
  const trust = await readTrust(db());
  const ledger = new RefusalLedger(db());
  const context: SiteContext = { db: db(), ledger, organisationOf: () => organisationId };
  const site: HostileSite = { port, organisationId, caller: systemCaller(organisationId, "test"), busy: 0, seen: [], injected: [], alter: (commands) => commands };
  const server = https.createServer({ ...trust.default, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    site.busy += 1;
    void pass(site, context, request, response).finally(() => (site.busy -= 1));
  });
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port }, resolve));
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await until(() => site.busy === 0, "nothing is under way any more", 20_000);
    await ledger.flush();
    await db().$disconnect();
  });
  return site;
}

async function pass(site: HostileSite, context: SiteContext, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const inner = new Captured(request);
  const { method, url, headers } = request;
  const copy = Object.assign(Readable.from(body.length === 0 ? [] : [body]), { method, url, headers, socket: request.socket as TLSSocket }) as unknown as IncomingMessage;
  await answerRequest(context, copy, inner);
  const route = `${method} ${url}`;
  const answer = change(site, route, inner.text);
  site.seen.push({ route, request: body.toString("utf8"), answer: inner.text }); // as it came: what he puts in himself he knows
  response.writeHead(inner.statusCode, { ...inner.getHeaders(), ...inner.head, ...(answer === "" ? {} : { "content-length": Buffer.byteLength(answer) }) });
  response.end(answer);
}

function change(site: HostileSite, route: string, answer: string): string {
  if (route === "POST /v1/status" && site.injected.length > 0) return JSON.stringify({ ...(JSON.parse(answer) as object), commandsWaiting: 1 });
  if (route !== "GET /v1/commands") return answer;
  const { commands } = JSON.parse(answer) as { commands?: string[] };
  if (!commands) return answer; // an error
  return JSON.stringify({ commands: [...site.alter(commands), ...(site.injected.shift() ?? [])] });
}

/** An answer that goes nowhere but into our hands. */
class Captured extends ServerResponse {
  text = "";
  head: Record<string, string | number> = {};

  override writeHead(status: number, ...rest: unknown[]): this {
    this.statusCode = status;
    this.head = (rest.at(-1) ?? {}) as Record<string, string | number>;
    return this;
  }

  override end(chunk?: unknown): this {
    if (Buffer.isBuffer(chunk) || typeof chunk === "string") this.text += chunk.toString();
    return this;
  }
}
