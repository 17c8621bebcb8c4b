/**
 * One request and its response: picks the member, sends the request once its whole head is in, and passes both bodies on with
 * back-pressure and deadlines. A request goes to a second member only while nothing of it was sent, or when a reused connection died
 * before a response and repeating does no harm (T30).
 *
 *   dialling -> uploading -> waiting -> responding -> over
 *       \____________\___________\___________\_____/   (refused, cut, or the client left)
 */
import type net from "node:net";
import type { Readable } from "node:stream";
import type { RefusalCode } from "../../contract/error-codes.ts";
import type { SnapshotMember } from "../../contract/pool.ts";
import type { SnapshotService } from "../../contract/virtual-service.ts";
import type { Timed } from "../net/deadline.ts";
import type { MemberFailure } from "../upstream/member-tls.ts";
import { answerOf } from "./answer.ts";
import type { ClientConnection } from "./client-connection.ts";
import type { ClientSide } from "./client-side.ts";
import { KeptSession } from "./kept-session.ts";
import type { Leg } from "./member-connections.ts";
import { authorityFor, clientFields, memberFields, passingTrailers, valuesOf } from "./member-fields.ts";
import { requestOne } from "./member-one.ts";
import type { MemberEvents, MemberRequest, MemberRequestHead, MemberResponse } from "./member-request.ts";
import { judgeResponse } from "./response-head.ts";
import type { RawFields, RequestHead } from "./request-head.ts";
import { Tunnel } from "./tunnel.ts";

/** Members tried for one request: with more the client would wait for minutes of dials. */
const attemptsMax = 4;
/** Interim responses of one request; more are no use to anybody and may have no end (T30). */
const informsMax = 16;
/** RFC 9110 section 9.2.2. */
const idempotent = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

export type ExchangeOptions = { connection: ClientConnection; service: SnapshotService; head: RequestHead; side: ClientSide; /** Token of an Upgrade that this request may make. */ upgrade: string | null };

export class Exchange implements Timed {
  deadlineMs = Infinity;
  readonly #connection: ClientConnection;
  readonly #service: SnapshotService;
  readonly #head: RequestHead;
  readonly #side: ClientSide;
  readonly #upgrade: string | null;
  readonly #kept: KeptSession;
  readonly #tried = new Set<string>();
  #member: SnapshotMember | undefined;
  #request: MemberRequest | undefined;
  #state: "dialling" | "uploading" | "waiting" | "responding" | "over" = "dialling";
  /** The whole request is with the member; its whole response is here. */
  #isSent = false;
  #isReceived = false;
  #informs = 0;
  #bodyBytes = 0;
  /** What the deadline means when it comes. */
  #waitsFor: "client" | "member" = "member";

