/** A signed-in browser for the page checks: makes the first owner from the installation's set-up link, or signs in when somebody did before. */
import fs from "node:fs";
import path from "node:path";
import type { APIRequestContext, BrowserContext } from "@playwright/test";

export const owner = { email: process.env["SALLYPORT_ADMIN_EMAIL"] ?? "owner@example.com", password: process.env["SALLYPORT_ADMIN_PASSWORD"] ?? "a long enough passphrase" };

/** Address of the console under test. */
export function consoleUrl(): string {
  const url = process.env["SALLYPORT_E2E_URL"];
  if (!url) throw new Error("SALLYPORT_E2E_URL is not set; run the browser tests with npm test");
  return url;
}

/** Signs this browser in as the owner. */
export async function signIn(context: BrowserContext): Promise<void> {
  const data = process.env["SALLYPORT_E2E_DATA"] ?? "";
  const linkFile = path.join(data, "setup-link");
  const headers = { origin: consoleUrl() };
  if (fs.existsSync(linkFile)) {
    const secret = fs.readFileSync(linkFile, "utf8").trim().split("#")[1] ?? "";
    await context.request.post(`${consoleUrl()}/api/setup`, { headers, data: { secret, ...owner } });
  }
  const answer = await context.request.post(`${consoleUrl()}/api/auth/sign-in/email`, { headers, data: owner });
  if (!answer.ok()) throw new Error(`signing in failed: ${answer.status()} ${await answer.text()}`);
}

/** Calls a mutation as the signed-in person, to prepare what a page shows. */
export async function call<R>(request: APIRequestContext, procedure: string, input: unknown): Promise<R> {
  const answer = await request.post(`${consoleUrl()}/api/trpc/${procedure}`, { headers: { origin: consoleUrl() }, data: input as object });
  if (!answer.ok()) throw new Error(`${procedure} failed: ${answer.status()} ${await answer.text()}`);
  return ((await answer.json()) as { result: { data: R } }).result.data;
}
