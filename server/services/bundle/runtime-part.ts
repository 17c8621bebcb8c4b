/**
 * The runtime inside a bundle is a hundred megabytes that never change: its archive entry is compressed once, as a gzip member of its own, and kept in the data
 * directory. Concatenated gzip members are one gzip file (RFC 1952 section 2.2), so a download only copies it.
 */
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import zlib from "node:zlib";
import { z } from "zod";
import { env } from "../../env.ts";
import { ConsoleError } from "../../errors.ts";
import { projectRoot } from "../../project-root.ts";
import { fileHeader, padding } from "./tar-entry.ts";

const facts = z.strictObject({ name: z.string(), bytes: z.number().int(), sha256: z.string(), gzipBytes: z.number().int(), source: z.string() });
/** `file` holds the compressed entry. */
export type RuntimePart = z.infer<typeof facts> & { file: string };

/** Enough: level 9 saves 2 % and costs five times as long. */
const gzipLevel = 5;
const entryName = "sallyport-agent/runtime";
const running = new Map<string, Promise<RuntimePart>>();

/** The runtime's part for a platform, made when it is missing or the runtime has changed. Calls at once share the work. */
export function prepareRuntimePart(platform: string): Promise<RuntimePart> {
  const known = running.get(platform);
  if (known) return known;
  const made = findOrMake(platform).finally(() => running.delete(platform));
  running.set(platform, made);
  return made;
}

async function findOrMake(platform: string): Promise<RuntimePart> {
  const source = runtimeFile(platform);
  const { size, mtimeMs } = await fs.promises.stat(source);
  const tag = `${path.basename(source)} ${size} ${Math.floor(mtimeMs)}`;
  const directory = path.join(env().SALLYPORT_DATA, "cache");
  const file = path.join(directory, `agent-runtime-${platform}.gz`);
  const kept = await readFacts(`${file}.json`);
  const keptSize = await fs.promises.stat(file).then((found) => found.size, () => -1);
  if (kept && kept.source === tag && kept.gzipBytes === keptSize) return { ...kept, file };
  await fs.promises.mkdir(directory, { recursive: true, mode: 0o700 });
  return pack(source, file, tag, size);
}

async function pack(source: string, file: string, tag: string, bytes: number): Promise<RuntimePart> {
  const hash = createHash("sha256");
  const draft = `${file}.${process.pid}`;
  async function* entry(): AsyncGenerator<Buffer> {
    yield fileHeader({ name: entryName, bytes, isExecutable: true });
    for await (const chunk of fs.createReadStream(source, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      yield chunk;
    }
    yield padding(bytes);
  }
  await pipeline(Readable.from(entry()), zlib.createGzip({ level: gzipLevel, chunkSize: 1024 * 1024 }), fs.createWriteStream(draft, { mode: 0o600 }));
  const { size: gzipBytes } = await fs.promises.stat(/* turbopackIgnore: true */ draft);
  const part = { name: "runtime", bytes, sha256: hash.digest("hex"), gzipBytes, source: tag };
  await fs.promises.rename(draft, file);
  await fs.promises.writeFile(`${file}.json`, JSON.stringify(part), { mode: 0o600 });
  return { ...part, file };
}

async function readFacts(file: string): Promise<z.infer<typeof facts> | undefined> {
  try {
    return facts.parse(JSON.parse(await fs.promises.readFile(file, "utf8")));
  } catch {
    return undefined; // missing or damaged: made again
  }
}

/** Bun where its binary is present, else Node; the agent runs on both. */
function runtimeFile(platform: string): string {
  const candidates = [path.join("@oven", `bun-${platform}`, "bin", "bun"), path.join(`node-${platform}`, "bin", "node")].map((file) => path.join(projectRoot(), "node_modules", file));
  const found = candidates.find((file) => fs.existsSync(file));
  if (!found) throw new ConsoleError("internal", `There is no runtime for ${platform} here; run npm start again, it installs one.`);
  return found;
}
