/** One client connection that a stream engine handed over: who the client is, what it has under way, and how it ends. */
import type net from "node:net";
import type { RefusalCode } from "../../contract/error-codes.ts";
import type { SnapshotService } from "../../contract/virtual-service.ts";
import type { HandOver } from "../engine-hand-over.ts";
import { ClientOne } from "./client-one.ts";
import { ClientTwo } from "./client-two.ts";
import type { HttpEngine } from "./engine.ts";
import { Exchange } from "./exchange.ts";
import type { ExchangeOptions } from "./exchange.ts";
import type { RequestHead } from "./request-head.ts";
import { hostMatches } from "./served-names.ts";

/** After our last answer a client gets this long to read it and close; until then its bytes are read and dropped, because a close with unread bytes resets the answer away. */
const lingerMs = 2_000;

export class ClientConnection {
  readonly engine: HttpEngine;
  readonly socket: net.Socket;
  readonly facts: HandOver;
  readonly id: string;
  /** The client logs in its connection (NTLM): member connections are its own from then on. */
  isPrivate = false;
  /** No further request is taken. */
  isClosing = false;
  readonly #exchanges = new Set<Exchange>();
  /** What the hand-over took of the bytes that the socket counts. */
  readonly #handOverBytes: number;
  readonly #protocol: ClientOne | ClientTwo;
  /** As the last request saw it: a service that was taken away still finishes what its connections began. */
  #service: SnapshotService;
  #isLingering = false;

  constructor(options: { engine: HttpEngine; socket: net.Socket; facts: HandOver; service: SnapshotService }) {
    const { engine, socket, facts } = options;
    this.#service = options.service;
    this.engine = engine;
    this.socket = socket;
    this.facts = facts;
    this.id = facts.connectionId;
    this.#handOverBytes = socket.bytesRead - socket.readableLength;
    socket.destroySoon = () => this.linger();
    socket.on("close", () => this.#closed());
    this.#protocol = facts.alpn === "h2" ? new ClientTwo(this) : new ClientOne(this);
  }

  /** What is in force for this connection's next request. */
  get service(): SnapshotService {
    return this.engine.service(this.facts.serviceId) ?? this.#service;
  }

  /** True once the client sent a byte. */
  get hasSpoken(): boolean {
    return this.socket.bytesRead > this.#handOverBytes;
  }

  get requests(): number {
    return this.#exchanges.size;
  }

  /** Runs a judged request. */
  run(options: Omit<ExchangeOptions, "connection" | "service">): Exchange {
    const service = (this.#service = this.service);
    this.engine.counts.requested(service.id);
    const exchange = new Exchange({ connection: this, service, ...options });
    this.#exchanges.add(exchange);
    if (!hostMatches(service, this.facts, options.head.authority, this.engine.frontOf(service))) exchange.refuse("http-name-mismatch", `the request names ${options.head.authority ?? "no host"}`);
    else exchange.start();
    return exchange;
  }

  exchangeOver(exchange: Exchange): void {
    this.#exchanges.delete(exchange);
    this.#protocol.exchangeOver();
  }

  refused(code: RefusalCode, detail: string, head?: RequestHead): void {
    this.engine.refused(code, detail, this.facts, head?.authority ?? null);
  }

  /** Finishes what is under way and closes; idle connections close at once. */
  close(): void {
    if (this.isClosing) return;
    this.isClosing = true;
    this.#protocol.close();
  }

  /** Sends our end and waits for the client's, so that it can read the last answer. */
  linger(): void {
    const { socket } = this;
    this.isClosing = true;
    if (socket.destroyed || this.#isLingering) return;
    this.#isLingering = true;
    if (!socket.writableEnded) socket.end();
    if (socket.readableEnded) return void socket.once("finish", () => socket.destroy());
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once("end", () => socket.destroy());
    socket.once("close", () => clearTimeout(timer));
    socket.resume();
  }

  cutRequests(): void {
    for (const exchange of [...this.#exchanges]) exchange.cut();
  }

  destroy(): void {
    this.cutRequests();
    this.socket.destroy();
  }

  #closed(): void {
    this.isClosing = true;
    this.cutRequests();
    this.engine.connectionOver(this);
  }
}
