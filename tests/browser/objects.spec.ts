/** Making, changing and deleting through the pages, by keyboard where it matters; errors at their fields; nothing lost. */
import { expect } from "@playwright/test";
import { expectAccessible, settled } from "./support/page-checks.ts";
import { call, consoleUrl, signIn, test } from "./support/session.ts";

test.beforeEach(async ({ context }) => {
  await signIn(context);
});

test("a bad subnet is named at its field and summed up on top, and what was typed stays", async ({ page }) => {
  await page.goto(`${consoleUrl()}/sites/new`);
  await settled(page);
  const name = `Warehouse ${Date.now()}`;
  await page.getByLabel("Name").fill(name);
  await page.getByRole("textbox", { name: "Subnets" }).fill("10.20.0.0/16\n10.1.2.3/8");
  await page.getByRole("button", { name: "Create site" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "This was not saved" })).toBeFocused();
  await expect(page.getByText('Line 2: "10.1.2.3/8" is not a subnet', { exact: false })).toBeVisible();
  await expect(page.getByLabel("Name")).toHaveValue(name);
  await expectAccessible(page);
  await page.getByRole("textbox", { name: "Subnets" }).fill("10.20.0.0/16");
  await page.getByRole("button", { name: "Create site" }).click();
  await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
});

test("a management server is refused in an internet site, with the reason [S1-42]", async ({ page, context }) => {
  const site = await call<{ id: string }>(context.request, "site.create", { name: `Everywhere ${Date.now()}`, kind: "internet" });
  await page.goto(`${consoleUrl()}/servers/new`);
  await settled(page);
  await expect(page.getByRole("group", { name: "Sites: matches" })).toBeVisible();
  await expect(page.getByRole("checkbox", { name: /Everywhere/ })).toHaveCount(0);
  const refused = await context.request.post(`${consoleUrl()}/api/trpc/server.create`, { headers: { origin: consoleUrl() }, data: { name: "Exposed", kind: "management", names: ["mgmt.example.com"], siteIds: [site.id] } });
  expect(refused.status()).toBe(409);
  expect(await refused.text()).toContain("management-server-in-internet-site");
});

test("deleting shows its impact first and can be left with Escape", async ({ page, context }) => {
  const name = `Branch ${Date.now()}`;
  const { id } = await call<{ id: string }>(context.request, "site.create", { name, kind: "intranet", subnets: ["10.99.0.0/24"] });
  await page.goto(`${consoleUrl()}/sites/${id}`);
  const remove = page.getByRole("button", { name: "Delete site" });
  await remove.click();
  const dialog = page.getByRole("dialog", { name: `Delete site ${name}?` });
  await expect(dialog.getByText("How to undo it:")).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(remove).toBeFocused();
  await remove.click();
  const typed = dialog.getByRole("textbox");
  await expect(dialog.getByText("How to undo it:")).toBeVisible();
  if (await typed.isVisible()) await typed.fill(name);
  await dialog.getByRole("button", { name: "Delete site" }).click();
  await expect(page).toHaveURL(`${consoleUrl()}/sites`);
});

test("search, filter and sorting live in the address and survive a reload", async ({ page, context }) => {
  await call(context.request, "site.create", { name: `Findable ${Date.now()}`, kind: "intranet" });
  await page.goto(`${consoleUrl()}/sites`);
  await settled(page);
  await page.keyboard.press("/");
  await page.keyboard.type("findable");
  await expect(page).toHaveURL(/q=findable/);
  await page.getByLabel("Kind").selectOption("intranet");
  await expect(page).toHaveURL(/kind=intranet/);
  await page.reload();
  await expect(page.getByRole("searchbox")).toHaveValue("findable");
  await expect(page.getByRole("link", { name: /^Findable/ }).first()).toBeVisible();
  await page.getByRole("button", { name: "Name" }).click();
  await expect(page.getByRole("columnheader", { name: "Name" })).toHaveAttribute("aria-sort", "descending");
});

test("a change made elsewhere appears on an open list without a reload", async ({ page, context }) => {
  await page.goto(`${consoleUrl()}/groups`);
  await settled(page);
  const name = `Live ${Date.now()}`;
  await call(context.request, "agentGroup.create", { name, kind: "static" });
  await expect(page.getByRole("link", { name })).toBeVisible({ timeout: 5_000 });
});

test("Ctrl K finds objects, pages and actions with the keyboard alone", async ({ page, context }) => {
  const name = `Palette ${Date.now()}`;
  await call(context.request, "site.create", { name, kind: "intranet" });
  await page.goto(consoleUrl());
  await settled(page);
  await page.keyboard.press("Control+k");
  await page.keyboard.type(name);
  await expect(page.getByRole("option", { name: new RegExp(name) })).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
});

test("the navigation opens and closes by keyboard on a narrow page", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(consoleUrl());
  await settled(page);
  const open = page.getByRole("button", { name: "Open navigation" });
  await open.focus();
  await page.keyboard.press("Enter");
  const link = page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Gateways" });
  await expect(link).toBeVisible();
  await expectAccessible(page);
  await link.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Gateways" })).toBeVisible();
  await expect(link).toBeHidden();
});

test("the chosen theme stays after a reload", async ({ page }) => {
  await page.goto(consoleUrl());
  await settled(page);
  await page.getByRole("button", { name: /^Theme/ }).click();
  await page.getByRole("menuitem", { name: "Dark" }).click();
  await expect(page.locator("html")).toHaveAttribute("data-mode", "dark");
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-mode", "dark");
});
