/**
 * Wake-ups from PostgreSQL on a connection of its own: LISTEN for changes, with reconnect. A NOTIFY is only a hint; whoever listens here also polls by version,
 * so a lost connection or a lost NOTIFY costs time, never a change.
 *
 *   connecting -> listening -> (lost) waiting -> connecting ...      stopped is final
 */
import pg from "pg";
import { z } from "zod";
import { type ChannelElsewhere, channelElsewhere } from "../../contract/control.ts";
import { errorFields, log } from "../log.ts";
import { controlChannel, liveChannel } from "../services/change/publish.ts";

export type Hint =
  /** New access entries in this organisation. */
  | { kind: "access"; organisationId: string }
  /** A gateway's revision, or whether it may be connected at all, may have changed. `gatewayId` null: any of them. */
  | { kind: "gateways"; organisationId: string; gatewayId: string | null }
  /** Commands wait for these agents; these sessions of reverse access were ended by a person. Only said, not polled for: agents' status reports and the sessions' own reports are behind it. */
  | { kind: "knock" | "end-sessions"; organisationId: string; ids: string[] }
  /** This gateway holds an older channel of an agent than another one. */
  | { kind: "channel-elsewhere"; organisationId: string; gatewayId: string; channel: ChannelElsewhere }
  /** The connection is back: anything may have been missed. */
  | { kind: "everything" };

const controlHint = z.discriminatedUnion("kind", [
  z.object({ organisationId: z.string(), kind: z.enum(["snapshot", "access"]), gatewayId: z.string().nullable() }),
  z.object({ organisationId: z.string(), kind: z.enum(["knock", "end-sessions"]), ids: z.array(z.uuid()).min(1).max(1_000) }),
  z.object({ organisationId: z.string(), kind: z.literal("channel-elsewhere"), gatewayId: z.uuid(), channel: channelElsewhere }),
]);
const liveHint = z.object({ organisationId: z.string(), topic: z.string(), id: z.string().nullable() });

const connectTimeoutMs = 5_000;
const firstDelayMs = 250;
const longestDelayMs = 10_000;
/** A stopped server answers nothing and closes nothing: asked this often, given this long (H13). */
const probeEveryMs = 10_000;
const probeTimeoutMs = 5_000;

export class HintListener {
  readonly #url: string;
  readonly #onHint: (hint: Hint) => void;
  #client: pg.Client | undefined;
  #retry: NodeJS.Timeout | undefined;
  #probe: NodeJS.Timeout | undefined;
  #delayMs = firstDelayMs;
  #isStopped = false;

  constructor(url: string, onHint: (hint: Hint) => void) {
    this.#url = url;
    this.#onHint = onHint;
  }

  start(): void {
    void this.#connect();
  }

  /** Ends the connection; safe to call twice. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#retry);
    clearInterval(this.#probe);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined); // broken already; there is nothing left to end
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({ connectionString: this.#url, connectionTimeoutMillis: connectTimeoutMs, query_timeout: probeTimeoutMs, keepAlive: true, application_name: "sallyport-control-hints" });
    this.#client = client;
    client.on("error", (error: unknown) => this.#lost(client, error));
    client.on("end", () => this.#lost(client, new Error("the connection ended")));
    client.on("notification", (message) => this.#deliver(message.channel, message.payload ?? ""));
    try {
      await client.connect();
      await client.query(`LISTEN ${controlChannel}`);
      await client.query(`LISTEN ${liveChannel}`);
      if (this.#client !== client) return;
      this.#delayMs = firstDelayMs;
      this.#probe = setInterval(() => void client.query("SELECT 1").catch((error: unknown) => this.#lost(client, error)), probeEveryMs).unref();
      this.#onHint({ kind: "everything" });
    } catch (error) {
      this.#lost(client, error);
    }
  }

  #lost(client: pg.Client, error: unknown): void {
    if (this.#client !== client || this.#isStopped) return;
    this.#client = undefined;
    clearInterval(this.#probe);
    client.end().catch(() => undefined); // it is broken; its end has nothing to tell
    const delayMs = this.#delayMs * (0.5 + Math.random() / 2);
    log.warn({ ...errorFields(error), retryMs: Math.round(delayMs) }, "control: no wake-ups from the database; changes are found by polling until it is back");
    this.#retry = setTimeout(() => void this.#connect(), delayMs).unref();
    this.#delayMs = Math.min(this.#delayMs * 2, longestDelayMs);
  }

  #deliver(channel: string, payload: string): void {
    const raw = readJson(payload);
    if (channel === controlChannel) {
      const parsed = controlHint.safeParse(raw);
      if (!parsed.success) return;
      this.#onHint(hintOf(parsed.data));
      return;
    }
    const parsed = liveHint.safeParse(raw);
    // Deleting a gateway tells open pages; its channel must end at the same moment.
    if (parsed.success && parsed.data.topic === "gateway") this.#onHint({ kind: "gateways", organisationId: parsed.data.organisationId, gatewayId: parsed.data.id });
  }
}

function hintOf(notice: z.infer<typeof controlHint>): Hint {
  const { organisationId } = notice;
  if ("channel" in notice) return { kind: notice.kind, organisationId, gatewayId: notice.gatewayId, channel: notice.channel };
  if ("ids" in notice) return { kind: notice.kind, organisationId, ids: notice.ids };
  return notice.kind === "access" ? { kind: "access", organisationId } : { kind: "gateways", organisationId, gatewayId: notice.gatewayId };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not one of ours: anybody with the database may notify
  }
}
