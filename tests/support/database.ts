/** A database of its own for a test file: a copy of the migrated template, made in some 50 ms and dropped after the file. */
import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, inject } from "vitest";
import type {} from "./global-setup.ts";

export type TestDatabase = {
  /** Connection URL, as DATABASE_URL would be. */
  url: string;
  /** Ends every connection and drops the database; safe to call twice. */
  drop: () => Promise<void>;
};

/** Makes a migrated, empty database. It is dropped after the test file, or by `drop`. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const serverUrl = inject("testServerUrl");
  const name = `sallyport_test_${randomUUID().replaceAll("-", "")}`;
  await onServer(serverUrl, `CREATE DATABASE "${name}" TEMPLATE "${inject("testTemplate")}"`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const drop = () => onServer(serverUrl, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
  afterAll(drop);
  return { url: url.href, drop };
}

async function onServer(serverUrl: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  client.on("error", () => {}); // the query that suffers from it reports it
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
