/** Builds the console's pages when their sources changed since the last build. */
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { lastLines, runCommand } from "./command.mjs";
import { packagedNode, root } from "./dependencies.mjs";
import { StartError } from "./report.mjs";

/** What a build reads; tests beside the sources change nothing. */
const sources = ["app", "contract", "server", "public", "prisma/schema.prisma", "next.config.js", "next.config.mjs", "next.config.ts", "postcss.config.mjs", "postcss.config.js", "proxy.ts", "tsconfig.json", "package-lock.json"];
const stampFile = path.join(root, ".next", "sallyport-sources");

/** Runs `next build` unless .next was built from these very sources; .next/cache is kept, so a second build is faster. */
export async function buildConsole({ echo = false } = {}) {
  const hash = hashSources();
  if (fs.existsSync(path.join(root, ".next", "BUILD_ID")) && readStamp() === hash) return "unchanged";
  fs.rmSync(stampFile, { force: true });
  const next = path.join(root, "node_modules", "next", "dist", "bin", "next");
  const { code, output } = await runCommand(packagedNode(), [next, "build"], { cwd: root, env: { ...process.env, NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1", ...(echo ? {} : { NO_COLOR: "1" }) }, echo });
  if (code !== 0) throw new StartError("The console's pages could not be built; the lines below say where.", { details: lastLines(output, 30) });
  fs.writeFileSync(stampFile, hash);
  return "built";
}

function readStamp() {
  return fs.existsSync(stampFile) ? fs.readFileSync(stampFile, "utf8") : "";
}

function hashSources() {
  const hash = createHash("sha256");
  for (const name of sources) addToHash(hash, name);
  return hash.digest("hex");
}

function addToHash(hash, name) {
  const file = path.join(root, name);
  const found = fs.statSync(file, { throwIfNoEntry: false });
  if (!found || /\.test\.tsx?$/.test(name)) return;
  if (found.isDirectory()) {
    for (const entry of fs.readdirSync(file).toSorted()) addToHash(hash, path.join(name, entry));
    return;
  }
  const content = fs.readFileSync(file);
  hash.update(`${name}\0${content.length}\0`).update(content);
}
