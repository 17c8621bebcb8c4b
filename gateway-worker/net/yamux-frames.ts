/** The frames of yamux, as its published specification has them (hashicorp/yamux spec.md): a header of 12 bytes, big-endian, then the data of a data frame. */

export const headerBytes = 12;
/** Both sides of a new stream may send this much before the first window update, bytes. */
export const initialWindow = 262_144;

export const frameType = { data: 0, windowUpdate: 1, ping: 2, goAway: 3 } as const;
export type FrameType = (typeof frameType)[keyof typeof frameType];

export const flag = { syn: 1, ack: 2, fin: 4, rst: 8 } as const;

/** Why a session ends, in the length field of a go-away frame. */
export const goAwayCode = { normal: 0, protocolError: 1, internalError: 2 } as const;
export type GoAwayCode = (typeof goAwayCode)[keyof typeof goAwayCode];

export type FrameHeader = { type: FrameType; flags: number; streamId: number; length: number };

/** Writes a header into `into` at `at`. */
export function putHeader(into: Buffer, header: FrameHeader, at = 0): void {
  into.writeUInt16BE(header.type, at);
  into.writeUInt16BE(header.flags, at + 2);
  into.writeUInt32BE(header.streamId, at + 4);
  into.writeUInt32BE(header.length, at + 8);
}

/** A header on its own: all there is to every frame that carries no data. */
export function writeHeader(header: FrameHeader): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes);
  putHeader(bytes, header);
  return bytes;
}

/** Reads the 12 bytes at `at`; a string says in a few words what makes them no header of a session. */
export function readHeader(bytes: Buffer, at: number): FrameHeader | string {
  const version = bytes.readUInt8(at);
  if (version !== 0) return `version ${version} in a frame`;
  const type = bytes.readUInt8(at + 1);
  if (!isFrameType(type)) return `frame of the unknown type ${type}`;
  const header = { type, flags: bytes.readUInt16BE(at + 2), streamId: bytes.readUInt32BE(at + 4), length: bytes.readUInt32BE(at + 8) };
  const isOfStream = type === frameType.data || type === frameType.windowUpdate;
  if (isOfStream !== (header.streamId !== 0)) return isOfStream ? "stream frame for stream 0" : `session frame for stream ${header.streamId}`;
  return header;
}

function isFrameType(type: number): type is FrameType {
  return type <= frameType.goAway;
}
