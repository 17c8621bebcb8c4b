/** Every archive of the hostile suite is refused as a whole, quickly and with little memory, on both runtimes; nothing is written. */
import { agentCommand, root, type RuntimeName, runtimeNames, runtimes, temporaryDir } from "./support/process.ts";
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { readBundle } from "../../agent/bundle/open.ts";

const run = promisify(execFile);
const suite = path.join(root, "tests", "fixtures", "hostile-bundles");
const { files } = JSON.parse(fs.readFileSync(path.join(suite, "index.json"), "utf8")) as { files: { file: string; expect: string; note: string }[] };

/** Opens every archive of the suite in one process; prints for each the code, the time and the growth of its memory. */
const probe = `
import fs from "node:fs";
import { readBundle } from ${JSON.stringify(path.join(root, "agent", "bundle", "open.ts"))};
for (const file of ${JSON.stringify(files.map(({ file }) => path.join(suite, file)))}) {
  globalThis.gc?.(); globalThis.Bun?.gc(true);
  const before = process.memoryUsage().rss; const started = performance.now(); let peak = before;
  const timer = setInterval(() => { peak = Math.max(peak, process.memoryUsage().rss); }, 2);
  let code = "accepted";
  try { await readBundle(file); } catch (error) { code = error.code ?? String(error); }
  clearInterval(timer); peak = Math.max(peak, process.memoryUsage().rss);
  console.log(JSON.stringify({ file: file.split("/").at(-1), code, ms: Math.round(performance.now() - started), grownMb: Math.round((peak - before) / 1048576) }));
}`;

async function results(runtime: RuntimeName): Promise<{ file: string; code: string; ms: number; grownMb: number }[]> {
  const script = path.join(temporaryDir(), "probe.mjs");
  fs.writeFileSync(script, probe);
  const { stdout } = await run(runtimes[runtime], [...(runtime === "node" ? ["--expose-gc"] : []), script], { cwd: temporaryDir() });
  return stdout.trim().split("\n").map((line) => JSON.parse(line) as { file: string; code: string; ms: number; grownMb: number });
}

describe.each(runtimeNames)("on %s", (runtime) => {
  it("refuses each hostile archive as a whole, in under two seconds and 64 MB [T23]", async () => {
    const found = await results(runtime);
    expect(found).toHaveLength(files.length);
    for (const { file, expect: expected } of files) {
      const result = found.find((one) => one.file === file);
      expect(result?.code, file).toBe(expected === "accept-shape" ? "accepted" : "bundle-refused");
      expect(result?.ms, file).toBeLessThan(2_000);
      expect(result?.grownMb, file).toBeLessThan(64);
    }
  });

  it("refuses them at the command line too, with the code, and writes nothing anywhere [T23]", async () => {
    const state = path.join(temporaryDir(), "state");
    for (const file of ["dotdot.zip", "symlink-escape.zip", "absolute.tgz", "fifo.tgz", "bomb.tgz", "ok.zip"]) {
      const answer = await agentCommand(runtime, ["enrol", "--bundle", path.join(suite, file), "--state", state]);
      expect(answer.code, file).toBe(1);
      expect(answer.stderr, file).toContain("bundle-refused");
    }
    expect(fs.existsSync(state)).toBe(false);
    expect(fs.existsSync("/tmp/evil.txt")).toBe(false);
  });
});

describe("the archive reader", () => {
  it("refuses a tar with bytes after its end, a header that lies about its checksum, and a name outside the folder [T23]", async () => {
    const { gzipSync } = await import("node:zlib");
    const { endOfArchive, fileHeader, padding } = await import("../../server/services/bundle/tar-entry.ts");
    const entry = (name: string, text: string) => Buffer.concat([fileHeader({ name, bytes: text.length, isExecutable: false }), Buffer.from(text), padding(text.length)]);
    const write = (content: Buffer) => {
      const file = path.join(temporaryDir(), "made.tar.gz");
      fs.writeFileSync(file, gzipSync(content));
      return file;
    };
    const good = entry("manifest.json", "{}");
    expect((await readBundle(write(Buffer.concat([good, endOfArchive])))).size).toBe(1);
    const lying = Buffer.from(good);
    lying[0] = 0x6e;
    for (const bad of [Buffer.concat([good, endOfArchive, good]), Buffer.concat([lying, endOfArchive]), good, Buffer.concat([good, entry("sallyport-agent/token", "x"), endOfArchive]), Buffer.concat([good, entry("MANIFEST.json", "x"), endOfArchive])]) {
      await expect(readBundle(write(bad))).rejects.toMatchObject({ code: "bundle-refused" });
    }
  });
});
