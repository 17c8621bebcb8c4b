/** One request to a member, whichever HTTP version carries it: what an exchange writes, and what it hears back. */
import type net from "node:net";
import type { Readable } from "node:stream";
import type { Framing, RawFields } from "./request-head.ts";

export type MemberRequestHead = {
  method: string;
  target: string;
  authority: string;
  /** `http` or `https`, as the client spoke to the gateway. */
  scheme: string;
  fields: string[];
  framing: Framing;
  expectsContinue: boolean;
  takesTrailers: boolean;
  /** Token of `Upgrade`, or null. */
  upgrade: string | null;
};

export type MemberResponse = { status: number; reason: string; fields: RawFields; body: Readable; trailers: () => RawFields; isComplete: () => boolean };

export type MemberEvents = {
  onInform: (status: number, fields: RawFields) => void;
  onResponse: (response: MemberResponse) => void;
  onUpgrade: (fields: RawFields, socket: net.Socket, first: Buffer) => void;
  onDrain: () => void;
  /** Before a response; `code` is the runtime's, for the log. */
  onError: (error: Error) => void;
};

export type MemberRequest = {
  /** False: wait for `onDrain`. */
  write: (chunk: Buffer) => boolean;
  end: (trailers: RawFields) => void;
  destroy: () => void;
};

/** Bytes of a member's response head; applications send larger ones than clients do. */
export const responseHeadBytesMax = 65_536;
