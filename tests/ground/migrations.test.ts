import pg from "pg";
import { afterEach, describe, expect, it } from "vitest";
import { applyMigrations, migrationNames, missingMigration } from "../../scripts/migration-engine.mjs";
import { createTestDatabase } from "../support/database.ts";

const open: pg.Client[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.end()));
});

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  open.push(client);
  return client;
}

describe("migrations", () => {
  it("lead to exactly the tables of the schema", async () => {
    const { url } = await createTestDatabase();
    expect(await missingMigration(url)).toBeUndefined();
  });

  it("apply nothing twice", async () => {
    const { url } = await createTestDatabase();
    expect(await applyMigrations(url)).toEqual([]);
  });

  it("wait for each other when two consoles start at once", async () => {
    const { url } = await createTestDatabase();
    const client = await connect(url);
    await client.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    const applied = await Promise.all([applyMigrations(url), applyMigrations(url)]);
    expect(applied.flat()).toEqual(migrationNames());
  });

  it("refuse a database that a newer version has migrated, and say so", async () => {
    const { url } = await createTestDatabase();
    const client = await connect(url);
    await client.query(`INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at, applied_steps_count) VALUES ('x', 'y', '9999_future', now(), 1)`);
    await expect(applyMigrations(url)).rejects.toThrow(/newer than this version.*9999_future/);
  });

  it("refuse a database made with another text of a migration, and name it", async () => {
    const { url } = await createTestDatabase();
    const client = await connect(url);
    await client.query(`UPDATE "_prisma_migrations" SET checksum = repeat('0', 64)`);
    await expect(applyMigrations(url)).rejects.toThrow(/another text of the migration 0001_init/);
  });
});
