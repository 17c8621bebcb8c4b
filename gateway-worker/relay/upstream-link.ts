/** Keeps one session with one upstream of the settings: dials, proves it is the right one, says hello, and dials again with jitter when it ends (T39). */
import tls from "node:tls";
import { X509Certificate } from "node:crypto";
import { relayAlpn, type RelaySettings } from "../../contract/relay.ts";
import { Backoff } from "../net/backoff.ts";
import { ciphers } from "../net/ciphers.ts";
import { explain } from "../errors.ts";
import { RelayError } from "./errors.ts";
import type { RelayIdentity } from "./identity.ts";
import { splitPem } from "./pem.ts";
import { type SessionHost, type SessionState, UpstreamSession } from "./upstream-session.ts";

export type Upstream = RelaySettings["upstreams"][number];

export type UpstreamView = { label: string; state: "connecting" | "serving" | "failed"; detail: string; since: string };

export type LinkHost = Pick<SessionHost, "hello" | "load" | "onDial"> & {
  onSession: (session: UpstreamSession) => void;
  onState: SessionHost["onState"];
  /** One sentence, told once until it changes. */
  onProblem: (label: string, sentence: string) => void;
};

/** A relay that nobody has confirmed yet knocks this often at the most, milliseconds; so it serves soon after the person pressed Confirm. */
const retryMaxMs = 5_000;
/** A session that lasted this long proves that the upstream works: the next failure starts with a short wait again. */
const provenMs = 10_000;

export class UpstreamLink {
  readonly view: UpstreamView;
  readonly #upstream: Upstream;
  readonly #rank: number;
  readonly #settings: RelaySettings;
  readonly #identity: RelayIdentity;
  readonly #host: LinkHost;
  readonly #backoff = new Backoff({ firstMs: 250, maxMs: retryMaxMs });
  #lastProblem = "";

  constructor(upstream: Upstream, rank: number, given: { settings: RelaySettings; identity: RelayIdentity; host: LinkHost }) {
    this.#upstream = upstream;
    this.#rank = rank;
    this.#settings = given.settings;
    this.#identity = given.identity;
    this.#host = given.host;
    this.view = { label: upstreamLabel(upstream), state: "connecting", detail: "", since: new Date().toISOString() };
  }

  /** Until the signal comes. A session that still carries connections then is its pool's to end. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedMs = performance.now();
      try {
        const why = await this.#session(signal);
        if (signal.aborted) return;
        this.#problem(`The session with ${this.view.label} ended: ${why || "closed by the upstream"}.`);
        if (performance.now() - startedMs > provenMs) this.#backoff.reset();
      } catch (error) {
        this.#problem(explain(error));
      }
      await pause(this.#backoff.next(), signal);
    }
  }

  /** Resolves with the reason once the session takes no more connections. */
  async #session(signal: AbortSignal): Promise<string> {
    const socket = await connectUpstream(this.#upstream, this.#settings, this.#identity, signal);
    return await new Promise<string>((resolve, reject) => {
      let hasServed = false;
      const onState = (session: UpstreamSession, state: SessionState, why: string): void => {
        this.#host.onState(session, state, why);
        if (state === "serving") {
          hasServed = true;
          this.#serving();
        } else if (hasServed) resolve(why); // before that, the refusal of the hello says more
      };
      const session = new UpstreamSession(socket, { label: this.view.label, rank: this.#rank, serverName: (this.#upstream.serverName ?? this.#upstream.host).toLowerCase() }, { ...this.#host, onState });
      this.#host.onSession(session);
      session.greet().catch(reject);
    });
  }

  #serving(): void {
    this.#lastProblem = "";
    this.#show("serving", "");
  }

  #problem(sentence: string): void {
    this.#show("failed", sentence);
    if (sentence === this.#lastProblem) return;
    this.#lastProblem = sentence;
    this.#host.onProblem(this.view.label, sentence);
  }

  #show(state: UpstreamView["state"], detail: string): void {
    if (this.view.state !== state) this.view.since = new Date().toISOString();
    this.view.state = state;
    this.view.detail = detail;
  }
}

export function upstreamLabel(upstream: { host: string; port: number }): string {
  return `${upstream.host.includes(":") ? `[${upstream.host}]` : upstream.host}:${upstream.port}`;
}

/**
 * Opens the TLS connection and checks that it is the upstream of the settings: by pin, or without pins by chain and name (X4-03). Throws RelayError
 * `upstream-unreachable` or `upstream-untrusted`.
 */
