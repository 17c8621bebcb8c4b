/** Virtual services and pools through the pages: presets, live plan, what cannot be chosen and why, effects before they happen. */
import { expect, type Page } from "@playwright/test";
import { expectAccessible, expectNoSidewaysScroll, settled } from "./support/page-checks.ts";
import { call, consoleUrl, signIn, test } from "./support/session.ts";

// Pages with 50 members are looked at by axe, on a machine that may be busy.
test.describe.configure({ timeout: 300_000 });

test.beforeEach(async ({ context }) => {
  await signIn(context);
});

type Service = { id: string; poolId: string };
let count = 0;

/** A pass-through service that is on no gateway; its port is one of its own. */
async function makeService(page: Page, name: string, members: number, settings: object = {}): Promise<Service> {
  count += 1;
  const { id: poolId } = await call<{ id: string }>(page.request, "pool.create", { name: `${name} members`, scheduling: "weighted-round-robin", members: Array.from({ length: members }, (_, index) => ({ name: `node${index + 1}`, host: `10.9.${count}.${index + 1}`, port: 443, weight: index === 0 ? 10 : 1 })) });
  const { id } = await call<{ id: string }>(page.request, "virtualService.create", { name, port: 22_000 + count, serverNames: ["keys.example.com"], poolId, ...settings });
  return { id, poolId };
}

test("a preset fills the form with reasons, and the service is there after one more click [S2-13] [S2-14]", async ({ page }) => {
  await page.goto(`${consoleUrl()}/virtual-services/new`);
  await settled(page);
  await page.getByRole("radio", { name: /PGP Encryption Server/ }).check();
  const name = `Keys ${Date.now()}`;
  await page.getByLabel("Name of the service").fill(name);
  await page.getByLabel("Name that clients use").fill("keys.example.com");
  await page.getByRole("textbox", { name: "Servers" }).fill("10.8.0.1\n10.8.0.2");
  await page.getByRole("button", { name: "Fill in the form" }).click();
  await expect(page.getByText("Filled in for: PGP Encryption Server")).toBeVisible();
  await expect(page.getByText("Why:").first()).toBeVisible();
  await expect(page.getByRole("radio", { name: /^Fail-over/ })).toBeChecked();
  await expect(page.getByRole("complementary", { name: "Plan" }).getByText("Expected share of new sessions")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Create virtual service" }).click();
  await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
  await expect(page.getByRole("heading", { name: "How it serves" })).toBeVisible();
});

test("what cannot work in a mode is shown with its reason and cannot be chosen [S2-02] [S3-43] [S3-63]", async ({ page }) => {
  await page.goto(`${consoleUrl()}/virtual-services/new`);
  await settled(page);
  await page.getByRole("radio", { name: /Something else/ }).check();
  await page.getByRole("button", { name: "Fill in the form" }).click();
  const cookie = page.getByRole("radio", { name: /^Cookie, inserted/ });
  await expect(cookie).toBeDisabled();
  await expect(page.getByText("code persistence-needs-http").first()).toBeVisible();
  await expect(page.getByRole("radio", { name: /^HTTP HTTP/ })).toBeDisabled();
  await page.getByRole("radio", { name: /TLS re-encrypt SSL bridging/ }).check();
  await expect(page.getByText("Not possible here: cookies are read in HTTP only", { exact: false }).first()).toBeVisible();
  await page.getByRole("radio", { name: /^HTTP HTTP/ }).check();
  await expect(cookie).toBeEnabled();
  await cookie.check();
  await page.getByRole("radio", { name: /TLS pass-through/ }).check();
  await expect(cookie).toBeDisabled();
  await expect(page.getByRole("radio", { name: /^Source address/ })).toBeChecked();
  await page.getByLabel("Sessions live on one member").check();
  await expect(page.getByRole("radio", { name: /^Round robin/ })).toBeDisabled();
  await expect(page.getByText("round-robin-session-bound")).toBeVisible();
});

test("scheduling is offered in the order of preference, and shares follow what is typed [S3-68] [S3-70]", async ({ page }) => {
  await page.goto(`${consoleUrl()}/pools/new`);
  await settled(page);
  const methods = page.getByRole("group", { name: "Scheduling, in the order of preference" }).getByRole("radio");
  expect(await methods.evaluateAll((radios) => radios.map((radio) => (radio as HTMLInputElement).value))).toEqual(["failover", "first-alive", "weighted-round-robin", "least-connections", "source-hash", "round-robin"]);
  await page.getByText("Add several at once").click();
  await page.getByLabel("Members, one per line").fill("mail1 10.7.0.1:25\nmail2 10.7.0.2:25");
  await page.getByRole("button", { name: "Add 2 members" }).click();
  await expect(page.getByText("100 %")).toBeVisible();
  await page.getByRole("radio", { name: /^Weighted round robin/ }).check();
  await page.getByLabel("Weight of mail1").fill("9");
  await expect(page.getByText("90 %")).toBeVisible();
  await page.getByRole("button", { name: "Move mail2 up" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("mail2 is now number 1 of 2.")).toBeAttached();
  await page.getByLabel("Name", { exact: true }).fill(`Mail ${Date.now()}`);
  await page.getByRole("button", { name: "Create pool" }).click();
  await expect(page.getByRole("columnheader", { name: "What checks found" })).toBeVisible();
  await expect(page.getByRole("row").nth(1)).toContainText("mail2");
});

test("draining a member shows connections and shares before it happens [S3-68]", async ({ page }) => {
  const { poolId } = await makeService(page, `Drain ${Date.now()}`, 2);
  await page.goto(`${consoleUrl()}/pools/${poolId}`);
  await settled(page);
  await page.getByRole("button", { name: "Drain node1" }).click();
  const dialog = page.getByRole("dialog", { name: "Drain node1?" });
  await expect(dialog.getByText("How to undo it:")).toBeVisible();
  await expect(dialog.getByRole("row", { name: /node2/ })).toContainText("100 %");
  await expect(dialog.getByLabel("Also end its 0 connections")).toBeDisabled();
  await expectAccessible(page);
  const typed = dialog.getByLabel('Type "node1" to confirm');
  if (await typed.isVisible()) await typed.fill("node1");
  await dialog.getByRole("button", { name: "Drain member" }).click();
  await expect(page.getByRole("row", { name: /node1/ })).toContainText("Draining");
  await expect(page.getByRole("row", { name: /node1/ }).getByRole("button", { name: "Enable node1" })).toBeVisible();
});

test("the picture of a service holds for 1 and for 50 members, wide and narrow, with the same facts as a table", async ({ page }) => {
  const settings = { mode: "tls-passthrough" };
  const one = await makeService(page, `Alone ${Date.now()}`, 1, settings);
  const many = await makeService(page, `Many ${Date.now()}`, 50, settings);
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 });
    for (const [{ id }, members] of [[one, 1], [many, 50]] as const) {
      await page.goto(`${consoleUrl()}/virtual-services/${id}`);
      await settled(page);
      await expect(page.getByRole("list", { name: "Members", exact: true }).getByRole("listitem")).toHaveCount(members);
      await expect(page.getByRole("button", { name: /^Drain node/ })).toHaveCount(members);
      await expectNoSidewaysScroll(page);
      await expectAccessible(page);
    }
  }
});

