/** What an exchange needs of the client's half of a request, whichever HTTP version carries it. */
import type net from "node:net";
import type { Readable } from "node:stream";
import type { RawFields } from "./request-head.ts";

export type ClientSide = {
  /** The request's body; paused until somebody listens. */
  readonly body: Readable;
  /** True once the whole request has arrived. */
  readonly isBodyComplete: boolean;
  /** True once a final response head was sent. */
  readonly hasResponded: boolean;
  /** Trailers of the request; meaningful when the body has ended. */
  trailers: () => RawFields;
  /** An interim response (1xx, not 101). */
  inform: (status: number, fields: RawFields) => void;
  /** The final head. `hasBody` is false for HEAD, 204 and 304. */
  respond: (head: ResponseHead) => void;
  /** False: wait for `onDrain`. */
  write: (chunk: Buffer) => boolean;
  /** The response is complete. */
  finish: (trailers: RawFields) => void;
  /** Cuts the response so that the client cannot take it for a complete one. */
  cut: () => void;
  onDrain: (listener: () => void) => void;
  /** The client has gone, or the response was finished. */
  onClose: (listener: () => void) => void;
  /** Answers 101 and gives the raw connection; only on requests that may be upgraded. */
  switchProtocols?: (fields: RawFields) => net.Socket;
};

export type ResponseHead = {
  status: number;
  /** Reason phrase as the member wrote it; HTTP/2 has none. */
  reason: string;
  fields: string[];
  hasBody: boolean;
  /** The last response on this connection. */
  closes: boolean;
};
