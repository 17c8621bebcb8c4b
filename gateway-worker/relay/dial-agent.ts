/**
 * The way to agents that listen (X4-01): the gateway names host and port, the relay connects and joins the two. TLS of this leg is wire encryption
 * only, its certificate is not checked (S4-39 to S4-42): inside it the agent is the TLS client and proves itself to the gateway, end to end.
 */
import dns from "node:dns";
import net from "node:net";
import tls from "node:tls";
import { relayAnswer, type RelaySettings, type UpstreamStreamHead } from "../../contract/relay.ts";
import { canonicalHost, isIpv4, parseIpv6 } from "../../contract/names.ts";
import { connectTcp } from "../net/connect.ts";
import type { DeadlineWheel, Timed } from "../net/deadline.ts";
import { Splice, type SpliceOwner } from "../net/splice.ts";
import { subnetList } from "../net/sources.ts";
import { writeStreamHead } from "../net/stream-head.ts";
import type { YamuxStream } from "../net/yamux.ts";
import { forbiddenAddress, ownAddresses } from "../upstream/addresses.ts";

export type DialHost = {
  wheel: DeadlineWheel;
  idleTimeoutMs: number;
  onBytes: (length: number, isUp: boolean) => void;
  onOpened: () => void;
  onFailed: (detail: string) => void;
};

type DialHead = Extract<UpstreamStreamHead, { kind: "dial" }>;

/** Answers of one name that are tried. */
const addressesMax = 4;

export class AgentDialer {
  readonly #isListed: (address: string) => boolean;
  readonly #host: DialHost;

  constructor(settings: Pick<RelaySettings, "dialNetworks">, host: DialHost) {
    this.#isListed = subnetList(settings.dialNetworks);
    this.#host = host;
  }

  /** Connects, answers on the stream, and joins the two. Never rejects. */
  async dial(head: DialHead, stream: YamuxStream): Promise<void> {
    const outcome = await this.#connect(head, stream);
    if (typeof outcome === "string") {
      this.refuse(outcome, stream);
      return;
    }
    if (stream.destroyed) {
      outcome.secure.destroy();
      return;
    }
    this.#host.onOpened();
    stream.write(writeStreamHead({ kind: "accepted" }));
    new DialledLeg(stream, outcome, this.#host).start();
  }

  /** Answers that it is not done, and why. */
  refuse(detail: string, stream: YamuxStream): void {
    this.#host.onFailed(detail);
    stream.end(writeStreamHead(relayAnswer.parse({ kind: "refused", code: "relay-dial-failed", detail: detail.slice(0, 500) })));
    stream.resume();
  }

  async #connect(head: DialHead, stream: YamuxStream): Promise<Dialled | string> {
    const addresses = await this.#addresses(head);
    if (!Array.isArray(addresses)) return addresses;
    const failures: string[] = [];
    for (const address of addresses) {
      const raw = await connectTcp(address, head.port, head.timeoutMs);
      if (stream.destroyed) break;
      const outcome = raw instanceof net.Socket ? await encrypt(raw, head.timeoutMs) : raw === "timeout" ? `did not answer within ${head.timeoutMs} ms` : "connection refused";
      if (typeof outcome !== "string") return outcome;
      failures.push(`${address} port ${head.port}: ${outcome}`);
    }
    return failures.join("; ") || "the gateway gave up";
  }

  async #addresses(head: DialHead): Promise<string[] | string> {
    const isAddress = isIpv4(head.host) || parseIpv6(head.host) !== undefined;
    const found = isAddress ? [head.host] : await resolve(canonicalHost(head.host) ?? head.host, head.timeoutMs);
    if (found.length === 0) return `${head.host} does not resolve on the relay`;
    const own = ownAddresses();
    const reasons: string[] = [];
    const allowed = found.filter((address) => {
      const reason = this.#isListed(address) ? undefined : forbiddenAddress(address, own)?.replace("the gateway itself", "the relay itself");
      if (reason !== undefined) reasons.push(reason);
      return reason === undefined;
    });
    return allowed.length > 0 ? allowed.slice(0, addressesMax) : `${reasons.join("; ")}, which a relay does not dial unless "dialNetworks" in relay.json has it`;
  }
}

type Dialled = { raw: net.Socket; secure: tls.TLSSocket };

/** TLS as a client on a connected socket; a sentence when it fails. Older agents may present anything: what protects the payload is inside. */
async function encrypt(raw: net.Socket, timeoutMs: number): Promise<Dialled | string> {
  return await new Promise((settleWith) => {
    const secure = tls.connect({ socket: raw, rejectUnauthorized: false, checkServerIdentity: () => undefined, minVersion: "TLSv1.2", allowHalfOpen: true } as tls.ConnectionOptions);
    const settle = (outcome: Dialled | string): void => {
      clearTimeout(timer);
      secure.off("secureConnect", onDone).off("close", onClose);
      if (typeof outcome === "string") secure.destroy();
      settleWith(outcome);
    };
    const timer = setTimeout(() => settle(`no TLS handshake within ${timeoutMs} ms`), timeoutMs);
    const onDone = (): void => {
      secure.pause();
      settle({ raw, secure });
    };
    const onClose = (): void => settle("it closed the connection during the TLS handshake; is it an agent that listens?");
    secure.on("error", () => secure.destroy()).on("secureConnect", onDone).on("close", onClose);
  });
}

async function resolve(host: string, timeoutMs: number): Promise<string[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string[]>((settle) => (timer = setTimeout(() => settle([]), timeoutMs)));
  const found = dns.promises.lookup(host, { all: true, order: "verbatim" }).then((answers) => answers.map((answer) => answer.address), () => []);
  const answers = await Promise.race([found, late]);
  clearTimeout(timer);
  return answers;
}

/** The joined pair, with an idle deadline. */
class DialledLeg implements Timed, SpliceOwner {
  deadlineMs: number;
  readonly #host: DialHost;
  readonly #splice: Splice;

  constructor(stream: YamuxStream, dialled: Dialled, host: DialHost) {
    this.#host = host;
    this.deadlineMs = host.wheel.nowMs + host.idleTimeoutMs;
    this.#splice = new Splice({ client: dialled.secure, clientRaw: dialled.raw, server: stream, serverRaw: stream, owner: this });
  }

  start(): void {
    this.#host.wheel.add(this);
    this.#splice.start();
  }
  onDeadline(): void {
    this.#splice.close();
  }
  onBytes(length: number, isUp: boolean): void {
    this.deadlineMs = this.#host.wheel.nowMs + this.#host.idleTimeoutMs;
    this.#host.onBytes(length, isUp);
  }
  onHalfClose(): void {}
  onSpliceEnd(): void {
    this.deadlineMs = Infinity;
    this.#host.wheel.remove(this);
  }
}
