/**
 * What the console is to be told of tasks: signed with the agent's certificate key, sealed to the console's key, sent in order until it is taken. Sealed at the moment
 * of sending, so that a change of keys in between does no harm.
 */
import { createPrivateKey } from "node:crypto";
import { CompactEncrypt, CompactSign, importJWK } from "jose";
import type { z } from "zod";
import { commandAlgorithms, type commandRejection, type TaskResult, resultType } from "../../contract/command.ts";
import type { AgentWork } from "../work.ts";

type Rejection = z.infer<typeof commandRejection>;

const resultsPerUpload = 20;
/** Characters of output of one upload: in the worst case ten bytes each when sealed; the agent site takes 1 MiB. */
const outputPerUpload = 90_000;
const rejectionsPerUpload = 100;
const rejectionsMax = 500;
/** Output that waits for a connection; a task that makes more waits too, characters. */
const roomyBelow = 8_000_000;

export class Outbox {
  readonly #work: AgentWork;
  readonly #onTold: (result: TaskResult) => void;
  #results: TaskResult[] = [];
  #rejections: Rejection[] = [];
  #unlisted = new Map<string, number>();
  #flushing: Promise<void> | undefined;
  #outputWaiting = 0;
  #waiters: (() => void)[] = [];

  /** `onTold`: the console has taken this result, or will never take it. */
  constructor(work: AgentWork, onTold: (result: TaskResult) => void) {
    this.#work = work;
    this.#onTold = onTold;
  }

  add(result: TaskResult): void {
    this.#results.push(result);
    this.#outputWaiting += result.output.length;
  }

  /** A thousand of the same are told as one with their number. */
  reject(rejection: Rejection): void {
    if (this.#rejections.length < rejectionsMax && (rejection.commandId !== null || !this.#rejections.some((known) => known.commandId === null && known.code === rejection.code))) this.#rejections.push(rejection);
    else this.#unlisted.set(rejection.code, (this.#unlisted.get(rejection.code) ?? 0) + 1);
  }

  get isEmpty(): boolean {
    return this.#results.length === 0 && this.#rejections.length === 0;
  }

  /** Resolves when there is room for more output. */
  async room(): Promise<void> {
    while (this.#outputWaiting > roomyBelow) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Sends all there is. Rejects when the console cannot be reached; everything that it did not take is kept for the next time. */
  flush(): Promise<void> {
    this.#flushing ??= this.#sendAll().finally(() => (this.#flushing = undefined));
    return this.#flushing;
  }

  async #sendAll(): Promise<void> {
    while (this.#rejections.length > 0) await this.#sendRejections();
    while (this.#results.length > 0) await this.#sendResults();
  }

  async #sendRejections(): Promise<void> {
    const sent = this.#rejections.slice(0, rejectionsPerUpload);
    const told = sent.map((rejection) => {
      const more = rejection.commandId === null ? this.#unlisted.get(rejection.code) : undefined;
      return more === undefined ? rejection : { ...rejection, detail: `${rejection.detail} (${more} more like it)`.slice(0, 500) };
    });
    await this.#work.ask({ method: "POST", path: "/v1/rejections", body: { rejections: told } });
    this.#rejections = this.#rejections.slice(sent.length);
    for (const rejection of sent) if (rejection.commandId === null) this.#unlisted.delete(rejection.code);
  }

  async #sendResults(): Promise<void> {
    const sent = this.#nextUpload();
    try {
      await this.#upload(sent);
    } catch (error) {
      if (!isRefused(error)) throw error;
      // Another console key may be in use, or one of them can never be taken: once more with the present policy, each on its own.
      await this.#work.refreshPolicy();
      for (const result of sent) await this.#uploadAlone(result);
    }
    this.#results = this.#results.slice(sent.length);
    this.#outputWaiting -= sent.reduce((sum, result) => sum + result.output.length, 0);
    for (const result of sent) this.#onTold(result);
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  #nextUpload(): TaskResult[] {
    const chosen: TaskResult[] = [];
    let output = 0;
    for (const result of this.#results.slice(0, resultsPerUpload)) {
      output += result.output.length;
      if (chosen.length > 0 && output > outputPerUpload) break;
      chosen.push(result);
    }
    return chosen;
  }

  async #uploadAlone(result: TaskResult): Promise<void> {
    try {
      await this.#upload([result]);
    } catch (error) {
      if (!isRefused(error)) throw error;
      this.#work.log.error("the management server does not take a task's result", { task: result.taskId, sequence: result.sequence, reason: error instanceof Error ? error.message : String(error) });
    }
  }

  async #upload(results: readonly TaskResult[]): Promise<void> {
    const sealed: string[] = [];
    for (const result of results) sealed.push(await this.#seal(result));
    await this.#work.ask({ method: "POST", path: "/v1/results", body: { results: sealed } });
  }

  async #seal(result: TaskResult): Promise<string> {
    const identity = this.#work.identity();
    const [key] = this.#work.policy().consoleKeys.encryption;
    if (!identity || !key) throw new Error("the policy names no key of the console to seal results to");
    const { signature, keyManagement, encryption } = commandAlgorithms;
    const signed = await new CompactSign(new TextEncoder().encode(JSON.stringify(result))).setProtectedHeader({ alg: signature, typ: resultType }).sign(createPrivateKey(identity.keyPem));
    return new CompactEncrypt(new TextEncoder().encode(signed)).setProtectedHeader({ alg: keyManagement, enc: encryption, kid: key.kid, cty: "JWT" }).encrypt(await importJWK(key, keyManagement));
  }
}

/** The console read it and will not take it; anything else may be tried again. */
function isRefused(error: unknown): boolean {
  return error instanceof Error && /answered 4\d\d \((command-invalid|input-invalid|too-large|not-found)\)/.test(error.message);
}
