/** Looks at the ClientHello of a connection before TLS takes it over, and puts every byte back. */
import type { Duplex } from "node:stream";
import { readClientHello } from "../net/client-hello.ts";

export type FirstHello = { serverName: string | null; alpn: string[] };

const nothing: Buffer = Buffer.alloc(0);

/**
 * Calls back once, with the hello, or with undefined when the first bytes are none (TLS then says what is wrong with them). The connection is paused then, its bytes
 * unread. A connection that ends before is ended, without a call; whoever counts it has the deadline (T05, T06).
 */
export function firstHello(raw: Duplex, onHello: (hello: FirstHello | undefined) => void): void {
  let bytes = nothing;
  const ended = (): void => void raw.destroy();
  const take = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const hello = readClientHello(bytes);
    if (hello.kind === "incomplete") return;
    raw.off("data", take).off("end", ended).pause();
    raw.unshift(bytes);
    onHello(hello.kind === "hello" ? hello : undefined);
  };
  raw.on("data", take).on("end", ended).resume();
}
