/** The installation of a file of page checks, and a browser that is signed in to it as the owner. */
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { type APIRequestContext, type BrowserContext, test } from "@playwright/test";
import { type Installation, root, startInstallation } from "../../e2e/support/installation.ts";

export const owner = { email: "owner@example.com", password: "a long enough passphrase" };

let installation: Installation | undefined;

/** Starts an installation before the tests of the calling file and deletes it afterwards. `rows` of demo data are put into it. */
export function useInstallation(rows: 0 | 3 | 500 = 0): void {
  test.beforeAll(async () => {
    test.setTimeout(300_000);
    installation = await startInstallation();
    await makeOwner(installation);
    if (rows === 0) return;
    const url = fs.readFileSync(path.join(installation.dataDirectory, "database-url"), "utf8").trim();
    const env = { ...process.env, DATABASE_URL: url, SALLYPORT_DATA: installation.dataDirectory };
    await promisify(execFile)(process.execPath, ["prisma/seed.ts", "--rows", String(rows)], { cwd: root, env });
  });
  test.afterAll(async () => {
    test.setTimeout(60_000);
    await installation?.remove();
    installation = undefined;
  });
}

/** Address of the console under test. */
export function consoleUrl(): string {
  if (!installation) throw new Error("there is no installation: the file does not call useInstallation");
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
