/** A browser as far as cookies go: sends what it was given, forgets what was deleted. */
import { fieldsOf, RawClient } from "./raw-client.ts";
import type { RawResponse } from "./raw-client.ts";
import type net from "node:net";

export class Browser {
  readonly cookies = new Map<string, string>();
  readonly #connect: () => net.Socket;
  #client: RawClient | undefined;
  userAgent = "Mozilla/5.0";

  constructor(connect: () => net.Socket) {
    this.#connect = connect;
  }

  async ask(path: string, { method = "GET", body = "", fields = {} }: { method?: string; body?: string; fields?: Record<string, string> } = {}): Promise<RawResponse> {
    const client = (this.#client ??= new RawClient(this.#connect()));
    const cookie = Array.from(this.cookies, ([name, value]) => `${name}=${value}`).join("; ");
    const lines = [`${method} ${path} HTTP/1.1`, "Host: web.example.com", `User-Agent: ${this.userAgent}`, ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`), ...(cookie === "" ? [] : [`Cookie: ${cookie}`]), ...(method === "POST" ? [`Content-Length: ${body.length}`] : [])];
    client.write(`${lines.join("\r\n")}\r\n\r\n${body}`);
    const response = await client.response();
    for (const text of fieldsOf(response, "Set-Cookie")) this.#store(text);
    if (fieldsOf(response, "Connection")[0] === "close") this.hangUp();
    return response;
  }

  /** The next request comes over a connection of its own. */
  hangUp(): void {
    this.#client?.socket.destroy();
    this.#client = undefined;
  }

  #store(text: string): void {
    const [, name = "", value = ""] = /^([^=;]+)=([^;]*)/.exec(text) ?? [];
    if (/max-age=0/i.test(text)) this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}

export function nodeOf(response: RawResponse): string | undefined {
  return fieldsOf(response, "X-Node")[0];
}
