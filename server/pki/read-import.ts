/** Reads an imported file in a worker thread with a deadline and a bound on memory. At most two at once; each may use a core for seconds. */
import fs from "node:fs";
import path from "node:path";
import { Worker } from "node:worker_threads";
import type { ImportFile, ImportResult } from "./import-result.ts";

/** Longest a file may be worked on, ms. A million rounds of SHA-256 three times over fit into it. */
export const importDeadlineMs = 20_000;
const atOnceMax = 2;
let running = 0;

export type ImportOutcome = ImportResult | { kind: "busy" } | { kind: "late" };

export async function readImport(file: ImportFile, now: Date, deadlineMs = importDeadlineMs): Promise<ImportOutcome> {
  if (running >= atOnceMax) return { kind: "busy" };
  running += 1;
  try {
    return await inWorker(file, now, deadlineMs);
  } finally {
    running -= 1;
  }
}

function inWorker(file: ImportFile, now: Date, deadlineMs: number): Promise<ImportOutcome> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(workerFile(), { workerData: { file, now: now.getTime() }, env: {}, resourceLimits: { maxOldGenerationSizeMb: 192 }, stdin: false });
    const timer = setTimeout(() => finish({ kind: "late" }), deadlineMs);
    const finish = (outcome: ImportOutcome) => {
      clearTimeout(timer);
      resolve(outcome);
      void worker.terminate();
    };
    worker.once("message", (result: ImportResult) => finish(result));
    worker.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    worker.once("exit", () => {
      clearTimeout(timer);
      reject(new Error("the import worker ended without an answer"));
    });
  });
}

/** The worker's source file. Next bundles this module elsewhere; then the file is found from the program that runs (server/main.ts) or from the working directory. */
function workerFile(): string {
  const program = process.argv[1] ? path.dirname(process.argv[1]) : "";
  const places = [import.meta.dirname ?? "", path.join(program, "pki"), path.join(process.cwd(), "server", "pki")];
  const found = places.map((place) => path.join(/* turbopackIgnore: true */ place, "import-worker.ts")).find((file) => fs.existsSync(file));
  if (!found) throw new Error("server/pki/import-worker.ts is not where it was installed");
  return found;
}
