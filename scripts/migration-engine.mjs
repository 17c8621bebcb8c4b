/**
 * Migrations without a download: Prisma's schema engine compiled to WebAssembly, over the `pg` driver adapter. docs/decisions/0003 has the why.
 * What of the adapter does not fit the engine yet is mended by `SchemaAdapterFactory` and `mended` below.
 */
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { PrismaPg } from "@prisma/adapter-pg";
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from "@prisma/driver-adapter-utils";
import pg from "pg";

const root = path.join(import.meta.dirname, "..");
const schemaFile = "prisma/schema.prisma";
const migrationsDirectory = path.join(root, "prisma", "migrations");
const noFilters = { externalTables: [], externalEnums: [] };
/** Any fixed number that no other program uses; two consoles that start at once migrate one after the other. */
const migrationLock = 5_312_744_310;

/** A sentence for the person, with what to do. */
export class MigrationError extends Error {}

/** Applies every migration that the database lacks. Returns the names applied. Refuses, with a sentence, when the database's history is not ours. */
export async function applyMigrations(databaseUrl) {
  const connection = connectionOf(databaseUrl);
  return withMigrationLock(connection, () =>
    withEngine(connection, async (engine) => {
      await refuseStrangeHistory(engine);
      const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList: migrationsOnDisk(), filters: noFilters });
      return appliedMigrationNames;
    }),
  );
}

/** SQL that leads from the committed migrations (or from an empty database) to prisma/schema.prisma; undefined when nothing changed. Needs a server where databases may be created. */
export async function missingMigration(databaseUrl, { fromEmpty = false } = {}) {
  return withEngine(connectionOf(databaseUrl), async (engine) => {
    const onDisk = migrationsOnDisk();
    const from = fromEmpty || onDisk.migrationDirectories.length === 0 ? { tag: "empty" } : { tag: "migrations", ...onDisk };
    const result = await engine.diff({ from, to: { tag: "schemaDatamodel", files: schemaFiles() }, script: true, exitCode: true, filters: noFilters, shadowDatabaseUrl: null });
    return result.exitCode === 2 ? result.stdout : undefined;
  });
}

/** Writes a migration folder and returns its path below the repository. */
export function writeMigration(name, sql) {
  const folder = path.join(migrationsDirectory, name);
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, "migration.sql"), sql);
  fs.writeFileSync(path.join(migrationsDirectory, "migration_lock.toml"), 'provider = "postgresql"\n');
  return path.relative(root, folder);
}

/** Names of the committed migrations, in the order in which they are applied. */
export function migrationNames() {
  if (!fs.existsSync(migrationsDirectory)) return [];
  return fs.readdirSync(migrationsDirectory, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name).toSorted();
}

async function withMigrationLock(connection, work) {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: 10_000 });
  client.on("error", () => {}); // the query that suffers from it reports it
  await client.connect();
  try {
    await client.query("SELECT pg_advisory_lock($1)", [migrationLock]);
    return await work();
  } finally {
    await client.end();
  }
}

async function refuseStrangeHistory(engine) {
  const found = await engine.diagnoseMigrationHistory({ migrationsList: migrationsOnDisk(), optInToShadowDatabase: false, filters: noFilters });
  if (found.failedMigrationNames.length > 0) {
    throw new MigrationError(`The migration ${found.failedMigrationNames.join(", ")} failed half-way before; restore the database from its backup, then start again.`);
  }
  if (found.editedMigrationNames.length > 0) {
    throw new MigrationError(`The database was made with another text of the migration ${found.editedMigrationNames.join(", ")}; restore that file, or use a new database.`);
  }
  if (found.history?.diagnostic === "migrationsDirectoryIsBehind") {
    throw new MigrationError(`The database is newer than this version of Sallyport (it has ${found.history.unpersistedMigrationNames.join(", ")}); install the newer version, or restore a backup made with this one.`);
  }
  if (found.history?.diagnostic === "historiesDiverge") {
    throw new MigrationError(`The database was migrated by a different line of versions (it has ${found.history.unpersistedMigrationNames.join(", ")}, which this version lacks); use the database of this version.`);
  }
}

function schemaFiles() {
  return [{ path: schemaFile, content: fs.readFileSync(path.join(root, schemaFile), "utf8") }];
}

function migrationsOnDisk() {
  const lockFile = path.join(migrationsDirectory, "migration_lock.toml");
  return {
    baseDir: "prisma/migrations",
    lockfile: { path: "migration_lock.toml", content: fs.existsSync(lockFile) ? fs.readFileSync(lockFile, "utf8") : null },
    migrationDirectories: migrationNames().map((name) => ({
      path: name,
      migrationFile: { path: "migration.sql", content: { tag: "ok", value: fs.readFileSync(path.join(migrationsDirectory, name, "migration.sql"), "utf8") } },
    })),
    shadowDbInitScript: "",
  };
}

