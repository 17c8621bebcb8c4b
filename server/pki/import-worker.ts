/** Entry of the worker thread that reads imported files, so that key derivation never holds the console's event loop (T25). */
import { parentPort, workerData } from "node:worker_threads";
import { readImportFile } from "./import-file.ts";
import type { ImportFile } from "./import-result.ts";

const { file, now } = workerData as { file: ImportFile; now: number };
parentPort?.postMessage(readImportFile(file, new Date(now)));
