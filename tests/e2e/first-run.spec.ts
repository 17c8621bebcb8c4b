/** The whole first run in a browser: from the one-time link through the guide's seven steps to an agent that is active through the gateway, watched on pages that are never reloaded. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { expect, type Locator, type Page, test } from "@playwright/test";
import { refusals } from "../../contract/error-codes.ts";
import { complaintsOf, settled } from "../browser/support/page-checks.ts";
import { type AgentProcess, runAgentFrom } from "./support/agent.ts";
import { type Installation, startInstallation } from "./support/installation.ts";
import { type Lan, lanHost, startLan } from "./support/lan.ts";

test.describe.configure({ mode: "serial" });

let installation: Installation;
let lan: Lan;
let agent: AgentProcess;
let home = "";
let page: Page;
let agentPage: Page;
let complaints: string[] = [];

const endpoint = hostname();

test.beforeAll(async ({ browser }) => {
  test.setTimeout(300_000);
  installation = await startInstallation();
  lan = await startLan(installation.ports.agentSite);
  home = mkdtempSync(join(tmpdir(), "sallyport-home-"));
  const context = await browser.newContext({ baseURL: installation.url, viewport: { width: 1440, height: 900 } });
  page = await context.newPage();
  complaints = complaintsOf(page);
});

test.afterAll(async () => {
  test.setTimeout(60_000);
  await page?.context().close();
  await agent?.stop();
  await lan?.cut();
  await installation?.remove();
  if (!home) return;
  execFileSync("chmod", ["-R", "u+w", home]); // the agent ran from a read-only folder
  rmSync(home, { recursive: true, force: true });
});

test.afterEach(() => {
  expect(complaints.splice(0), "the browser's console, with what its content security policy blocked").toEqual([]);
});

/** The card of one step of the guide, opened. */
async function openStep(title: string): Promise<Locator> {
  const card = page.getByRole("listitem").filter({ has: page.getByRole("heading", { level: 2, name: title }) });
  const head = headOf(card);
  if ((await head.getAttribute("aria-expanded")) !== "true") await head.click();
  await expect(head).toHaveAttribute("aria-expanded", "true");
  return card;
}

/** The bar that opens a card and names its state. */
function headOf(card: Locator): Locator {
  return card.getByRole("heading", { level: 2 }).getByRole("button");
}

/** Presses "Check now" until the step is green: what was just changed needs a moment to reach the gateway. */
async function verifyStep(title: string): Promise<void> {
  const card = await openStep(title);
  await expect(async () => {
    const verified = headOf(card).getByText("Verified");
    if (await verified.isVisible()) return;
    await card.getByRole("button", { name: "Check now" }).click();
    await expect(verified).toBeVisible({ timeout: 8_000 });
  }).toPass({ timeout: 60_000 });
}

test("the one-time link makes the owner, leads to the guide, and opens nothing a second time [S1-11]", async () => {
  const link = installation.setupLink();
  await page.goto(link);
  await expect(page.getByRole("heading", { level: 1, name: "Set up Sallyport" })).toBeVisible();
  await page.getByLabel("E-mail address").fill("owner@example.com");
  await page.getByLabel("Your name").fill("Olga Owner");
  await page.getByLabel("Password", { exact: true }).fill("correct horse battery");
  await page.getByLabel("The same password again").fill("correct horse battery");
  await page.getByRole("button", { name: "Create the owner" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "First run" })).toBeVisible();
  expect(page.url()).toBe(`${installation.url}/guide`);
  const again = await page.request.post("/api/setup", { headers: { origin: installation.url }, data: { secret: link.split("#")[1], email: "second@example.com", password: "correct horse battery" } });
  expect(again.ok()).toBe(false);
});

test("later steps wait, and the agent site gets its name in the settings that the guide leads to [S1-11] [S1-21]", async () => {
  const last = await openStep("Verify");
  await expect(last.getByText("Waits for an earlier step")).toBeVisible();
  await expect(last.getByRole("button", { name: "Check now" })).toBeDisabled();
  const card = await openStep("Agent site");
  await card.getByRole("button", { name: "Change agent site" }).or(card.getByRole("link", { name: "Change agent site" })).click();
  await expect(page.getByRole("heading", { level: 1, name: "Agent site" })).toBeVisible();
  await page.getByRole("textbox", { name: "Names", exact: true }).fill(lanHost);
  await page.getByRole("button", { name: "Save agent site" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "First run" })).toBeVisible();
});

