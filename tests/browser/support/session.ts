/** The installation of page checks, and a browser that is signed in to it as the owner. */
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { type APIRequestContext, type BrowserContext, test as base } from "@playwright/test";
import { type Installation, root, startInstallation } from "../../e2e/support/installation.ts";

export const owner = { email: "owner@example.com", password: "a long enough passphrase" };

let installation: Installation | undefined;

/** Rows of demo data in the installation of a file: `test.use({ rows: 3 })`, at its top. */
type Options = { rows: 0 | 3 | 500 };

/** Tests with an installation. Files with equal options share one, which starts before the first test that needs it and is deleted after the last: names in them must not clash. */
export const test = base.extend<object, Options & { console: Installation }>({
  rows: [0, { option: true, scope: "worker" }],
  console: [
    async ({ rows }, use) => {
      installation = await startInstallation();
      try {
        await makeOwner(installation);
        if (rows > 0) await seed(installation, rows);
        await use(installation);
      } finally {
        await installation.remove();
        installation = undefined;
      }
    },
    { scope: "worker", auto: true, timeout: 300_000 },
  ],
});

async function seed({ dataDirectory }: Installation, rows: number): Promise<void> {
  const url = fs.readFileSync(path.join(dataDirectory, "database-url"), "utf8").trim();
  const env = { ...process.env, DATABASE_URL: url, SALLYPORT_DATA: dataDirectory };
  await promisify(execFile)(process.execPath, ["prisma/seed.ts", "--rows", String(rows)], { cwd: root, env });
}

/** Address of the console under test. */
export function consoleUrl(): string {
  if (!installation) throw new Error("there is no installation: the file does not take its test from support/session.ts");
  return installation.url;
}

/** The owner is made before any demo data, which brings people of its own: the one-time link serves an installation without people only. */
async function makeOwner({ url, setupLink }: Installation): Promise<void> {
  const body = JSON.stringify({ secret: setupLink().split("#")[1], ...owner });
  const answer = await fetch(`${url}/api/setup`, { method: "POST", headers: { origin: url, "content-type": "application/json" }, body });
  if (!answer.ok) throw new Error(`making the owner failed: ${answer.status} ${await answer.text()}`);
}

/** Signs this browser in as the owner. */
export async function signIn(context: BrowserContext): Promise<void> {
  const answer = await context.request.post(`${consoleUrl()}/api/auth/sign-in/email`, { headers: { origin: consoleUrl() }, data: owner });
  if (!answer.ok()) throw new Error(`signing in failed: ${answer.status()} ${await answer.text()}`);
}

/** Calls a mutation as the signed-in person, to prepare what a page shows. */
export async function call<R>(request: APIRequestContext, procedure: string, input: unknown): Promise<R> {
  const answer = await request.post(`${consoleUrl()}/api/trpc/${procedure}`, { headers: { origin: consoleUrl() }, data: input as object });
  if (!answer.ok()) throw new Error(`${procedure} failed: ${answer.status()} ${await answer.text()}`);
  return ((await answer.json()) as { result: { data: R } }).result.data;
}
