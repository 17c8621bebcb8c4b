/**
 * The database from the command line:
 *   node scripts/db.mjs generate                 writes the Prisma client to prisma/client, when the schema changed
 *   node scripts/db.mjs create NAME [--replace]  writes the next migration from prisma/schema.prisma; --replace makes one initial migration of all (only before the first release)
 *   node scripts/db.mjs check                    exit code 1 when prisma/schema.prisma says more than the migrations
 *   node scripts/db.mjs probe                    says whether the database of DATABASE_URL can be used
 *   node scripts/db.mjs migrate                  applies what the database of DATABASE_URL lacks
 * `create` and `check` use a PostgreSQL of their own for the seconds they need it.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.join(import.meta.dirname, "..");
const clientDirectory = path.join(root, "prisma", "client");

/** Runs `prisma generate` unless the client on disk was made from this very schema. Returns whether it ran. */
export function generateClient() {
  const stampFile = path.join(clientDirectory, ".made-from");
  const stamp = schemaHash();
  if (fs.existsSync(stampFile) && fs.readFileSync(stampFile, "utf8") === stamp) return false;
  const result = spawnSync(process.execPath, [path.join(root, "node_modules", "prisma", "build", "index.js"), "generate"], {
    cwd: root, encoding: "utf8",
    // The generator needs no engine, only a path that exists: any program does, and nothing is fetched. The rest switches off its calls home.
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: "1", PRISMA_HIDE_UPDATE_MESSAGE: "1" },
  });
  if (result.status !== 0) throw new Error(`prisma generate failed:\n${result.stdout}${result.stderr}`);
  fs.writeFileSync(stampFile, stamp);
  return true;
}

function schemaHash() {
  const hash = createHash("sha256");
  for (const file of ["prisma/schema.prisma", "node_modules/prisma/package.json"]) hash.update(fs.readFileSync(path.join(root, file)));
  return hash.digest("hex");
}

async function create(name, replace) {
  if (!/^[a-z0-9_]{1,60}$/.test(name ?? "")) return fail("Name the migration in lower-case letters, digits and underscores, such as: create add_site_notes");
  const { migrationNames, missingMigration, writeMigration } = await import("./migration-engine.mjs");
  const existing = migrationNames();
  const sql = await withScratchDatabase((url) => missingMigration(url, { fromEmpty: replace }));
  if (sql === undefined) return console.log("no change");
  if (replace) for (const old of existing) fs.rmSync(path.join(root, "prisma", "migrations", old), { recursive: true });
  const number = String(replace ? 1 : existing.length + 1).padStart(4, "0");
  console.log(`wrote ${writeMigration(`${number}_${name}`, sql)}; read the SQL before you commit it`);
}

async function check() {
  const { missingMigration } = await import("./migration-engine.mjs");
  const sql = await withScratchDatabase((url) => missingMigration(url));
  if (sql === undefined) return console.log("migrations and schema agree");
  fail(`prisma/schema.prisma has changes without a migration; run: npm run db:migration NAME\n${sql}`);
}

async function probe() {
  const { probeDatabase } = await import("./database-probe.mjs");
  try {
    console.log(await probeDatabase(process.env.DATABASE_URL ?? ""));
  } catch (error) {
    fail(error.message);
  }
}

async function migrate() {
  const url = process.env.DATABASE_URL;
  if (!url) return fail("DATABASE_URL is not set; it looks like postgresql://user:password@host:5432/sallyport");
  const { probeDatabase } = await import("./database-probe.mjs");
  const { applyMigrations, MigrationError } = await import("./migration-engine.mjs");
  try {
    await probeDatabase(url);
  } catch (error) {
    return fail(error.message);
  }
  try {
    const applied = await applyMigrations(url);
    console.log(applied.length === 0 ? "the database is up to date" : `applied ${applied.join(", ")}`);
  } catch (error) {
    if (error instanceof MigrationError) return fail(error.message);
    throw error;
  }
}

async function withScratchDatabase(work) {
  const { freePort, makePassword, startEmbeddedPostgres } = await import("./embedded-postgres.mjs");
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-db-"));
  fs.chmodSync(folder, 0o711); // started by root, the server runs as another user who must be able to enter
  const server = await startEmbeddedPostgres({
    dataDirectory: path.join(folder, "data"), port: await freePort(), password: makePassword(), logFile: path.join(folder, "log"),
    settings: { fsync: "off" }, initdbOptions: ["--no-sync"],
  });
  try {
    return await work(server.url());
  } finally {
    await server.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function fail(sentence) {
  console.error(sentence);
  process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [command, ...rest] = process.argv.slice(2);
  if (command === "generate") console.log(generateClient() ? "generated prisma/client" : "prisma/client is up to date");
  else if (command === "create") await create(rest.find((word) => !word.startsWith("--")), rest.includes("--replace"));
  else if (command === "check") await check();
  else if (command === "probe") await probe();
  else if (command === "migrate") await migrate();
  else fail("say generate, create NAME, check, probe or migrate");
  process.exit(); // the schema engine leaves a timer of 10 s behind
}