test("four steps turn green after real checks, and the fifth needs a policy [S1-11] [S1-12] [S1-23] [S1-43]", async () => {
  for (const title of ["TLS works directly", "Agent site", "Gateway", "Servers"]) await verifyStep(title);
  await expect(page.getByText("4 of 7 steps verified")).toBeVisible();
  const card = await openStep("Gateway");
  await expect(card.getByRole("link", { name: "Local gateway", exact: true })).toBeVisible();
});

test("group, policy and pin are made in the guide, and its check compares the pin with what is presented [S1-12] [S1-50] [S1-53] [S1-55]", async () => {
  const card = await openStep("Policy");
  const form = card.getByRole("form", { name: "Create the first policy" });
  await form.getByLabel("Policy name").fill("Field staff");
  await form.getByLabel("Name of the new group").fill("Field staff");
  await expect(form.getByLabel("Name that agents dial")).toHaveValue("localhost");
  await form.getByRole("button", { name: "Create policy" }).click();
  await expect(card.getByRole("link", { name: "Field staff", exact: true })).toBeVisible();
  await verifyStep("Policy");
});

test("a bundle is made and downloaded on the page, the agent runs from it, and its step turns green [S1-57] [S1-61] [S1-67]", async () => {
  const card = await openStep("First agent");
  const form = card.getByRole("form", { name: "Create the first bundle" });
  await form.getByLabel("Bundle name").fill("Laptops");
  await form.getByRole("button", { name: "Create bundle" }).click();
  const downloading = page.waitForEvent("download");
  await card.getByRole("button", { name: "Download Laptops" }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toMatch(/\.tar\.gz$/);
  const file = join(home, "bundle.tar.gz");
  await download.saveAs(file);
  agent = await runAgentFrom(file, join(home, "agent"));
  await expect(card.getByRole("link", { name: endpoint })).toBeVisible({ timeout: 20_000 });
  await verifyStep("First agent");
});

test("the agent's page turns from LAN to the gateway and back by itself while the LAN is cut and restored [S1-62] [S1-63] [S1-68]", async () => {
  agentPage = await page.context().newPage();
  const agentComplaints = complaintsOf(agentPage);
  await agentPage.goto("/agents");
  await agentPage.getByRole("link", { name: endpoint }).first().click();
  await settled(agentPage);
  await agentPage.evaluate(() => (document.documentElement.dataset["opened"] = "once"));
  await expect(agentPage.getByText("Connected over the LAN.")).toBeVisible({ timeout: 30_000 });

  await lan.cut();
  const steps = agentPage.locator("section").filter({ has: agentPage.getByRole("heading", { level: 2, name: "Connection through Local gateway" }) });
  await expect(agentPage.getByText(/^Connected (through|over gateway) Local gateway/)).toBeVisible({ timeout: 30_000 });
  await expect(steps.locator("[aria-current=step]")).toContainText("fully connected", { timeout: 30_000 });
  expect((await agent.text()).toLowerCase()).toContain("cloud-enabled management: active, connected via");

  await verifyStep("Verify");
  await expect(page.getByText("All seven steps are verified", { exact: false })).toBeVisible();

  await lan.restore();
  await expect(agentPage.getByText("Connected over the LAN.")).toBeVisible({ timeout: 30_000 });
  await expect(steps).toHaveCount(0);
  expect(await agentPage.evaluate(() => document.documentElement.dataset["opened"])).toBe("once");
  expect(agentComplaints).toEqual([]);
});

test("an agent is revoked by typing its name, and an open list of refusals shows it at once [T10] [N1]", async () => {
  await lan.cut();
  await expect(agentPage.getByText(/^Connected (through|over gateway) Local gateway/)).toBeVisible({ timeout: 30_000 });
  await page.goto("/refusals");
  await settled(page);
  await expect(page.getByRole("table").getByText(refusals["agent-revoked"].sentence)).toHaveCount(0);
  await agentPage.getByRole("button", { name: "Revoke agent" }).click();
  const dialog = agentPage.getByRole("dialog", { name: `Revoke agent ${endpoint}?` });
  await expect(dialog.getByText("How to undo it:")).toBeVisible();
  const confirm = dialog.getByRole("button", { name: "Revoke agent" });
  await expect(confirm).toBeDisabled();
  await dialog.getByLabel(`Type "${endpoint}" to confirm`).fill(endpoint);
  await confirm.click();
  await expect(dialog).toBeHidden();
  await expect(agentPage.getByText("Revoked: every gateway refuses it", { exact: false })).toBeVisible();
  await expect(page.getByRole("table").getByText(refusals["agent-revoked"].sentence).first()).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole("table").getByRole("link", { name: endpoint }).first()).toBeVisible();
});
