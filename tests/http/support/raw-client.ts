/** Requests written byte for byte, and responses read until they are complete or the connection ends. */
import type net from "node:net";

export type RawResponse = { status: number; reason: string; fields: [string, string][]; body: string; trailers: [string, string][]; /** Interim responses before it. */ informs: { status: number; fields: [string, string][] }[] };

export class RawClient {
  readonly socket: net.Socket;
  /** Everything that was read, as latin1. */
  seen = "";
  hasEnded = false;
  #rest = "";
  readonly #waiting = new Set<() => void>();

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      const text = chunk.toString("latin1");
      this.seen += text;
      this.#rest += text;
      this.#wake();
    });
    socket.on("end", () => this.#end()).on("close", () => this.#end());
  }

  write(text: string | Buffer): void {
    this.socket.write(typeof text === "string" ? Buffer.from(text, "latin1") : text);
  }

  /** The next response with what went before it; rejects when the connection ends inside it. `isHead`: it answers a HEAD request. */
  async response({ isHead = false } = {}): Promise<RawResponse> {
    const informs: RawResponse["informs"] = [];
    for (;;) {
      const head = await this.#head();
      if (head.status >= 200 || head.status === 101) return { ...head, ...(await this.#body(head, isHead)), informs };
      informs.push({ status: head.status, fields: head.fields });
    }
  }

  /** Resolves when the connection has ended, with everything that was read. */
  async ended(): Promise<string> {
    await this.#until(() => this.hasEnded);
    return this.seen;
  }

  async #head(): Promise<{ status: number; reason: string; fields: [string, string][] }> {
    await this.#until(() => this.#rest.includes("\r\n\r\n"));
    const end = this.#rest.indexOf("\r\n\r\n");
    const [line = "", ...lines] = this.#rest.slice(0, end).split("\r\n");
    this.#rest = this.#rest.slice(end + 4);
    const [, status, reason] = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(line) ?? [];
    return { status: Number(status), reason: reason ?? "", fields: lines.map(toPair) };
  }

  async #body({ status, fields }: { status: number; fields: [string, string][] }, isHead: boolean): Promise<{ body: string; trailers: [string, string][] }> {
    const of = (name: string): string | undefined => fields.find(([field]) => field.toLowerCase() === name)?.[1];
    if (isHead || status === 204 || status === 304 || status === 101) return { body: "", trailers: [] };
    if (of("transfer-encoding") !== undefined) return await this.#chunked();
    const length = of("content-length");
    if (length === undefined) {
      await this.#until(() => this.hasEnded, false);
      return { body: this.#take(this.#rest.length), trailers: [] };
    }
    await this.#until(() => this.#rest.length >= Number(length));
    return { body: this.#take(Number(length)), trailers: [] };
  }

  async #chunked(): Promise<{ body: string; trailers: [string, string][] }> {
    let body = "";
    for (;;) {
      await this.#until(() => this.#rest.includes("\r\n"));
      const size = Number.parseInt(this.#take(this.#rest.indexOf("\r\n") + 2), 16);
      if (size === 0) break;
      await this.#until(() => this.#rest.length >= size + 2);
      body += this.#take(size);
      this.#take(2);
    }
    const trailers: [string, string][] = [];
    for (;;) {
      await this.#until(() => this.#rest.includes("\r\n"));
      const line = this.#take(this.#rest.indexOf("\r\n") + 2).slice(0, -2);
      if (line === "") return { body, trailers };
      trailers.push(toPair(line));
    }
  }

  #take(length: number): string {
    const taken = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    return taken;
  }

  async #until(isTrue: () => boolean, mustStay = true): Promise<void> {
    while (!isTrue()) {
      if (this.hasEnded) {
        if (mustStay) throw new Error(`the connection ended after ${JSON.stringify(this.seen.slice(-300))}`);
        return;
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #end(): void {
    this.hasEnded = true;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** Values of a field, in order. */
export function fieldsOf({ fields }: { fields: [string, string][] }, name: string): string[] {
  return fields.filter(([field]) => field.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

function toPair(line: string): [string, string] {
  const at = line.indexOf(":");
  return [line.slice(0, at), line.slice(at + 1).trim()];
}