test("a sheet for another balancer is shown, and can be taken along [S0-04] [S2-18]", async ({ page }) => {
  const { id } = await makeService(page, `Sheet ${Date.now()}`, 2);
  await page.goto(`${consoleUrl()}/virtual-services/${id}`);
  await settled(page);
  for (const [format, part] of [["HAProxy", "backend"], ["nginx", "upstream"], ["F5 BIG-IP", "pool"], ["Settings sheet", "keys.example.com"]] as const) {
    await page.getByRole("button", { name: format, exact: true }).click();
    await expect(page.locator("pre").filter({ hasText: part })).toBeVisible();
  }
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: /^Download / }).click();
  expect((await download).suggestedFilename()).not.toBe("");
});

test("switching off many services asks once, and the list says so", async ({ page }) => {
  const stem = `Bulk ${Date.now()}`;
  await makeService(page, `${stem} a`, 1);
  await makeService(page, `${stem} b`, 1);
  await page.goto(`${consoleUrl()}/virtual-services?q=${encodeURIComponent(stem)}`);
  await settled(page);
  await page.getByLabel("Select all rows of this page").check();
  await page.getByRole("button", { name: "Disable 2 virtual services" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel('Type "disable 2" to confirm').fill("disable 2");
  await dialog.getByRole("button", { name: "Disable 2 virtual services" }).click();
  await expect(page.getByRole("row", { name: new RegExp(`${stem} a`) })).toContainText("Disabled");
  await expect(page.getByRole("row", { name: new RegExp(`${stem} b`) })).toContainText("Disabled");
});

test("a saved service is changed in place, and a finding leads to the field's cure", async ({ page }) => {
  const name = `Change ${Date.now()}`;
  const { id } = await makeService(page, name, 1);
  await page.goto(`${consoleUrl()}/virtual-services/${id}/edit`);
  await settled(page);
  await expect(page.getByRole("link", { name: "About service-on-no-gateway" })).toBeVisible();
  await page.getByRole("checkbox", { name: /Local gateway/ }).check();
  await expect(page.getByRole("link", { name: "About service-on-no-gateway" })).toHaveCount(0);
  await page.getByRole("button", { name: "Save virtual service" }).click();
  await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
  await expect(page.getByRole("table", { name: "Listeners" })).toContainText("Local gateway");
  await page.goto(`${consoleUrl()}/findings`);
  await settled(page);
  await page.getByLabel("About").selectOption("pool");
  await expect(page).toHaveURL(/kind=pool/);
  await expect(page.getByText("About pool-single-member").first()).toBeVisible();
});
