/**
 * One gateway's connection, from proven certificate to close:
 *
 *   open --hello--> greeted --changes--> subscribed --> closed        (open and greeted have deadlines)
 *
 * It knows what it has sent; what is new it fetches itself when it is woken. Nothing but ids to knock for and sessions to end is queued per connection, each
 * once and bounded: a gateway that reads slowly gets the newest state when it is ready for it.
 */
import type { WebSocket } from "ws";
import type { ChannelElsewhere, ControlHello, ControlMessage, ControlWelcome } from "../../contract/control.ts";
import { controlProtocol } from "../../contract/control.ts";
import { ConsoleError } from "../errors.ts";
import { errorFields, log } from "../log.ts";
import type { Caller } from "../services/caller.ts";
import type { KnownGateway } from "../services/gateway/authenticate.ts";
import { recordAhead } from "../services/gateway/record-applied.ts";
import { recordConnected, recordDisconnected, type Presence } from "../services/gateway/record-connection.ts";
import type { ReportMemory } from "../services/gateway/record-report.ts";
import type { AccessFeed } from "./access-feed.ts";
import type { SnapshotFeed } from "./snapshot-feed.ts";

/** A word at least this often, so that the gateway knows the path is alive, milliseconds. */
const aliveEveryMs = 10_000;
/** Unsent bytes on the socket above which nothing more is put into it. */
const unsentBytesMax = 4 * 1024 * 1024;
/** Ids that wait to be told, per kind, and in one message. A gateway that is this far behind finds out otherwise: agents by their next report, sessions by their end. */
const noticesMax = 20_000;
const noticesPerMessage = 1_000;
/** A snapshot that cannot be built is tried again after this, milliseconds. */
const rebuildAfterMs = 5_000;

export type ConnectionOptions = { socket: WebSocket; caller: Caller; gateway: KnownGateway; connectionKey: string; feed: AccessFeed; snapshots: SnapshotFeed; memory: ReportMemory; reportEveryMs: number };

