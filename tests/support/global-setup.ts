/**
 * Once for a run of the integration tests: one PostgreSQL, with one migrated database that every test file copies (tests/support/database.ts).
 * DATABASE_URL_TEST names a server to use instead of the packaged one; its user must be allowed to create databases.
 */
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { generateClient } from "../../scripts/db.mjs";
import { freePort, makePassword, startEmbeddedPostgres } from "../../scripts/embedded-postgres.mjs";
import { applyMigrations } from "../../scripts/migration-engine.mjs";

declare module "vitest" {
  export interface ProvidedContext {
    /** URL of a database of the server that the tests use, to make others from. */
    testServerUrl: string;
    /** Name of the migrated, empty database to copy. */
    testTemplate: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  generateClient();
  const server = await testServer();
  const template = `sallyport_template_${randomUUID().replaceAll("-", "")}`;
  await run(server.url, `CREATE DATABASE "${template}"`);
  await applyMigrations(databaseUrl(server.url, template));
  project.provide("testServerUrl", server.url);
  project.provide("testTemplate", template);
  return async () => {
    await run(server.url, `DROP DATABASE IF EXISTS "${template}" WITH (FORCE)`);
    await server.stop();
  };
}

async function testServer(): Promise<{ url: string; stop: () => Promise<void> }> {
  const given = process.env["DATABASE_URL_TEST"];
  if (given) return { url: given, stop: async () => {} };
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-test-"));
  fs.chmodSync(folder, 0o711); // started by root, the server runs as another user who must be able to enter
  const server = await startEmbeddedPostgres({
    dataDirectory: path.join(folder, "data"),
    port: await freePort(),
    password: makePassword(),
    logFile: path.join(folder, "postgres.log"),
    // Nothing here must survive a power cut.
    settings: { fsync: "off", synchronous_commit: "off", full_page_writes: "off", max_connections: "300", shared_buffers: "64MB" },
    initdbOptions: ["--no-sync"],
  });
  return {
    url: server.url(),
    stop: async () => {
      await server.stop();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

function databaseUrl(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
