/** Compares the migrations of this version with what the database has, so that a console never works on tables of another version. */
import fs from "node:fs";
import path from "node:path";
import type { Db } from "./db.ts";

const folder = path.resolve(import.meta.dirname, "..", "prisma", "migrations");

/** A sentence when the database does not fit this version, null when it does. */
export async function migrationProblem(database: Db): Promise<string | null> {
  const wanted = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => /^\d/.test(name)).sort() : [];
  const applied = await appliedMigrations(database);
  const missing = wanted.filter((name) => !applied.includes(name));
  const unknown = wanted.length > 0 ? applied.filter((name) => !wanted.includes(name)) : [];
  if (missing.length > 0) return `The database lacks ${missing.length} of ${wanted.length} migrations (first: ${missing[0]}); run npm run db:migrate, or npm start, which does it.`;
  if (unknown.length > 0) return `The database was written by another version (migration ${unknown[0]} is not known here); start the newer version, or restore a backup made before it.`;
  return null;
}

async function appliedMigrations(database: Db): Promise<string[]> {
  const [table] = await database.$queryRaw<{ name: string | null }[]>`SELECT to_regclass('_prisma_migrations')::text AS name`;
  if (!table?.name) return [];
  const rows = await database.$queryRaw<{ name: string }[]>`SELECT migration_name AS name FROM "_prisma_migrations" WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`;
  return rows.map((row) => row.name);
}
