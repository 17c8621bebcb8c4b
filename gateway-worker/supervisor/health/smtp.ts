/**
 * SMTP check (S3-16 to S3-19, N6): greeting, EHLO, STARTTLS where wanted, QUIT. With a next hop configured it tells three states apart: a
 * member that accepts the connection but cannot greet, because what it forwards to is gone, is up itself.
 */
import type { HealthCheck, SeenCertificate } from "../../../contract/health-check.ts";
import { endpointText, ProbeFailure, quoted } from "./failure-words.ts";
import type { CheckResult } from "./member-state.ts";
import type { ProbeMeans } from "./probe-means.ts";
import { type CheckDeadline, type ProbeEndpoint, ProbeSocket } from "./probe-socket.ts";
import { offers, readSmtpReply, replyText, type SmtpReply } from "./smtp-reply.ts";
import { secure } from "./tls.ts";

type SmtpCheck = Extract<HealthCheck, { kind: "smtp" }>;
type Given = { name: string; endpoint: ProbeEndpoint; check: SmtpCheck; means: ProbeMeans; deadline: CheckDeadline };

/** The member accepted the connection, then behaved as a proxy does whose next hop is gone: silence, a close or a 4xx before it was ready. */
class NotReady extends ProbeFailure {
  constructor(sentence: string, options?: ErrorOptions) {
    super("talk", sentence, options);
  }
}

/** Throws ProbeFailure or CertificateFailure when the member is down. */
export async function probeSmtp(given: Given): Promise<CheckResult> {
  const { name, check } = given;
  const { nextHop } = check;
  if (nextHop === null) return { state: "up", cause: `${name}: up`, certificate: await talk(given) };
  // Both at once: a member that stays silent uses up the whole time, and the next hop must have been asked by then.
  const [own, hop] = await Promise.allSettled([talk(given), greets({ host: nextHop.host, port: nextHop.port, label: `next hop ${endpointText(nextHop.host, nextHop.port)}` }, given)]);
  const hopProblem = hop.status === "fulfilled" ? hop.value : "the next hop could not be probed";
  if (own.status === "fulfilled") return withGreeting(name, own.value, hopProblem);
  if (!(own.reason instanceof NotReady)) throw own.reason;
  const hopLabel = `next hop ${endpointText(nextHop.host, nextHop.port)}`;
  const chain = hopProblem === undefined
    ? `${own.reason.message}; ${hopLabel} answers this gateway, so check the way from ${name} to it, and ${name} itself`
    : `${hopProblem} when this gateway probed it; ${own.reason.message}`;
  return { state: "next-hop", cause: `${name}: up; ${chain}`, certificate: null };
}

function withGreeting(name: string, certificate: SeenCertificate | null, hopProblem: string | undefined): CheckResult {
  if (hopProblem === undefined) return { state: "up", cause: `${name}: up`, certificate };
  return { state: "next-hop", cause: `${name}: up; ${hopProblem} when this gateway probed it; ${name} itself still answers`, certificate };
}

/** What is wrong with the next hop, or undefined when it greets with 220. Never throws a ProbeFailure. */
async function greets(endpoint: ProbeEndpoint, given: Given): Promise<string | undefined> {
  try {
    const line = await SmtpLine.open(endpoint, given);
    try {
      await line.greeting();
      line.quit();
      return undefined;
    } finally {
      line.close();
    }
  } catch (error) {
    if (error instanceof ProbeFailure) return error.message;
    throw error;
  }
}

async function talk(given: Given): Promise<SeenCertificate | null> {
  const line = await SmtpLine.open(given.endpoint, given);
  try {
    await line.greeting();
    const hello = await line.hello(given.check.ehloName);
    if (given.check.startTls === "off") return line.quit();
    const certificate = await line.startTls(hello, given);
    line.quit();
    return certificate;
  } finally {
    line.close();
  }
}

class SmtpLine {
  readonly #socket: ProbeSocket;
  #bytes: Buffer = Buffer.alloc(0);
  #isQuitting = false;

  private constructor(socket: ProbeSocket) {
    this.#socket = socket;
  }

