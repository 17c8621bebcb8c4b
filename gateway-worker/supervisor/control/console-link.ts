/**
 * One connection to the console's control channel: a tRPC client over one WebSocket over mutual TLS. It is used once: when it is lost it is thrown away,
 * so nothing is ever replayed. Everything the console answers is parsed with the contract before anybody sees it.
 */
import { createHash, X509Certificate } from "node:crypto";
import tls from "node:tls";
import { createTRPCUntypedClient, createWSClient, type TRPCUntypedClient, wsLink } from "@trpc/client";
import type { AnyTRPCRouter } from "@trpc/server";
import WebSocket, { type ClientOptions } from "ws";
import { z } from "zod";
import { type Applied, type ControlHello, type ControlMessage, type ControlReport, type ControlWelcome, controlMessage, controlWelcome, listenerCertificateReply, type LocateAgentReply, locateAgentReply } from "../../../contract/control.ts";
import { type GatewayEnrolmentReply, gatewayEnrolmentReply } from "../../../contract/enrolment.ts";
import { groupHex } from "../../../contract/fingerprint.ts";
import { type ReachAuthorisation, type ReachAuthorisationReply, reachAuthorisationReply } from "../../../contract/reach.ts";
import { classifyConsoleFailure, explain, GatewayError } from "../../errors.ts";
import type { RegisterListenerCertificate } from "../identity/listener-certificate.ts";

export type ConsoleAddress = { host: string; port: number; organisationId: string };

export type LinkOptions = {
  address: ConsoleAddress;
  /** The only trust anchors for the console's certificate. */
  caPem: string;
  /** The gateway's own certificate; absent while enrolling. */
  client?: { certificateChainPem: string; keyPem: string };
  /** Accept of the TCP connection to open WebSocket, milliseconds. */
  timeoutMs?: number;
};

/** A snapshot with 1,000 servers and policies is about 1 MB, a full access page about 1.5 MB; the console sends at most 32 MiB. */
const messageBytesMax = 32 * 1024 * 1024;
/** Longest wait for the answer to a call. */
const callTimeoutMs = 20_000;
/** The same where a person waits for a session. */
const reachTimeoutMs = 8_000;
/** The console says at least `alive` every 10 s; three missing ones mean the path is dead. */
const silenceMaxMs = 30_000;

export class ConsoleLink {
  /** Resolves with a sentence once the connection is gone, whoever ended it. */
  readonly lost: Promise<string>;
  readonly #where: string;
  readonly #socket: WebSocket;
  readonly #client: TRPCUntypedClient<AnyTRPCRouter>;
  readonly #end: () => void;

  private constructor(where: string, socket: WebSocket, client: TRPCUntypedClient<AnyTRPCRouter>, life: { lost: Promise<string>; end: () => void }) {
    this.#where = where;
    this.#socket = socket;
    this.#client = client;
    this.lost = life.lost;
    this.#end = life.end;
  }

