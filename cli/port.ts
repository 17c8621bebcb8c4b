/** Ports on a command line. */
import { usage } from "./errors.ts";

/** Reads 1 to 65535, or 0 where any free port will do. Throws a usage error that names the value. */
export function readPort(text: string, isZeroAllowed = false): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port >= (isZeroAllowed ? 0 : 1) && port <= 65_535) return port;
  throw usage(`"${text}" is no port; write a number from ${isZeroAllowed ? 0 : 1} to 65535.`);
}
