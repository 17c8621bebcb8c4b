/** Turns what can go wrong at start into one sentence for the person at the terminal; the log has the rest. */
import { SealError } from "./services/seal.ts";

/** The sentence is shown as it is and the process ends with exit code 1. */
export class StartProblem extends Error {}

/** Any error as a StartProblem. */
export function startProblemOf(error: unknown): StartProblem {
  if (error instanceof StartProblem) return error;
  if (error instanceof SealError) return new StartProblem(error.message);
  const { code, address, port } = systemError(error);
  if (code === "EADDRINUSE") return new StartProblem(`Port ${port ?? "?"} on ${address ?? "this machine"} is taken by another program; stop it, or choose another port (SALLYPORT_CONSOLE_PORT, SALLYPORT_AGENT_SITE_PORT, SALLYPORT_CONTROL_PORT).`, { cause: error });
  if (code === "EACCES") return new StartProblem(`This user may not listen on port ${port ?? "?"}, or not use a file it needs; choose a port above 1023 or give it the right.`, { cause: error });
  if (code === "ENOSPC") return new StartProblem("The disk is full; free some space and start again.", { cause: error });
  return new StartProblem(`The console could not start: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}

/** The system error in a cause chain, if there is one. */
function systemError(error: unknown): { code?: string | undefined; address?: string; port?: number } {
  for (let current: unknown = error; current instanceof Error; current = current.cause) if ("syscall" in current) return current as NodeJS.ErrnoException & { address?: string; port?: number };
  return {};
}