  static async open(endpoint: ProbeEndpoint, given: Given): Promise<SmtpLine> {
    try {
      return new SmtpLine(await ProbeSocket.connect(endpoint, given.means, given.deadline));
    } catch (error) {
      throw error instanceof ProbeFailure && error.where === "talk" ? new NotReady(error.message, { cause: error }) : error;
    }
  }

  async greeting(): Promise<void> {
    const reply = await this.#beforeReady("its greeting came");
    if (reply.code === 220) return;
    this.#refuse(reply, `greeted with ${quoted(replyText(reply))} instead of 220`);
  }

  /** The reply to EHLO; a server that does not know it is asked with HELO (RFC 5321 section 4.1.4) and offers nothing. */
  async hello(name: string): Promise<SmtpReply> {
    this.#socket.write(`EHLO ${name}\r\n`);
    const reply = await this.#beforeReady("it answered EHLO");
    if (reply.code === 250) return reply;
    if (reply.code !== 500 && reply.code !== 502 && reply.code !== 504) return this.#refuse(reply, `answered EHLO with ${quoted(replyText(reply))}`);
    this.#socket.write(`HELO ${name}\r\n`);
    const old = await this.#beforeReady("it answered HELO");
    return old.code === 250 ? { code: 250, lines: old.lines.slice(0, 1) } : this.#refuse(old, `answered EHLO with ${quoted(replyText(reply))} and HELO with ${quoted(replyText(old))}`);
  }

  async startTls(hello: SmtpReply, given: Given): Promise<SeenCertificate | null> {
    const { label } = this.#socket;
    if (!offers(hello, "STARTTLS")) throw new ProbeFailure("talk", `${label} does not offer STARTTLS, which the check requires`);
    this.#socket.write("STARTTLS\r\n");
    const reply = await this.#reply("it answered STARTTLS");
    if (reply.code !== 220) throw new ProbeFailure("talk", `${label} offers STARTTLS but answered it with ${quoted(replyText(reply))}`);
    // Plain text after the answer would be taken for the first words inside TLS.
    if (this.#bytes.length > 0) throw new ProbeFailure("talk", `${label} went on in plain text after it had agreed to STARTTLS`);
    return await secure(this.#socket, { settings: given.check, memberHost: given.endpoint.host, means: given.means });
  }

  quit(): null {
    this.#isQuitting = true;
    this.#socket.finish("QUIT\r\n");
    return null;
  }

  close(): void {
    if (!this.#isQuitting) this.#socket.destroy();
  }

  /** Until EHLO is answered, silence and a close may be the next hop's fault. */
  async #beforeReady(awaited: string): Promise<SmtpReply> {
    try {
      return await this.#reply(awaited);
    } catch (error) {
      if (error instanceof ProbeFailure && !(error instanceof NoSmtp)) throw new NotReady(error.message, { cause: error });
      throw error;
    }
  }

  async #reply(awaited: string): Promise<SmtpReply> {
    for (;;) {
      const reading = readSmtpReply(this.#bytes);
      if (reading.kind === "refused") throw new NoSmtp(`${this.#socket.label} sent ${reading.detail}: ${quoted(this.#bytes.toString("latin1", 0, 120), 60)}`);
      if (reading.kind === "reply") {
        this.#bytes = this.#bytes.subarray(reading.length);
        return reading.reply;
      }
      const bytes = await this.#socket.read(awaited);
      if (bytes === null) throw new ProbeFailure("talk", `${this.#socket.label} closed the connection before ${awaited}`);
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
    }
  }

  /** 4xx: not now, perhaps because of the next hop. 5xx: not ever. */
  #refuse(reply: SmtpReply, what: string): never {
    const sentence = `${this.#socket.label} ${what}`;
    if (reply.code >= 400 && reply.code < 500) throw new NotReady(sentence);
    throw new ProbeFailure("talk", sentence);
  }
}

/** Bytes that are no SMTP: the wrong port, which no next hop explains. */
class NoSmtp extends ProbeFailure {
  constructor(sentence: string) {
    super("talk", sentence);
  }
}
