/** An installation in the test file's own database, with its data directory in a temporary folder. Import "../support/with-database.ts" before this. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll } from "vitest";
import type { Caller } from "../../../server/services/caller.ts";

export const dataDirectory = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-trust-"));
process.env["SALLYPORT_DATA"] = dataDirectory;
afterAll(() => fs.rmSync(dataDirectory, { recursive: true, force: true }));

/** Bootstraps and returns a caller who may do everything. */
export async function installation(): Promise<Caller> {
  const [{ bootstrap }, { db }, { systemCaller }] = await Promise.all([import("../../../server/services/organisation/bootstrap.ts"), import("../../../server/db.ts"), import("../../../server/services/caller.ts")]);
  const { organisationId } = await bootstrap(db());
  afterAll(() => db().$disconnect());
  return { ...systemCaller(organisationId, "test"), db: db() };
}
