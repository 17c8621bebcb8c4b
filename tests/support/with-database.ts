/**
 * Import this first in a test file that imports console code: it makes the file's own database and sets DATABASE_URL before `server/env.ts` reads it.
 *   import "../support/with-database.ts";
 *   import { db } from "../../server/db.ts";
 */
import { randomBytes } from "node:crypto";
import { createTestDatabase } from "./database.ts";

export const testDatabase = await createTestDatabase();
process.env["DATABASE_URL"] = testDatabase.url;
// A test never reads or makes the master key of an installation.
process.env["SALLYPORT_MASTER_KEY"] ??= randomBytes(32).toString("base64");
