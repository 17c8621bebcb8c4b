/**
 * One LISTEN connection per process for the browser's live stream, shared by all open pages; connected while anybody subscribes.
 *
 *   idle -> connecting -> listening -> (connection lost) waiting -> connecting ...
 *
 * NOTIFYs sent while the connection was away are lost, so after a reconnect every subscriber is told that everything is stale.
 */
import pg from "pg";
import { z } from "zod";
import { liveEvent, type LiveEvent, liveTopic } from "../../../contract/objects.ts";
import { env } from "../../env.ts";
import { errorFields, log } from "../../log.ts";
import { liveChannel } from "../change/publish.ts";

export type LiveSubscriber = (event: LiveEvent) => void;

const payload = liveEvent.extend({ organisationId: z.string() });
const firstDelayMs = 250;
const longestDelayMs = 10_000;
const connectTimeoutMs = 5_000;

class LiveHub {
  readonly #url: string;
  readonly #subscribers = new Map<string, Set<LiveSubscriber>>();
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #delayMs = firstDelayMs;
  #wasLost = false;

  constructor(url: string) {
    this.#url = url;
  }

  subscribe(organisationId: string, subscriber: LiveSubscriber): () => void {
    const set = this.#subscribers.get(organisationId) ?? new Set();
    this.#subscribers.set(organisationId, set.add(subscriber));
    if (!this.#client && !this.#timer) void this.#connect();
    return () => {
      set.delete(subscriber);
      if (set.size === 0 && this.#subscribers.get(organisationId) === set) this.#subscribers.delete(organisationId);
      if (this.#subscribers.size === 0) this.#stop();
    };
  }

  async #connect(): Promise<void> {
    this.#timer = undefined;
    const client = new pg.Client({ connectionString: this.#url, connectionTimeoutMillis: connectTimeoutMs, keepAlive: true, application_name: "sallyport-live" });
    this.#client = client;
    client.on("error", (error: unknown) => this.#lost(client, error));
    client.on("end", () => this.#lost(client, undefined));
    client.on("notification", (message) => this.#deliver(message.payload ?? ""));
    try {
      await client.connect();
      await client.query(`LISTEN ${liveChannel}`);
      if (this.#client !== client) return;
      this.#delayMs = firstDelayMs;
      if (this.#wasLost) this.#everythingStale();
      this.#wasLost = false;
    } catch (error) {
      this.#lost(client, error);
    }
  }

  #lost(client: pg.Client, error: unknown): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#wasLost = true;
    client.end().catch(() => undefined); // already broken; its end has nothing to tell
    if (this.#subscribers.size === 0) return;
    log.warn({ ...(error === undefined ? {} : errorFields(error)), retryMs: this.#delayMs }, "the live stream lost its database connection");
    this.#timer = setTimeout(() => void this.#connect(), this.#delayMs * (0.5 + Math.random() / 2));
    this.#timer.unref();
    this.#delayMs = Math.min(this.#delayMs * 2, longestDelayMs);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const client = this.#client;
    this.#client = undefined;
    this.#wasLost = false;
    client?.end().catch(() => undefined); // nobody listens any more; a failed goodbye changes nothing
  }

  #deliver(text: string): void {
    const parsed = payload.safeParse(readJson(text));
    if (!parsed.success) return;
    const { organisationId, topic, id } = parsed.data;
    for (const subscriber of this.#subscribers.get(organisationId) ?? []) subscriber({ topic, id });
  }

  #everythingStale(): void {
    for (const set of this.#subscribers.values()) for (const subscriber of set) for (const topic of liveTopic.options) subscriber({ topic, id: null });
  }
}

const hubs = new Map<string, LiveHub>();

/** Calls `subscriber` for every change in this organisation until the returned function is called. `url`: another database than the environment's, for tests. */
export function subscribeLive(organisationId: string, subscriber: LiveSubscriber, url: string = env().DATABASE_URL): () => void {
  const hub = hubs.get(url) ?? new LiveHub(url);
  hubs.set(url, hub);
  return hub.subscribe(organisationId, subscriber);
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not one of ours: anybody with the database may notify
  }
}
