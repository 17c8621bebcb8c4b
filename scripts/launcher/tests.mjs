/** The steps of `npm test`, their deadlines, and the counting. */
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { buildConsole } from "./build.mjs";
import { findChromium } from "./chromium.mjs";
import { runCommand } from "./command.mjs";
import { installDependencies, packagedNode, root } from "./dependencies.mjs";
import { say, sayFailure, step } from "./report.mjs";

const minuteMs = 60_000;
const outputDirectory = path.join(root, "tests", ".out");
const lintedFolders = ["app", "server", "prisma", "gateway-worker", "agent", "cli", "contract", "bench", "tests", "scripts"];

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** Each step's name, and the work that returns its counts. */
const steps = {
  types: () => program("types", "typescript/bin/tsc", ["--noEmit"], 5 * minuteMs),
  lint: () => program("lint", "oxlint/bin/oxlint", ["--type-aware", ...lintedFolders.filter((folder) => fs.existsSync(path.join(root, folder)))], 5 * minuteMs),
  unit: () => vitest("unit", 5 * minuteMs),
  integration: () => vitest("integration", 20 * minuteMs),
  browser: () => browser(15 * minuteMs),
};

/** Runs the named steps, or all. Returns the exit code. */
export async function runTests(names) {
  const unknown = names.filter((name) => !(name in steps));
  if (unknown.length > 0) {
    say(`There is no step ${unknown.join(", ")}; the steps are ${Object.keys(steps).join(", ")}.`);
    return 2;
  }
  if (!(await setUp())) return finish({ passed: 0, failed: 1, skipped: 0 });
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const name of names.length > 0 ? names : Object.keys(steps)) add(total, await timed(name, steps[name]));
  return finish(total);
}

async function setUp() {
  try {
    await step("dependencies", () => installDependencies());
    await step("database client", async () => {
      const { code, output } = await runNode([path.join(root, "scripts", "db.mjs"), "generate"]);
      if (code !== 0) throw new Error(output);
      return output.trim();
    });
    await step("route types", async () => {
      const { code, output } = await runNode([bin("next/dist/bin/next"), "typegen"]);
      if (code !== 0) throw new Error(output);
    });
    fs.rmSync(outputDirectory, { recursive: true, force: true });
    fs.mkdirSync(outputDirectory, { recursive: true });
    return true;
  } catch (error) {
    sayFailure(error);
    return false;
  }
}

function finish({ passed, failed, skipped }) {
  say(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

async function timed(name, work) {
  say(`\n== ${name} ==`);
  const begun = Date.now();
  const counts = await work().catch((error) => {
    sayFailure(error);
    return { passed: 0, failed: 1, skipped: 0 };
  });
  say(`== ${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped in ${Math.round((Date.now() - begun) / 1000)} s ==`);
  return counts;
}

async function program(name, script, args, limitMs) {
  const code = await runShown(name, [bin(script), ...args], limitMs);
  return code === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}

async function vitest(project, limitMs) {
  const report = path.join(outputDirectory, `${project}.json`);
  const args = ["run", "--project", project, `--reporter=${process.env.CI ? "dot" : "default"}`, "--reporter=json", `--outputFile.json=${report}`];
  const code = await runShown(project, [bin("vitest/vitest.mjs"), ...args], limitMs);
  const found = readReport(report);
  const counts = { passed: found.numPassedTests ?? 0, failed: found.numFailedTests ?? 0, skipped: (found.numPendingTests ?? 0) + (found.numTodoTests ?? 0) };
  return withHiddenFailure(counts, code);
}

async function browser(limitMs) {
  await step("pages", () => buildConsole());
  const chromium = await findChromium();
  const report = path.join(outputDirectory, "browser.json");
  const environment = { ...chromium.environment, SALLYPORT_CHROMIUM: chromium.path, PLAYWRIGHT_JSON_OUTPUT_NAME: report };
  const code = await runShown("browser", [bin("@playwright/test/cli.js"), "test", "--reporter=list,json", "--pass-with-no-tests"], limitMs, environment);
  const { expected = 0, unexpected = 0, flaky = 0, skipped = 0 } = readReport(report).stats ?? {};
  return withHiddenFailure({ passed: expected + flaky, failed: unexpected, skipped }, code);
}

/** A file that does not load, or a runner that crashed, fails no single test: it counts as one. */
function withHiddenFailure(counts, code) {
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** @param {Counts} total @param {Counts} more */
function add(total, more) {
  for (const key of /** @type {const} */ (["passed", "failed", "skipped"])) total[key] += more[key];
}

function readReport(file) {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8"));
  } catch {
    return {}; // the runner ended before it wrote one; its exit code counts
  }
}

function bin(script) {
  return path.join(root, "node_modules", ...script.split("/"));
}

function runNode(args) {
  return runCommand(packagedNode(), args, { cwd: root, env: testEnvironment() });
}

/** Runs a tool with its output shown; ends it, and everything that it started, after the limit. */
function runShown(name, args, limitMs, environment = {}) {
  return new Promise((resolve) => {
    const child = spawn(packagedNode(), args, { cwd: root, env: { ...testEnvironment(), ...environment }, stdio: ["ignore", "inherit", "inherit"], detached: true });
    const end = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        // the group has gone
      }
    };
    const interrupted = () => end("SIGTERM");
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, interrupted);
    const timer = setTimeout(() => {
      say(`\nThe step ${name} did not end within ${limitMs / minuteMs} minutes and is ended.`);
      end("SIGTERM");
      setTimeout(() => end("SIGKILL"), 10_000).unref();
    }, limitMs);
    child.once("error", () => resolve(127));
    child.once("exit", (code) => {
      clearTimeout(timer);
      for (const signal of ["SIGINT", "SIGTERM"]) process.off(signal, interrupted);
      resolve(code ?? 1);
    });
  });
}

/** The packaged Node first, for tools that start `node` themselves; nothing calls home. */
function testEnvironment() {
  return { ...process.env, PATH: [path.join(root, "node_modules", ".bin"), process.env.PATH ?? ""].join(path.delimiter), NEXT_TELEMETRY_DISABLED: "1", CHECKPOINT_DISABLE: "1" };
}