/** Host, port, user, password, database and TLS as fields: given a URL, the adapter would use the URL's own database instead of the shadow database. */
function connectionOf(databaseUrl) {
  const { host, port, user, password, database, ssl } = new pg.Client({ connectionString: databaseUrl });
  return { host, port, user, password: password ?? undefined, database, ssl };
}

/** The engine does not close the adapters that it opened; the factory does. */
async function withEngine(connection, work) {
  const bindings = await loadEngine();
  const adapters = new SchemaAdapterFactory(connection);
  const datamodels = schemaFiles().map((file) => [file.path, file.content]);
  try {
    return await work(await bindings.SchemaEngine.new({ datamodels }, () => {}, bindMigrationAwareSqlAdapterFactory(adapters)));
  } finally {
    await adapters.disposeAll();
  }
}

let loaded;
function loadEngine() {
  loaded ??= (async () => {
    // Without this registry a panic of the engine hides its message.
    globalThis.PRISMA_WASM_PANIC_REGISTRY = { message: "", set_message(message) { this.message = message; console.error("schema engine:", message); } };
    const bindings = await import("@prisma/schema-engine-wasm/schema_engine_bg");
    const folder = path.dirname(createRequire(import.meta.url).resolve("@prisma/schema-engine-wasm"));
    const compiled = await WebAssembly.compile(fs.readFileSync(path.join(folder, "schema_engine_bg.wasm")));
    const instance = await WebAssembly.instantiate(compiled, { "./schema_engine_bg.js": bindings });
    bindings.__wbg_set_wasm(instance.exports);
    instance.exports.__wbindgen_start?.();
    return bindings;
  })();
  return loaded;
}

class SchemaAdapterFactory extends PrismaPg {
  #connection;
  #open = new Set();

  constructor(connection) {
    super(connection);
    this.#connection = connection;
  }

  async disposeAll() {
    for (const adapter of this.#open) await adapter.dispose();
  }

  async connect() {
    return this.#track(mended(await super.connect()), async () => {});
  }

  /** The adapter's own version drops the shadow database before it closes its pool, and PostgreSQL refuses that. */
  async connectToShadowDb() {
    const database = `sallyport_shadow_${globalThis.crypto.randomUUID().replaceAll("-", "")}`;
    const admin = new pg.Client(this.#connection);
    await admin.connect();
    await admin.query(`CREATE DATABASE "${database}"`);
    return this.#track(mended(await new PrismaPg({ ...this.#connection, database }).connect()), async () => {
      await admin.query(`DROP DATABASE "${database}" WITH (FORCE)`);
      await admin.end();
    });
  }

  #track(adapter, afterwards) {
    const dispose = adapter.dispose.bind(adapter);
    this.#open.add(adapter);
    adapter.dispose = async () => {
      if (!this.#open.delete(adapter)) return;
      await dispose();
      await afterwards();
    };
    return adapter;
  }
}

const typesByOid = {
  16: ColumnTypeEnum.Boolean, 18: ColumnTypeEnum.Character, 20: ColumnTypeEnum.Int64, 21: ColumnTypeEnum.Int32, 23: ColumnTypeEnum.Int32, 26: ColumnTypeEnum.Int64,
  1002: ColumnTypeEnum.CharacterArray, 1003: ColumnTypeEnum.TextArray, 1005: ColumnTypeEnum.Int32Array, 1007: ColumnTypeEnum.Int32Array, 1009: ColumnTypeEnum.TextArray,
};

/**
 * Two more repairs. The engine reads columns of PostgreSQL's internal type "char" (OID 18), which the adapter does not know: those queries go to `pg` directly.
 * And the adapter cuts scripts at every semicolon, also inside function bodies and texts: a migration goes to the server whole, which also makes it one transaction.
 */
function mended(adapter) {
  const pool = adapter.underlyingDriver();
  const queryRaw = adapter.queryRaw.bind(adapter);
  adapter.executeScript = async (script) => void (await pool.query(script));
  adapter.queryRaw = async (query) => {
    try {
      return await queryRaw(query);
    } catch (error) {
      if (!String(error?.message).includes("UnsupportedNativeDataType")) throw error;
      return toEngineResult(await pool.query({ text: query.sql, values: query.args, rowMode: "array" }));
    }
  };
  return adapter;
}

function toEngineResult({ fields, rows }) {
  const cell = (value, index) => (value === "" && fields[index]?.dataTypeID === 18 ? "\0" : value);
  return {
    columnNames: fields.map((field) => field.name),
    columnTypes: fields.map((field) => typesByOid[field.dataTypeID] ?? ColumnTypeEnum.Text),
    rows: rows.map((row) => row.map(cell)),
  };
}