export async function connectUpstream(upstream: Upstream, settings: RelaySettings, identity: RelayIdentity, signal: AbortSignal): Promise<tls.TLSSocket> {
  const label = upstreamLabel(upstream);
  const name = upstream.serverName ?? upstream.host;
  const isName = !/^[0-9.]+$|:/.test(name);
  const socket = tls.connect({
    host: upstream.host,
    port: upstream.port,
    ...(isName ? { servername: name } : {}),
    cert: identity.certificatePem,
    key: identity.keyPem,
    ca: splitPem(settings.caPem),
    ALPNProtocols: [relayAlpn],
    minVersion: "TLSv1.2",
    ciphers,
    // The check is below: it needs a sentence, and a pin needs no chain.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    allowHalfOpen: true,
  } as tls.ConnectionOptions);
  await handshake(socket, { label, timeoutMs: settings.connectTimeoutMs, signal });
  const problem = settings.disableUpstreamValidation ? undefined : untrusted(socket, upstream, name);
  if (problem !== undefined) {
    socket.destroy();
    throw new RelayError("upstream-untrusted", `${label} is not the upstream of the settings file: ${problem}`);
  }
  if (socket.alpnProtocol !== relayAlpn) {
    socket.destroy();
    throw new RelayError("upstream-untrusted", `${label} answers TLS, and does not speak ${relayAlpn}: it is no tunnel listener of a gateway, or the gateway is older than relays; check the upstream's host and port.`);
  }
  socket.setNoDelay(true);
  return socket;
}

async function handshake(socket: tls.TLSSocket, given: { label: string; timeoutMs: number; signal: AbortSignal }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (error?: RelayError): void => {
      clearTimeout(timer);
      given.signal.removeEventListener("abort", onAbort);
      socket.off("secureConnect", onDone).off("close", onClose);
      if (!error) return resolve();
      socket.destroy();
      reject(error);
    };
    let failure: unknown;
    const timer = setTimeout(() => settle(new RelayError("upstream-unreachable", `${given.label} does not answer within ${given.timeoutMs} ms; check the firewall rule from this relay to it.`)), given.timeoutMs);
    const onDone = (): void => settle();
    const onClose = (): void => settle(unreachable(given.label, failure));
    const onAbort = (): void => settle(new RelayError("upstream-unreachable", "the relay stops"));
    socket.on("error", (error) => {
      failure = error;
      socket.destroy();
    });
    socket.on("secureConnect", onDone).on("close", onClose);
    if (given.signal.aborted) onAbort();
    else given.signal.addEventListener("abort", onAbort, { once: true });
  });
}

function unreachable(label: string, error: unknown): RelayError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ECONNREFUSED") return new RelayError("upstream-unreachable", `${label} cannot be reached: connection refused; check that the gateway runs, its tunnel listener's port, and the firewall rule from this relay to it.`, error);
  if (/^(ENOTFOUND|EAI_AGAIN)$/.test(code)) return new RelayError("upstream-unreachable", `${label} cannot be reached: the name does not resolve on this machine.`, error);
  if (/^E(HOST|NET)UNREACH$/.test(code)) return new RelayError("upstream-unreachable", `${label} cannot be reached: this machine has no route to it.`, error);
  return new RelayError("upstream-unreachable", `${label} closed the connection during the handshake; it may not be a gateway's tunnel listener, or something in between cut it.`, error);
}

/** What is wrong with the upstream's certificate, or undefined. */
function untrusted(socket: tls.TLSSocket, upstream: Upstream, name: string): string | undefined {
  const raw = socket.getPeerCertificate(false).raw;
  if (!raw) return "it presented no certificate.";
  const certificate = new X509Certificate(raw);
  const fingerprint = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
  if (upstream.pins.includes(fingerprint)) return undefined;
  if (upstream.pins.length > 0) return `its certificate has the fingerprint ${fingerprint}, which is none of the ${upstream.pins.length} pinned ones. If the gateway's certificate was renewed, download relay.json again; else something sits in between.`;
  if (!socket.authorized) return `its certificate does not come from the organisation's CA (${String(socket.authorizationError)}), and no pin is set.`;
  const fits = /^[0-9.]+$|:/.test(name) ? certificate.checkIP(name) : certificate.checkHost(name);
  return fits === undefined ? `its certificate is not for ${name}.` : undefined;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
