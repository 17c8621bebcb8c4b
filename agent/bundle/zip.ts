/**
 * Reads a zip strictly (APPNOTE 6.3): one archive that fills its file without a gap, local headers that say the same as the directory, no links, no encryption,
 * no data descriptors, no ZIP64. Two readers can then not see two different bundles.
 */
import fs from "node:fs";
import type { FileHandle } from "node:fs/promises";
import zlib from "node:zlib";
import { MemberList, type Members, membersMax, type MemberWriter, refuse, shown } from "./members.ts";

const endBytes = 22;
const directoryBytesMax = 64 * 1024;
const localBytes = 30;
const outputBytesMax = 256 * 1024;

type Entry = { name: string; method: number; flags: number; crc: number; packed: number; size: number; mode: number; offset: number };

export async function readZip(file: string): Promise<Members> {
  const handle = await fs.promises.open(file, "r");
  try {
    const { size } = await handle.stat();
    const { entries, directoryOffset } = await readDirectory(handle, size);
    const list = new MemberList();
    // Every name, type and size first: nothing is unpacked of an archive with one bad entry.
    const planned = entries.map((entry) => plan(list, entry));
    let at = 0;
    for (const { entry, writer } of planned) {
      if (entry.offset !== at) throw refuse("There are bytes between the files of the archive, or before them");
      at = await readMember(handle, entry, writer);
    }
    if (at !== directoryOffset) throw refuse("There are bytes between the files of the archive and its directory");
    return list.finish();
  } finally {
    await handle.close();
  }
}

function plan(list: MemberList, entry: Entry): { entry: Entry; writer: MemberWriter } {
  const { name, mode, flags, method } = entry;
  if (name.endsWith("/")) throw refuse(`It contains the folder ${shown(name)}`);
  if ((mode & 0o170000) !== 0 && (mode & 0o170000) !== 0o100000) throw refuse(`${shown(name)} is no plain file`);
  if ((mode & 0o7000) !== 0) throw refuse(`${shown(name)} asks for special rights`);
  if ((flags & ~0x0806) !== 0 || (method !== 0 && method !== 8)) throw refuse(`${shown(name)} is stored in a way that is not accepted`);
  return { entry, writer: list.begin(name, entry.size) };
}

async function readDirectory(handle: FileHandle, fileSize: number): Promise<{ entries: Entry[]; directoryOffset: number }> {
  if (fileSize < endBytes) throw refuse("It is no zip file");
  const end = await readAt(handle, fileSize - endBytes, endBytes);
  if (end.readUInt32LE(0) !== 0x06054b50 || end.readUInt16LE(20) !== 0) throw refuse("It is no whole zip file");
  const count = end.readUInt16LE(10);
  const bytes = end.readUInt32LE(12);
  const directoryOffset = end.readUInt32LE(16);
  if (end.readUInt16LE(4) !== 0 || end.readUInt16LE(6) !== 0 || end.readUInt16LE(8) !== count) throw refuse("It is a part of a split archive");
  if (count > membersMax) throw refuse(`It has more than ${membersMax} files`);
  if (bytes > directoryBytesMax || directoryOffset + bytes !== fileSize - endBytes) throw refuse("The archive does not begin where its directory says: something stands before or after it");
  const directory = await readAt(handle, directoryOffset, bytes);
  const entries: Entry[] = [];
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== 0x02014b50) throw refuse("The archive's directory is damaged");
    const nameBytes = directory.readUInt16LE(at + 28);
    const skip = directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    entries.push({
      name: directory.subarray(at + 46, at + 46 + nameBytes).toString("latin1"),
      flags: directory.readUInt16LE(at + 8),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      packed: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      mode: directory.readUInt32LE(at + 38) >>> 16,
      offset: directory.readUInt32LE(at + 42),
    });
    at += 46 + nameBytes + skip;
  }
  if (at !== directory.length) throw refuse("The archive's directory is damaged");
  return { entries: entries.sort((a, b) => a.offset - b.offset), directoryOffset };
}

/** Reads and checks one member; returns where the next one has to begin. */
async function readMember(handle: FileHandle, entry: Entry, writer: MemberWriter): Promise<number> {
  const local = await readAt(handle, entry.offset, localBytes);
  const nameBytes = local.readUInt16LE(26);
  const name = (await readAt(handle, entry.offset + localBytes, nameBytes)).toString("latin1");
  const agrees = local.readUInt32LE(0) === 0x04034b50 && name === entry.name && local.readUInt16LE(6) === entry.flags && local.readUInt16LE(8) === entry.method && local.readUInt32LE(14) === entry.crc && local.readUInt32LE(18) === entry.packed && local.readUInt32LE(22) === entry.size;
  if (!agrees) throw refuse(`The archive says two different things about ${shown(entry.name)}`);
  const start = entry.offset + localBytes + nameBytes + local.readUInt16LE(28);
  let crc = 0;
  const take = (chunk: Buffer) => {
    writer.write(chunk);
    crc = zlib.crc32(chunk, crc);
  };
  await unpack(handle, entry, start, take);
  if (crc !== entry.crc) throw refuse(`${shown(entry.name)} is damaged (checksum)`);
  writer.end();
  return start + entry.packed;
}

async function unpack(handle: FileHandle, entry: Entry, start: number, take: (chunk: Buffer) => void): Promise<void> {
  if (entry.packed === 0) return;
  const packed = fs.createReadStream("", { fd: handle.fd, autoClose: false, start, end: start + entry.packed - 1, highWaterMark: outputBytesMax });
  try {
    if (entry.method === 0) {
      for await (const chunk of packed as AsyncIterable<Buffer>) take(chunk);
      return;
    }
    const inflate = zlib.createInflateRaw({ chunkSize: outputBytesMax });
    packed.on("error", (error) => inflate.destroy(error));
    for await (const chunk of packed.pipe(inflate) as AsyncIterable<Buffer>) take(chunk);
  } catch (cause) {
    throw cause instanceof Error && cause.name === "AgentError" ? cause : refuse(`${shown(entry.name)} cannot be unpacked`, cause);
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, position);
  if (bytesRead !== length) throw refuse("The archive is cut off");
  return buffer;
}
