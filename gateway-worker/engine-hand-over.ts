/**
 * What a stream engine tells the HTTP engine about a connection it hands over: a PROXY version 2 header in front of the plaintext on the private unix socket.
 * Standard TLVs carry ALPN and server name, one of our own the rest as JSON.
 */
import { z } from "zod";
import { proxyTlv, readProxyHeader, writeProxyHeader } from "./net/proxy-protocol.ts";
import type { Endpoint } from "./net/proxy-protocol.ts";

/** Type of our own TLV, from the range for applications (PROXY specification, PP2_TYPE_MIN_CUSTOM). */
const handOverTlv = 0xe0;
/** A header with the largest certificate that fits: everything a version 2 header can say. */
const handOverBytesMax = 65_551;

export type HandOver = {
  /** The client, after a believed PROXY header where the service accepts one. */
  source: Endpoint;
  /** Where the client connected to. */
  destination: Endpoint;
  /** Protocol agreed in the client's handshake (`h2`, `http/1.1`); null: none. */
  alpn: string | null;
  /** SNI; null: none sent, or plain HTTP. */
  serverName: string | null;
  serviceId: string;
  connectionId: string;
  isTls: boolean;
  /** The proven client certificate's DER in base64; null: none. */
  clientCertificate: string | null;
};

const payload = z.strictObject({ serviceId: z.uuid(), connectionId: z.string().max(40), isTls: z.boolean(), clientCertificate: z.base64().nullable() });

/** The bytes to write before any plaintext. Throws RangeError when the client certificate is larger than fits (about 48 KiB of DER). */
export function writeHandOver(handOver: HandOver): Buffer {
  const { source, destination, alpn, serverName, serviceId, connectionId, isTls, clientCertificate } = handOver;
  const tlvs = new Map<number, Buffer>();
  if (alpn !== null) tlvs.set(proxyTlv.alpn, Buffer.from(alpn, "latin1"));
  if (serverName !== null) tlvs.set(proxyTlv.authority, Buffer.from(serverName, "utf8"));
  tlvs.set(handOverTlv, Buffer.from(JSON.stringify({ serviceId, connectionId, isTls, clientCertificate }), "utf8"));
  return writeProxyHeader({ version: 2, source, destination, tlvs });
}

export type HandOverResult = { kind: "incomplete" } | { kind: "refused"; detail: string } | { kind: "hand-over"; handOver: HandOver; /** Bytes it took; what follows is the client's plaintext. */ length: number };

/** Reads what `writeHandOver` wrote at the start of `bytes`. Only our own engines can reach the socket; anything odd is refused all the same. */
export function readHandOver(bytes: Buffer): HandOverResult {
  const header = readProxyHeader(bytes, handOverBytesMax);
  if (header.kind !== "header") return header;
  const own = header.tlvs.get(handOverTlv);
  if (header.version !== 2 || !header.source || !header.destination || !own) return { kind: "refused", detail: "the header is no hand-over of a stream engine" };
  const parsed = payload.safeParse(parseJson(own));
  if (!parsed.success) return { kind: "refused", detail: "the hand-over's own part does not fit its schema" };
  const alpn = header.tlvs.get(proxyTlv.alpn)?.toString("latin1") ?? null;
  const serverName = header.tlvs.get(proxyTlv.authority)?.toString("utf8") ?? null;
  return { kind: "hand-over", handOver: { source: header.source, destination: header.destination, alpn, serverName, ...parsed.data }, length: header.length };
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    // The schema refuses undefined; what was wrong with the text tells nobody anything.
    return undefined;
  }
}
