/**
 * The first bytes of a client, before a service is chosen: a PROXY protocol header where a balancer is in front (T26), then the
 * ClientHello where server names tell services apart. What was read is kept byte for byte for whoever gets the connection (T29).
 */
import type { RefusalCode } from "../../contract/error-codes.ts";
import { readClientHello } from "../net/client-hello.ts";
import { readProxyHeader } from "../net/proxy-protocol.ts";
import type { ProxyHeader } from "../net/proxy-protocol.ts";

export type OpeningStep =
  | { kind: "incomplete" }
  | { kind: "refused"; code: RefusalCode; detail: string; /** What came begins like TLS, so an alert is understood. */ isTls: boolean }
  /** The header is read; call again for what follows it. */
  | { kind: "header"; header: ProxyHeader }
  | { kind: "done"; serverName: string | null; bytes: Buffer };

const nothing: Buffer = Buffer.alloc(0);

export class Opening {
  #bytes: Buffer = nothing;
  #wantsHeader: boolean;
  readonly #wantsHello: boolean;

  constructor(wants: { header: boolean; hello: boolean }) {
    this.#wantsHeader = wants.header;
    this.#wantsHello = wants.hello;
  }

  get wantsHeader(): boolean {
    return this.#wantsHeader;
  }

  take(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
  }

  /** Looks at what has come so far. Nothing is waited for when neither header nor hello is wanted. */
  step(): OpeningStep {
    if (this.#wantsHeader) return this.#header();
    if (!this.#wantsHello) return { kind: "done", serverName: null, bytes: this.#bytes };
    if (this.#bytes.length === 0) return { kind: "incomplete" };
    const hello = readClientHello(this.#bytes);
    if (hello.kind === "incomplete") return hello;
    if (hello.kind === "refused") return { kind: "refused", code: "client-hello-malformed", detail: hello.detail, isTls: this.#bytes[0] === 0x16 };
    return { kind: "done", serverName: hello.serverName, bytes: this.#bytes };
  }

  #header(): OpeningStep {
    const header = readProxyHeader(this.#bytes);
    if (header.kind === "incomplete") return header;
    if (header.kind === "refused") return { kind: "refused", code: claimsProxy(this.#bytes) ? "proxy-header-invalid" : "proxy-header-missing", detail: header.detail, isTls: false };
    this.#wantsHeader = false;
    this.#bytes = this.#bytes.subarray(header.length);
    return { kind: "header", header };
  }
}

/** True when the sender meant to send a header: the first bytes are those of version 1 or 2. */
function claimsProxy(bytes: Buffer): boolean {
  const start = bytes.toString("latin1", 0, 5);
  return start === "PROXY" || start === "\r\n\r\n\0";
}

/** A fatal alert in the clear, as a server sends it before any key is agreed (RFC 8446 section 6). */
export function alertRecord(description: "unrecognized_name" | "decode_error"): Buffer {
  return Buffer.from([21, 3, 3, 0, 2, 2, description === "unrecognized_name" ? 112 : 50]);
}
