/** Our yamux against hashicorp/yamux, in both roles and on both runtimes. The peer (tests/channel/go) is built with the machine's Go. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installedBunPath } from "../../gateway-worker/supervisor/engines.ts";

const goPath = "/usr/share/gocode";
const skipped = whyNot();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-yamux-"));
const peerFile = path.join(folder, "peer");

function whyNot(): string | undefined {
  if (spawnSync("go", ["version"]).status !== 0) return "Go is not installed here (Debian: golang-go)";
  return fs.existsSync(`${goPath}/src/github.com/hashicorp/yamux`) ? undefined : "hashicorp/yamux is not installed here (Debian: golang-github-hashicorp-yamux-dev)";
}

beforeAll(() => {
  if (!skipped) execFileSync("go", ["build", "-o", peerFile, path.join(import.meta.dirname, "go/peer.go")], { env: { ...process.env, GO111MODULE: "off", GOPATH: goPath, GOCACHE: path.join(folder, "cache"), GOFLAGS: "" } });
}, 120_000);

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

type Peer = { port: number; lines: string[]; over: Promise<void> };

async function startPeer(...args: string[]): Promise<Peer> {
  const child: ChildProcess = spawn(peerFile, args, { stdio: ["ignore", "pipe", "ignore"] });
  const lines: string[] = [];
  const { stdout } = child;
  if (!stdout) throw new Error("the peer has no standard output");
  const over = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const reader = createInterface({ input: stdout });
  const port = await new Promise<number>((resolve) => reader.once("line", (line) => resolve(Number(line))));
  reader.on("line", (line) => lines.push(line));
  return { port, lines, over };
}

function drive(runtime: "bun" | "node", given: { port: number; isClient: boolean; script: string }): Promise<unknown> {
  const child = spawn(runtime === "bun" ? (installedBunPath() ?? "bun") : process.execPath, [path.join(import.meta.dirname, "yamux-driver.ts"), JSON.stringify(given)], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  return new Promise((resolve, reject) => child.once("close", (code) => (code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`the driver on ${runtime} ended with ${code}: ${out}`)))));
}

describe.skipIf(skipped).each(["bun", "node"] as const)(`yamux on %s against hashicorp/yamux${skipped ? ` (skipped: ${skipped})` : ""}`, (runtime) => {
  for (const isClient of [true, false]) {
    it(`carries 64 MB on eight streams, half-closes, resets, pings, stops at windows and goes away as the ${isClient ? "client" : "server"} [T08]`, async () => {
      const peer = await startPeer("-role", isClient ? "server" : "client");
      const told = await drive(runtime, { port: peer.port, isClient, script: "all" });
      await peer.over;
      expect(told).toEqual({
        results: {
          ping: true,
          pinged: "<nil>",
          echoed: true,
          counted: "1000000",
          opened: "<nil>",
          stuckThere: { sent: 262_144, echoed: true },
          stuckHere: { held: 262_144, echoed: true, got: 8_000_000 },
          streams: "1",
          goAway: { said: "<nil>", refusal: "going-away", after: "still open" },
        },
        events: ["go-away", "done"],
      });
      expect(peer.lines).toEqual(["read: connection reset", expect.stringMatching(/^over: /)]);
    });
  }

  it("takes the peer's refusal of a stream, and a larger window than the initial one", async () => {
    const small = await startPeer("-role", "server", "-accept=false", "-backlog", "1");
    expect(await drive(runtime, { port: small.port, isClient: true, script: "refused" })).toEqual({ results: { isFirstOpen: true, error: "stream-reset" }, events: ["done"] });
    await small.over;
    const large = await startPeer("-role", "server", "-window", "1000000");
    expect(await drive(runtime, { port: large.port, isClient: true, script: "all" })).toMatchObject({ results: { echoed: true, stuckThere: { sent: 1_000_000 } } });
    await large.over;
  });
});
