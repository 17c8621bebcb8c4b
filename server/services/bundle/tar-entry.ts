/** Writes ustar entries (POSIX.1-2017, ustar interchange format): plain files with short names, the same bytes for the same input. */

const blockBytes = 512;

export type TarFile = { name: string; bytes: number; isExecutable: boolean };

export const endOfArchive = Buffer.alloc(2 * blockBytes);

/** The header of a file; its content and `padding` follow. */
export function fileHeader(file: TarFile): Buffer {
  return header(file.name, file.bytes, file.isExecutable ? 0o755 : 0o600, "0");
}

export function folderHeader(name: string): Buffer {
  return header(name, 0, 0o755, "5");
}

/** Zeros up to the next block. */
export function padding(bytes: number): Buffer {
  return Buffer.alloc((blockBytes - (bytes % blockBytes)) % blockBytes);
}

function header(name: string, bytes: number, mode: number, type: "0" | "5"): Buffer {
  if (Buffer.byteLength(name) > 100) throw new Error(`the name ${name} is too long for an archive entry`);
  const block = Buffer.alloc(blockBytes);
  block.write(name, 0, "latin1");
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(bytes, 11), 124);
  block.write(octal(0, 11), 136);
  block.fill(" ", 148, 156);
  block.write(type, 156);
  block.write("ustar\u000000", 257, "latin1");
  block.write("root", 265);
  block.write("root", 297);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