  constructor({ connection, service, head, side, upgrade }: ExchangeOptions) {
    this.#connection = connection;
    this.#service = service;
    this.#head = head;
    this.#side = side;
    this.#upgrade = upgrade;
    this.#kept = new KeptSession({ service, head, isTls: connection.facts.isTls, table: connection.engine.pools, nowMs: Date.now() });
    side.onClose(() => this.#over());
  }

  get isOver(): boolean {
    return this.#state === "over";
  }

  /** True while nothing of a response was sent: a refusal can still be told. */
  get canRefuse(): boolean {
    return !this.isOver && !this.#side.hasResponded;
  }

  start(): void {
    const { bodyBytesMax } = this.#service.limits;
    const { framing } = this.#head;
    if (bodyBytesMax !== null && framing.kind === "length" && framing.bytes > bodyBytesMax) return this.refuse("http-body-too-large", `the body has ${framing.bytes} bytes; the service takes ${bodyBytesMax}`);
    this.#connection.engine.wheel.add(this);
    void this.#findMember();
  }

  /** Answers with one of our own codes, or cuts the response when one is already under way. */
  refuse(code: RefusalCode, detail: string, status?: number): void {
    if (this.isOver) return;
    this.#connection.refused(code, detail, this.#head);
    if (!this.canRefuse) return this.cut();
    const answer = answerOf(code, this.#connection.id, status);
    this.#connection.engine.counts.responded(this.#service.id, answer.status);
    this.#request?.destroy();
    this.#request = undefined;
    this.#state = "responding";
    this.#side.respond({ status: answer.status, reason: answer.reason, fields: answer.fields, hasBody: this.#head.method !== "HEAD", closes: !this.#side.isBodyComplete });
    if (this.#head.method !== "HEAD") this.#side.write(answer.body);
    this.#side.finish([]);
    this.#wait(this.#service.limits.bodyTimeoutMs, "client");
  }

  /** Ends both halves now. */
  cut(): void {
    if (this.isOver) return;
    this.#side.cut();
    this.#over();
  }

  onDeadline(): void {
    if (this.isOver) return;
    const { limits } = this.#service;
    if (this.#state === "responding") return this.cut();
    if (this.#waitsFor === "client") return this.refuse("http-timeout", `nothing of the body came for ${limits.bodyTimeoutMs} ms`);
    this.refuse("member-timeout", `${this.#member?.name ?? "the member"} did not answer within ${limits.responseTimeoutMs} ms`);
  }

  async #findMember(): Promise<void> {
    const { engine } = this.#connection;
    const failures: MemberFailure[] = [];
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const pick = engine.pools.pick({ service: this.#service, source: this.#connection.facts.source.address, kept: this.#kept.kept, exclude: this.#tried.size === 0 ? undefined : this.#tried, persistence: this.#kept.persistence, nowMs: Date.now() });
      if (pick.kind === "none") return this.#nobody(pick, failures);
      const leg = await this.#acquire(pick.member, false);
      if (leg === undefined) return;
      if (leg.kind !== "failed") return this.#send(pick.member, leg);
      failures.push(leg);
      this.#tried.add(pick.member.id);
    }
    this.#nobody({ code: "service-no-member", detail: `${attemptsMax} members were tried` }, failures);
  }

  /** Counts the member as used before it is dialled. Undefined: the client left meanwhile, or its request was refused. */
  async #acquire(member: SnapshotMember, isFresh: boolean): Promise<Leg | MemberFailure | undefined> {
    const { engine, facts, id } = this.#connection;
    engine.pools.opened(this.#service.id, member.id);
    const leg = await engine.members.acquire({ service: this.#service, member, client: { id, ...facts }, isFresh, isPrivate: this.#connection.isPrivate || hasConnectionLogin(valuesOf(this.#head.fields, "authorization")), isUpgrade: this.#upgrade !== null, caller: this });
    const isWanted = this.#state === "dialling";
    if (isWanted && leg.kind !== "failed") return leg;
    engine.pools.closed(this.#service.id, member.id);
    if (leg.kind === "one") engine.members.release(leg.socket, leg.key, undefined);
    return isWanted ? leg : undefined;
  }

  #nobody({ code, detail }: { code: RefusalCode; detail: string }, failures: MemberFailure[]): void {
    // A certificate or handshake that was refused is worth more to the operator than "nobody".
    const first = failures.find((failure) => failure.code === "member-certificate" || failure.code === "member-tls");
    this.refuse(first?.code ?? code, [...failures.map((failure) => failure.detail), detail].join("; ").slice(0, 500));
  }

  #send(member: SnapshotMember, leg: Leg): void {
    this.#member = member;
    const events: MemberEvents = {
      onInform: (status, fields) => this.#guarded(() => this.#onInform(status, fields)),
      onResponse: (response) => this.#guarded(() => this.#onResponse(response)),
      onUpgrade: (fields, socket, first) => this.#guarded(() => this.#onUpgrade(fields, socket, first)),
      onDrain: () => this.#side.body.resume(),
      onError: (error) => this.#onError(error, leg),
    };
    const head = this.#memberHead(member);
    try {
      this.#request = leg.kind === "two" ? leg.session.request(head, events) : requestOne(leg.socket, head, events, (keepAliveMs) => this.#connection.engine.members.release(leg.socket, leg.key, keepAliveMs));
    } catch (cause) {
      // A session that closed in this very moment, or a field that the runtime refuses to write.
      if (leg.kind === "one") leg.socket.destroy();
      return this.#onError(cause instanceof Error ? cause : new Error(String(cause)), leg);
    }
    if (this.#head.framing.kind === "none") this.#bodySent([]);
    else this.#upload(this.#request);
  }

  /** What the runtime refuses to write for the client is the member's fault, and no reason for the engine to die. */
  #guarded(step: () => void): void {
    try {
      step();
    } catch (cause) {
      this.refuse("member-response", `${this.#member?.name ?? "the member"}: ${cause instanceof Error ? cause.message : String(cause)}`.slice(0, 500));
    }
  }

  #memberHead(member: SnapshotMember): MemberRequestHead {
    const { facts } = this.#connection;
    const isTls = this.#service.mode === "tls-reencrypt";
    const input = { head: this.#head, cookies: this.#kept.cookies, service: this.#service, member, client: facts };
    return { method: this.#head.method, target: this.#head.target, authority: authorityFor(input, isTls), scheme: isTls ? "https" : "http", fields: memberFields(input), framing: this.#head.framing, expectsContinue: this.#head.expectsContinue, takesTrailers: this.#head.takesTrailers, upgrade: this.#upgrade };
  }

  #upload(request: MemberRequest): void {
    const { limits } = this.#service;
    const { body } = this.#side;
    this.#state = "uploading";
    this.#wait(limits.bodyTimeoutMs, "client");
    body.on("data", (chunk: Buffer) => {
      this.#bodyBytes += chunk.length;
      if (limits.bodyBytesMax !== null && this.#bodyBytes > limits.bodyBytesMax) return this.refuse("http-body-too-large", `the body has more than the ${limits.bodyBytesMax} bytes that the service takes`);
      if (this.#request !== request) return;
      const goesOn = request.write(chunk);
      if (!goesOn) body.pause();
      if (this.#state === "uploading") this.#wait(goesOn ? limits.bodyTimeoutMs : limits.responseTimeoutMs, goesOn ? "client" : "member");
    });
    body.once("end", () => {
      if (this.#request === request) this.#bodySent(passingTrailers(this.#side.trailers()));
    });
  }

  #bodySent(trailers: RawFields): void {
    this.#request?.end(trailers);
    this.#isSent = true;
    if (this.#state === "responding" || this.isOver) return;
    this.#state = "waiting";
    this.#wait(this.#service.limits.responseTimeoutMs, "member");
  }

  #onInform(status: number, fields: RawFields): void {
    if (!this.canRefuse) return;
    this.#informs += 1;
    if (this.#informs > informsMax) return this.refuse("member-response", `${this.#member?.name ?? "the member"} sent more than ${informsMax} interim responses`);
    if (status !== 101) this.#side.inform(status, clientFields(fields));
  }

  #onResponse(response: MemberResponse): void {
    const member = this.#member;
    const { body } = response;
    body.on("error", () => this.#bodyBroke());
    if (!member || !this.canRefuse) return void body.destroy();
    const judged = judgeResponse(response, this.#head.method);
    if (judged.kind === "refused") return this.refuse("member-response", `${member.name}: ${judged.detail}`);
    if (hasConnectionLogin(valuesOf(response.fields, "www-authenticate"))) this.#connection.isPrivate = true;
    this.#state = "responding";
    this.#connection.engine.counts.responded(this.#service.id, response.status);
    this.#side.respond({ status: response.status, reason: response.reason, fields: this.#kept.answer(clientFields(response.fields), member.id), hasBody: judged.hasBody, closes: !this.#side.isBodyComplete });
    if (judged.hasBody) this.#download(body, response);
    else this.#finishBodyless(body);
  }

  /** Complete with its head. A member that sends a body all the same loses its connection, not the client its answer. */
  #finishBodyless(body: Readable): void {
    this.#isReceived = true;
    body.resume();
    this.#side.finish([]);
    this.#wait(this.#service.limits.bodyTimeoutMs, "client");
  }

  #download(body: Readable, response: MemberResponse): void {
    const { limits } = this.#service;
    this.#wait(limits.idleTimeoutMs, "member");
    body.on("data", (chunk: Buffer) => {
      const goesOn = this.#side.write(chunk);
      if (!goesOn) body.pause();
      this.#wait(goesOn ? limits.idleTimeoutMs : limits.bodyTimeoutMs, goesOn ? "member" : "client");
    });
    this.#side.onDrain(() => {
      this.#wait(limits.idleTimeoutMs, "member");
      body.resume();
    });
    body.once("end", () => {
      if (!response.isComplete()) return this.#bodyBroke();
      this.#isReceived = true;
      this.#side.finish(passingTrailers(response.trailers()));
      this.#wait(limits.bodyTimeoutMs, "client");
    });
    body.once("close", () => {
      if (!body.readableEnded) this.#bodyBroke();
    });
  }

  /** The member's response ended before it was complete: the client must not take it for a whole one. */
  #bodyBroke(): void {
    if (this.#state !== "responding" || this.#request === undefined) return;
    this.#connection.refused("member-closed", `${this.#member?.name ?? "the member"} ended the connection inside its response`, this.#head);
    this.cut();
  }

  #onUpgrade(fields: RawFields, socket: net.Socket, first: Buffer): void {
    const member = this.#member;
    if (!member || !this.canRefuse || !this.#side.switchProtocols || this.#upgrade === null) return void socket.destroy();
    this.#connection.engine.counts.responded(this.#service.id, 101);
    this.#state = "responding";
    this.deadlineMs = Infinity;
    const client = this.#side.switchProtocols([...this.#kept.answer(clientFields(fields), member.id), "Connection", "Upgrade", "Upgrade", this.#upgrade]);
    const tunnel = new Tunnel({ client, member: socket, first, limits: this.#service.limits, wheel: this.#connection.engine.wheel, onEnd: () => this.#over() });
    this.#request = { write: () => true, end: () => undefined, destroy: () => tunnel.close() };
    tunnel.start();
  }

  #onError(error: Error, leg: Leg): void {
    if (this.isOver || this.#state === "responding") return this.#bodyBroke();
    const member = this.#member;
    const isRepeatable = this.#head.framing.kind === "none" && idempotent.has(this.#head.method) && this.#informs === 0 && this.#upgrade === null;
    if (member && leg.isReused && isRepeatable) return void this.#repeat(member);
    const code = (error as NodeJS.ErrnoException).code ?? "";
    const isMalformed = code.startsWith("HPE_") || code === "ERR_HTTP2_ERROR";
    this.refuse(isMalformed ? "member-response" : "member-closed", `${member?.name ?? "the member"}: ${error.message}`.slice(0, 500));
  }

  /** The reused connection died before a response: once more on a new one, then it is final. */
  async #repeat(member: SnapshotMember): Promise<void> {
    this.#release();
    this.#state = "dialling";
    const leg = await this.#acquire(member, true);
    if (leg === undefined) return;
    if (leg.kind !== "failed") return this.#send(member, leg);
    this.#tried.add(member.id);
    await this.#findMember();
  }

  #release(): void {
    this.#request = undefined;
    this.#isSent = false;
    if (this.#member) this.#connection.engine.pools.closed(this.#service.id, this.#member.id);
    this.#member = undefined;
  }

  #wait(ms: number, forWhom: "client" | "member"): void {
    const { wheel } = this.#connection.engine;
    const dueMs = wheel.nowMs + ms;
    this.#waitsFor = forWhom;
    const isEarlier = dueMs < this.deadlineMs;
    this.deadlineMs = dueMs;
    if (isEarlier) wheel.add(this);
  }

  #over(): void {
    if (this.isOver) return;
    this.#state = "over";
    this.deadlineMs = Infinity;
    this.#connection.engine.wheel.remove(this);
    // A connection whose request and response are both through may carry the next one; any other is worth nothing.
    if (!this.#isSent || !this.#isReceived) this.#request?.destroy();
    this.#release();
    this.#connection.engine.counts.touch(this.#service.id);
    this.#connection.exchangeOver(this);
  }
}

/** NTLM and Negotiate log in the connection, not the request: such a connection must not carry another client's requests. */
function hasConnectionLogin(values: string[]): boolean {
  return values.some((value) => /^(?:ntlm|negotiate)\b/i.test(value));
}
