/** Reads a tar.gz strictly: plain ustar headers, regular files and the one folder, nothing after the end (POSIX.1-2017 pax, ustar interchange format). */
import fs from "node:fs";
import { pipeline } from "node:stream/promises";
import zlib from "node:zlib";
import { MemberList, type Members, type MemberWriter, refuse, shown, totalBytesMax } from "./members.ts";

const blockBytes = 512;
/** Output per input byte beyond which an archive is a bomb; real ones stay below 10. */
const ratioMax = 60;
const ratioAfterBytes = 4 * 1024 * 1024;

/** `list` judges the members, and may pass their contents on. */
export async function readTarGz(file: string, list: MemberList = new MemberList()): Promise<Members> {
  const reader = new TarReader(list);
  const gunzip = zlib.createGunzip({ chunkSize: 256 * 1024 });
  let unpacked = 0;
  try {
    await pipeline(fs.createReadStream(file, { highWaterMark: 256 * 1024 }), gunzip, async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) {
        unpacked += chunk.length;
        if (unpacked > totalBytesMax + 1024 * 1024) throw refuse("It unpacks to more than it may");
        if (unpacked > ratioAfterBytes && unpacked > ratioMax * Math.max(1, gunzip.bytesWritten)) throw refuse("It is compressed more than any honest bundle");
        reader.take(chunk);
      }
    });
  } catch (cause) {
    throw cause instanceof Error && cause.name === "AgentError" ? cause : refuse("It is no whole tar.gz file", cause);
  }
  return reader.finish();
}

/** Push parser: header block, content, padding; two empty blocks end the archive. */
class TarReader {
  readonly #list: MemberList;
  #rest = Buffer.alloc(0);
  #writer: MemberWriter | undefined;
  #padding = 0;
  #emptyBlocks = 0;

  constructor(list: MemberList) {
    this.#list = list;
  }

  take(chunk: Buffer): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const used = this.#step(data);
      if (used === 0) break;
      data = data.subarray(used);
    }
    this.#rest = Buffer.from(data);
  }

  finish(): Members {
    if (this.#emptyBlocks < 2 || this.#writer || this.#rest.length > 0) throw refuse("The archive ends too early");
    return this.#list.finish();
  }

  /** Bytes used; 0 when more are needed. */
  #step(data: Buffer): number {
    if (data.length === 0) return 0;
    if (this.#writer) return this.#content(this.#writer, data);
    if (this.#padding > 0) return this.#skipPadding(data);
    return data.length < blockBytes ? 0 : this.#header(data.subarray(0, blockBytes));
  }

  #content(writer: MemberWriter, data: Buffer): number {
    const part = data.subarray(0, writer.missing);
    writer.write(part);
    if (writer.missing === 0) this.#close(writer);
    return part.length;
  }

  #close(writer: MemberWriter): void {
    writer.end();
    this.#writer = undefined;
  }

  #skipPadding(data: Buffer): number {
    const used = Math.min(this.#padding, data.length);
    this.#padding -= used;
    return used;
  }

  #header(block: Buffer): number {
    if (block.every((byte) => byte === 0)) {
      this.#emptyBlocks += 1;
      return blockBytes;
    }
    if (this.#emptyBlocks > 0) throw refuse("Something follows the end of the archive");
    if (checksum(block) !== octal(block.subarray(148, 156))) throw refuse("A header of the archive is damaged");
    const name = textOf(block.subarray(345, 500)) === "" ? textOf(block.subarray(0, 100)) : `${textOf(block.subarray(345, 500))}/${textOf(block.subarray(0, 100))}`;
    const type = String.fromCharCode(block[156] ?? 0);
    const size = octal(block.subarray(124, 136));
    if (type === "5" && size === 0) this.#list.folder(name);
    else if (type === "0" || type === "\0") this.#open(name, size);
    else throw refuse(`${shown(name)} is no plain file (type ${shown(type)})`);
    return blockBytes;
  }

  #open(name: string, size: number): void {
    const writer = this.#list.begin(name, size);
    this.#padding = (blockBytes - (size % blockBytes)) % blockBytes;
    if (size === 0) writer.end();
    else this.#writer = writer;
  }
}

function checksum(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let index = 0; index < blockBytes; index += 1) if (index < 148 || index >= 156) sum += block[index] ?? 0;
  return sum;
}

function octal(field: Buffer): number {
  const text = textOf(field).trim();
  if (!/^[0-7]{1,11}$/.test(text)) throw refuse("A number in the archive is damaged");
  return Number.parseInt(text, 8);
}

/** Up to the first NUL; anything but NUL after it hides something. */
function textOf(field: Buffer): string {
  const end = field.indexOf(0);
  if (end >= 0 && field.subarray(end).some((byte) => byte !== 0 && byte !== 0x20)) throw refuse("A name in the archive hides bytes");
  return field.subarray(0, end < 0 ? field.length : end).toString("latin1");
}
