/**
 * The connection for status reports (not the agent channel, see channel/). It shares the requests' connection, except where the policy puts a proxy in front of the gateway for it: then it is
 * a connection of its own through that proxy, while requests keep using the gateway directly (S0-30, S0-32).
 */
import { AgentError } from "./errors.ts";
import type { AgentLog } from "./log.ts";
import type { AgentPolicy } from "../contract/agent-site.ts";
import { agentSiteTargets, channelRoute } from "./path/candidates.ts";
import { authority } from "./path/connect.ts";
import { HttpConnection, type HttpRequest, type HttpResponse } from "./path/http.ts";
import type { PathKeeper } from "./path/keeper.ts";
import { openSession, type Route, type Trust } from "./path/route.ts";

export type ReportConnectionOptions = { keeper: PathKeeper; policy: () => AgentPolicy; trust: () => Trust; log: AgentLog; instance: string };

/** How long the proxy is left alone after it failed, ms: the requests' connection carries the reports meanwhile. */
const proxyPauseMs = 60_000;
const answerTimeoutMs = 15_000;

export class ReportConnection {
  readonly #options: ReportConnectionOptions;
  readonly #stop = new AbortController();
  #own: { http: HttpConnection; key: string } | undefined;
  #proxyRestsUntil = 0;

  constructor(options: ReportConnectionOptions) {
    this.#options = options;
  }

  /** Where its own connection goes through; null while it shares the requests'. */
  get via(): string | null {
    const proxy = this.#own?.http.isOpen ? this.#options.policy().channelProxy : null;
    return proxy === null ? null : `proxy ${authority(proxy.host, proxy.port)}`;
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    const route = this.#options.keeper.route;
    const wanted = route ? channelRoute(route, this.#options.policy()) : null;
    if (wanted === null || Date.now() < this.#proxyRestsUntil) {
      this.#own?.http.close();
      this.#own = undefined;
      return this.#options.keeper.request(request);
    }
    try {
      const http = await this.#connection(wanted);
      return await http.request({ ...request, headers: { ...request.headers, "sallyport-instance": this.#options.instance } }, answerTimeoutMs);
    } catch (error) {
      this.#proxyRestsUntil = Date.now() + proxyPauseMs;
      this.#options.log.warn("the proxy of the status reports failed; they take the requests' way", { code: error instanceof AgentError ? error.code : "proxy-failed", detail: error instanceof Error ? error.message : String(error) });
      return this.#options.keeper.request(request);
    }
  }

  close(): void {
    this.#stop.abort();
    this.#own?.http.close();
  }

  async #connection(route: Route): Promise<HttpConnection> {
    const key = JSON.stringify(route);
    if (this.#own?.key === key && this.#own.http.isOpen) return this.#own.http;
    this.#own?.http.close();
    const [target] = agentSiteTargets(this.#options.policy());
    const session = await openSession(route, target, { trust: this.#options.trust(), signal: this.#stop.signal });
    const http = new HttpConnection(session.socket, authority(target.host, target.port), (error) => {
      if (!this.#stop.signal.aborted) this.#options.log.info("the status reports' own connection ended", { reason: error.message, connection: session.progress.connectionId });
    });
    this.#own = { http, key };
    this.#options.log.info("the status reports have a connection of their own", { via: this.via, connection: session.progress.connectionId, step: session.progress.step });
    return http;
  }
}
