/** HTTP/2 frames written by hand (RFC 9113 section 4.1), for clients that no library would be. */

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const frameType = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8, continuation: 9 } as const;

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal fields without indexing and without Huffman coding (RFC 7541 section 6.2.2), latin1. */
export function headerBlock(fields: [string, string][]): string {
  return fields.map(([name, value]) => `\0${text(name)}${text(value)}`).join("");
}

/** A string with its length as a 7-bit prefix integer. */
function text(value: string): string {
  if (value.length < 127) return String.fromCharCode(value.length) + value;
  let rest = value.length - 127;
  let prefix = String.fromCharCode(127);
  for (; rest >= 128; rest = Math.floor(rest / 128)) prefix += String.fromCharCode((rest % 128) + 128);
  return prefix + String.fromCharCode(rest) + value;
}