  /** Connects and verifies the console. Rejects with `console-unreachable`, `console-untrusted` or `console-refused`. */
  static async open(options: LinkOptions): Promise<ConsoleLink> {
    const where = `${options.address.host}:${options.address.port}`;
    return await new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        clearTimeout(timer);
        end();
        reject(classifyConsoleFailure(where, error));
      };
      const timer = setTimeout(() => fail(new GatewayError("timeout", `The console at ${where} did not open the control channel in ${timeoutMs} ms; check the firewall rule from this machine to the console's control port.`)), options.timeoutMs ?? 10_000);
      const timeoutMs = options.timeoutMs ?? 10_000;
      let socket: WebSocket | undefined;
      let lose: (why: string) => void = () => {};
      const lost = new Promise<string>((settle) => { lose = settle; });
      const end = (): void => {
        // Order matters: the client is told first, so that it does not open a second socket when the first one closes.
        void client.close().catch(() => {});
        socket?.terminate();
        lose("closed by this gateway");
      };
      const adopt = (opened: WebSocket): void => {
        socket = opened;
        opened.on("open", () => {
          clearTimeout(timer);
          watchSilence(opened);
          resolve(new ConsoleLink(where, opened, createTRPCUntypedClient<AnyTRPCRouter>({ links: [wsLink({ client })] }), { lost, end }));
        });
        opened.on("unexpected-response", (_request, response) => fail(new GatewayError("console-refused", `The console at ${where} refused the control channel: ${response.statusCode ?? 0} ${String(response.headers["x-sallyport-reason"] ?? response.statusMessage ?? "")}`)));
        opened.on("error", fail);
        opened.on("close", (code, reason) => {
          void client.close().catch(() => {});
          lose(code === 1006 ? "the connection ended without a word" : `closed by the console (${code} ${reason.toString()})`);
          fail(new GatewayError("console-unreachable", `The console at ${where} closed the connection.`));
        });
      };
      class OneSocket extends WebSocket {
        constructor(url: string | URL) {
          if (socket) throw new Error("a console link is used once");
          super(url, socketOptions(options));
          adopt(this);
        }
      }
      const client = createWSClient({ url: `wss://${bracketed(options.address.host)}:${options.address.port}/control`, WebSocket: OneSocket as unknown as typeof globalThis.WebSocket, retryDelayMs: () => 3_600_000 });
    });
  }

  async enrol(input: { secret: string; csrPem: string; version: string; hostname: string }): Promise<GatewayEnrolmentReply> {
    return gatewayEnrolmentReply.parse(await this.#call("enrol", input));
  }

  async hello(input: ControlHello): Promise<ControlWelcome> {
    return controlWelcome.parse(await this.#call("hello", input));
  }

  async applied(input: Applied): Promise<void> {
    await this.#call("applied", input);
  }

  async report(input: ControlReport): Promise<void> {
    await this.#call("report", input);
  }

  readonly listenerCertificate: RegisterListenerCertificate = async (request) => listenerCertificateReply.parse(await this.#call("listenerCertificate", request));

  async authoriseReach(input: ReachAuthorisation): Promise<ReachAuthorisationReply> {
    return reachAuthorisationReply.parse(await this.#call("authoriseReach", input, reachTimeoutMs));
  }

  async locateAgent(input: { agentId: string }): Promise<LocateAgentReply> {
    return locateAgentReply.parse(await this.#call("locateAgent", input, reachTimeoutMs));
  }

  /** Subscribes to what the console sends. `onEnd` is called once, when the subscription ends without the link being lost, or a message does not fit. */
  changes(onMessage: (message: ControlMessage) => void, onEnd: (error: GatewayError) => void): void {
    this.#client.subscription("changes", undefined, {
      onData: (raw: unknown) => {
        const parsed = controlMessage.safeParse(raw);
        if (parsed.success) onMessage(parsed.data);
        else onEnd(new GatewayError("console-protocol", `The console sent something this gateway does not understand (${z.prettifyError(parsed.error).slice(0, 400)}); update the older of the two.`));
      },
      onError: (error) => onEnd(new GatewayError("console-refused", `The console ended the subscription: ${error.message}`, error)),
      onComplete: () => onEnd(new GatewayError("console-refused", "The console ended the subscription.")),
    });
  }

  /** Ends the connection. Safe to call twice. */
  close(): void {
    this.#end();
  }

  /** The console's refusal, or a timeout, as an error that says so; a lost connection as `console-unreachable`. */
  async #call(path: string, input: unknown, timeoutMs = callTimeoutMs): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new GatewayError("timeout", `The console at ${this.#where} gave no answer to ${path} in ${timeoutMs} ms.`)), timeoutMs);
    });
    try {
      return await Promise.race([this.#client.mutation(path, input), late]);
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      if (this.#socket.readyState !== WebSocket.OPEN) throw new GatewayError("console-unreachable", `The connection to the console at ${this.#where} was lost during ${path}.`, error);
      throw new GatewayError("console-refused", `The console refused ${path}: ${explain(error)}`, error);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The name by which a gateway asks for its organisation's certificate on the control port; never resolved. */
export function controlServerName(organisationId: string): string {
  return `${organisationId}.control.sallyport.internal`;
}

function socketOptions(options: LinkOptions): ClientOptions {
  const verified: tls.ConnectionOptions = {
    ca: options.caPem,
    ...(options.client ? { cert: options.client.certificateChainPem, key: options.client.keyPem } : {}),
    servername: controlServerName(options.address.organisationId),
    // Runs once the chain is accepted. The name in the handshake only chooses the organisation; what counts is the address that was dialled.
    checkServerIdentity: (_name: string, certificate: tls.PeerCertificate) => nameProblem(options.address, certificate),
    rejectUnauthorized: true,
    minVersion: "TLSv1.3",
  };
  // The types of `ws` give checkServerIdentity another shape than the runtime's `tls.connect`, which is what receives it.
  return {
    ...(verified as unknown as ClientOptions),
    maxPayload: messageBytesMax,
    perMessageDeflate: false,
    handshakeTimeout: options.timeoutMs ?? 10_000,
    followRedirects: false,
  };
}

/** The certificate must name the address that was dialled: another server of the same organisation has a certificate of the same CA. */
function nameProblem(address: ConsoleAddress, certificate: tls.PeerCertificate): Error | undefined {
  const problem = tls.checkServerIdentity(address.host, certificate);
  if (!problem) return undefined;
  return new GatewayError("console-untrusted", `What answers at ${address.host}:${address.port} has a certificate of the organisation's CA, but for other names (${certificate.subjectaltname ?? "none"}); set SALLYPORT_CONTROL_NAME on the console to ${address.host}, or use one of those names.`, problem);
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** Ends a connection on which nothing, not even a ping, arrived for a while: a dead path does not close by itself. */
function watchSilence(socket: WebSocket): void {
  let heard = performance.now();
  const hear = (): void => { heard = performance.now(); };
  socket.on("message", hear);
  socket.on("ping", hear);
  socket.on("pong", hear);
  const timer = setInterval(() => {
    if (performance.now() - heard > silenceMaxMs) socket.terminate();
    else socket.ping();
  }, 10_000).unref();
  socket.on("close", () => clearInterval(timer));
}

/**
 * First contact: asks the console for its chain without trusting it, and returns the root certificate (PEM) if, and only if, its SHA-256 is the token's.
 * The caller then connects again with that root as the only anchor; nothing is sent before.
 */
export async function fetchRootByFingerprint(address: ConsoleAddress, caFingerprint: string, timeoutMs = 10_000): Promise<string> {
  const where = `${address.host}:${address.port}`;
  const chain = await presentedChain(address, timeoutMs).catch((error: unknown) => { throw classifyConsoleFailure(where, error); });
  const root = chain.find((certificate) => createHash("sha256").update(certificate.raw).digest("hex") === caFingerprint);
  if (!root?.ca || root.issuer !== root.subject) {
    const last = chain.at(-1);
    const found = last ? groupHex(createHash("sha256").update(last.raw).digest("hex")) : "no certificate";
    throw new GatewayError("console-untrusted", `What answers at ${where} is not the console that made the token: its chain ends in ${found}, the token expects ${groupHex(caFingerprint)}. Check the address, and anything in between that answers TLS itself. Nothing was sent.`);
  }
  return root.toString();
}

async function presentedChain(address: ConsoleAddress, timeoutMs: number): Promise<X509Certificate[]> {
  return await new Promise((resolve, reject) => {
    const socket = tls.connect({ host: address.host, port: address.port, servername: controlServerName(address.organisationId), rejectUnauthorized: false, minVersion: "TLSv1.3" });
    const timer = setTimeout(() => socket.destroy(new GatewayError("timeout", `The console at ${address.host}:${address.port} did not finish the TLS handshake in ${timeoutMs} ms.`)), timeoutMs);
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(timer);
      reject(new Error("the connection was closed during the TLS handshake"));
    });
    socket.on("secureConnect", () => {
      const chain: X509Certificate[] = [];
      const seen = new Set<string>();
      for (let current: tls.DetailedPeerCertificate | undefined = socket.getPeerCertificate(true); current?.raw && !seen.has(current.fingerprint256) && chain.length < 10; current = current.issuerCertificate) {
        seen.add(current.fingerprint256);
        chain.push(new X509Certificate(current.raw));
      }
      socket.destroy();
      resolve(chain);
    });
  });
}
