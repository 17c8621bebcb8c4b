/** Next, run inside the console process. It bundles its own copy of server code, so nothing but PostgreSQL is shared between the two. */
import fs from "node:fs";
import path from "node:path";
import type { Handler } from "./http.ts";

export type NextPages = { handler: Handler; close: () => Promise<void> };

const root = path.resolve(import.meta.dirname, "..");

/** Prepares the built pages; null when there is no build in the folder. */
export async function startNext(address: { hostname: string; port: number }): Promise<NextPages | null> {
  if (!fs.existsSync(path.join(root, ".next", "BUILD_ID"))) return null;
  const { default: next } = await import("next");
  const app = next({ dev: false, dir: root, ...address });
  await app.prepare();
  const handle = app.getRequestHandler();
  return { handler: (request, response) => handle(request, response), close: () => app.close() };
}