export class GatewayConnection {
  readonly gateway: KnownGateway;
  readonly caller: Caller;
  readonly memory: ReportMemory;
  /** Newest revision in the database, told by the fan-out. */
  revisionWanted = 0;
  appliedAccessVersion = 0;
  heardAt = new Date();
  readonly #options: ConnectionOptions;
  #state: "open" | "greeted" | "subscribed" | "closed" = "open";
  #sentRevision = 0;
  #cursor = 0;
  #isAccessComplete = false;
  #rebuildAt = 0;
  readonly #notices = { knock: new Set<string>(), "end-sessions": new Set<string>() };
  readonly #elsewhere = new Map<string, ChannelElsewhere>();
  #wake: (() => void) | undefined;
  #presenceWritten = { at: 0, accessVersion: -1 };

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.gateway = options.gateway;
    this.caller = options.caller;
    this.memory = options.memory;
    options.socket.on("message", () => { this.heardAt = new Date(); });
    options.socket.on("pong", () => { this.heardAt = new Date(); });
    options.socket.on("ping", () => { this.heardAt = new Date(); });
  }

  get isGreeted(): boolean {
    return this.#state === "greeted" || this.#state === "subscribed";
  }

  /** Takes the gateway's first word; the connection counts as its presence from here. */
  async greet(hello: ControlHello): Promise<ControlWelcome> {
    if (this.#state !== "open") throw new ConsoleError("input-invalid", "This connection has said hello already.");
    if (hello.protocol !== controlProtocol) {
      const older = hello.protocol < controlProtocol ? "gateway" : "console";
      throw new ConsoleError("input-invalid", `The gateway speaks control protocol ${hello.protocol}, this console ${controlProtocol}; update the ${older}.`);
    }
    const now = new Date();
    const clockSkewMs = Math.max(-2_147_483_648, Math.min(2_147_483_647, Date.parse(hello.now) - now.getTime()));
    const startedAt = new Date(now.getTime() - Math.max(0, Date.parse(hello.now) - Date.parse(hello.startedAt)));
    this.memory.startedAt = startedAt;
    await recordConnected(this.caller, { connectionKey: this.#options.connectionKey, softwareVersion: hello.version, clockSkewMs, startedAt }, now);
    if (await recordAhead(this.caller, { revision: hello.revision, accessVersion: hello.accessVersion })) {
      log.warn({ gatewayId: this.gateway.id, gateway: this.gateway.name, revision: hello.revision, accessVersion: hello.accessVersion }, "control: a gateway has served newer versions than the database knows; the database was restored to an earlier state");
    }
    this.#sentRevision = hello.revision;
    this.#cursor = hello.accessVersion;
    this.appliedAccessVersion = hello.accessVersion;
    this.#state = "greeted";
    if (Math.abs(clockSkewMs) > 300_000) log.warn({ gatewayId: this.gateway.id, gateway: this.gateway.name, clockSkewMs }, "control: a gateway's clock differs from the console's by more than 5 minutes");
    return { protocol: controlProtocol, now: now.toISOString(), clockSkewMs, gatewayName: this.gateway.name, reportEveryMs: this.#options.reportEveryMs };
  }

  /** Everything the gateway has to know, now and from now on: access first, so that a new listener admits whom it should. */
  async *changes(signal: AbortSignal | undefined): AsyncGenerator<ControlMessage> {
    if (this.#state !== "greeted") throw new ConsoleError("input-invalid", this.#state === "open" ? "Say hello first." : "This connection is subscribed already.");
    this.#state = "subscribed";
    while (!this.#isOver(signal)) {
      const message = await this.#next();
      if (this.#isOver(signal)) return;
      if (message) {
        yield message;
        await this.#drained();
      } else if (!(await this.#wait(signal))) yield { kind: "alive", now: new Date().toISOString() };
    }
  }

  /** Something may be new. */
  wake(): void {
    this.#wake?.();
  }

  /** Passes a word on that is not state: said once to those that are connected. */
  tell(kind: "knock" | "end-sessions", ids: readonly string[]): void {
    const waiting = this.#notices[kind];
    for (const id of ids) if (waiting.size < noticesMax) waiting.add(id);
    this.wake();
  }

  /** A newer channel of an agent is open at another gateway. */
  tellElsewhere(channel: ChannelElsewhere): void {
    if (this.#elsewhere.size < noticesPerMessage || this.#elsewhere.has(channel.agentId)) this.#elsewhere.set(channel.agentId, channel);
    this.wake();
  }

  /** Ends the connection at once: `why` goes to the gateway's log. */
  end(why: string): void {
    this.#options.socket.close(4403, why.slice(0, 120));
    setTimeout(() => this.#options.socket.terminate(), 500).unref();
  }

  /** The socket is gone. */
  async closed(): Promise<void> {
    const wasGreeted = this.isGreeted;
    this.#state = "closed";
    this.#wake?.();
    if (wasGreeted) await recordDisconnected(this.caller, this.#options.connectionKey);
  }

  /** What to write about this connection's presence now: at once when access was applied, otherwise every `everyMs`. Undefined: nothing. */
  presenceDue(everyMs: number): Presence | undefined {
    if (!this.isGreeted) return undefined;
    const now = performance.now();
    const isNews = this.appliedAccessVersion !== this.#presenceWritten.accessVersion;
    if (!isNews && now - this.#presenceWritten.at < everyMs) return undefined;
    this.#presenceWritten = { at: now, accessVersion: this.appliedAccessVersion };
    return { gatewayId: this.gateway.id, connectionKey: this.#options.connectionKey, lastSeenAt: this.heardAt, appliedAccessVersion: this.appliedAccessVersion };
  }

  async #next(): Promise<ControlMessage | undefined> {
    return this.#nextNotice() ?? (await this.#nextAccess()) ?? (await this.#nextSnapshot());
  }

  #nextNotice(): ControlMessage | undefined {
    const sessionIds = takeSome(this.#notices["end-sessions"]);
    if (sessionIds.length > 0) return { kind: "end-sessions", sessionIds };
    const agentIds = takeSome(this.#notices.knock);
    if (agentIds.length > 0) return { kind: "knock", agentIds };
    const channels = [...this.#elsewhere.values()];
    this.#elsewhere.clear();
    return channels.length > 0 ? { kind: "channels-elsewhere", channels } : undefined;
  }

  async #nextAccess(): Promise<ControlMessage | undefined> {
    const { feed } = this.#options;
    if (this.#isAccessComplete && this.#cursor >= (feed.head ?? 0)) return undefined;
    const isFirst = !this.#isAccessComplete;
    const page = await feed.read(this.#cursor);
    const isNew = page.version > this.#cursor;
    this.#cursor = Math.max(this.#cursor, page.version);
    this.#isAccessComplete = page.complete;
    if (page.complete) feed.head = Math.max(feed.head ?? 0, page.version);
    // An empty first page still says "this is the whole table": a gateway without one waits for it.
    return isNew || isFirst ? { kind: "access", page } : undefined;
  }

  async #nextSnapshot(): Promise<ControlMessage | undefined> {
    if (this.revisionWanted <= this.#sentRevision || performance.now() < this.#rebuildAt) return undefined;
    try {
      const snapshot = await this.#options.snapshots.build(this.gateway.id);
      if (!snapshot || snapshot.revision <= this.#sentRevision) return undefined;
      this.#sentRevision = snapshot.revision;
      return { kind: "snapshot", snapshot };
    } catch (error) {
      this.#rebuildAt = performance.now() + rebuildAfterMs;
      log.error({ ...errorFields(error), gatewayId: this.gateway.id, gateway: this.gateway.name }, "control: the gateway's snapshot could not be built; it goes on with what it has");
      return undefined;
    }
  }

  #isOver(signal: AbortSignal | undefined): boolean {
    return this.#state === "closed" || signal?.aborted === true;
  }

  /** True when woken, false when only time passed. */
  async #wait(signal: AbortSignal | undefined): Promise<boolean> {
    if (this.#notices.knock.size + this.#notices["end-sessions"].size + this.#elsewhere.size > 0) return true; // came while we looked
    return await new Promise((resolve) => {
      const done = (isWoken: boolean): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", woken);
        this.#wake = undefined;
        resolve(isWoken);
      };
      const woken = (): void => done(true);
      const timer = setTimeout(() => done(false), aliveEveryMs);
      signal?.addEventListener("abort", woken, { once: true });
      this.#wake = woken;
    });
  }

  /** Waits until the gateway has read most of what was sent; one that stops reading is ended by the keep-alive. */
  async #drained(): Promise<void> {
    const { socket } = this.#options;
    while (socket.bufferedAmount > unsentBytesMax && socket.readyState === socket.OPEN && this.#state !== "closed") await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function takeSome(ids: Set<string>): string[] {
  const taken = [...ids].slice(0, noticesPerMessage);
  for (const id of taken) ids.delete(id);
  return taken;
}
