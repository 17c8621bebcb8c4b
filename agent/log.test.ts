import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { AgentLog, formatLine } from "./log.ts";

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-log-"));
afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

describe("the agent's log", () => {
  it("writes one line per event, whatever its values hold [S1-65] [S1-66]", () => {
    const line = formatLine(new Date(0), "warn", "could not connect", { via: "gw-1", detail: "a \"quoted\"\nline\u001b[31m", connection: "ab12-1", none: null });
    expect(line).toBe('1970-01-01T00:00:00.000Z warn could not connect via=gw-1 detail="a \\"quoted\\"\\nline\\u001b[31m" connection=ab12-1');
  });

  it("goes on in the file alone when nobody reads the output any more [S1-65]", async () => {
    const file = path.join(directory, "piped", "agent.log");
    const script = `import { AgentLog } from ${JSON.stringify(path.join(import.meta.dirname, "log.ts"))};
      const log = new AgentLog(${JSON.stringify(file)}, { echo: true });
      process.on("uncaughtException", (error) => log.error("an unexpected error", { reason: error.message }));
      let left = 20;
      const timer = setInterval(() => { log.info("a line"); if (--left === 0) { clearInterval(timer); } }, 10);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "ignore"] });
    child.stdout.once("data", () => child.stdout.destroy());
    await new Promise((resolve) => child.once("exit", resolve));
    expect(fs.readFileSync(file, "utf8").trim().split("\n")).toHaveLength(20);
    fs.rmSync(path.dirname(file), { recursive: true });
  });

  it("puts a full file aside and keeps five old ones [S1-66]", () => {
    const file = path.join(directory, "agent.log");
    const log = new AgentLog(file);
    const filler = "x".repeat(3_900);
    for (let index = 0; index < 18_000; index += 1) log.debug(filler);
    expect(fs.readdirSync(directory).sort()).toEqual(["agent.log", "agent.log.1", "agent.log.2", "agent.log.3", "agent.log.4", "agent.log.5"]);
    for (const name of fs.readdirSync(directory)) expect(fs.statSync(path.join(directory, name)).size).toBeLessThanOrEqual(10 * 1024 * 1024);
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
  });
});
