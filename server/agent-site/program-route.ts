/** Sends the console's agent build. A few at a time: each is tens of megabytes, and the site has other things to answer. */
import { pipeline } from "node:stream/promises";
import { buildProgramArchive } from "../services/program/archive.ts";
import { ConsoleError } from "../errors.ts";
import type { AgentExchange } from "./router.ts";

const atOnceMax = 32;
let running = 0;

export async function sendProgram({ response, caller }: AgentExchange): Promise<void> {
  if (running >= atOnceMax) throw new ConsoleError("rate-limited", `${atOnceMax} agents fetch their program just now; try again in a minute.`);
  running += 1;
  try {
    const archive = await buildProgramArchive(caller);
    response.writeHead(200, { "content-type": "application/gzip", "content-length": archive.bytes, "cache-control": "no-store" });
    await pipeline(archive.stream, response);
  } finally {
    running -= 1;
  }
}
