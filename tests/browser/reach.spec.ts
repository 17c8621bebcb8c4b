/** Reverse access, relays, tasks and the topology through the pages: what is asked before it happens, and what keys can do. */
import { expect } from "@playwright/test";
import { expectAccessible, expectNoSidewaysScroll, settled } from "./support/page-checks.ts";
import { call, consoleUrl, signIn, test } from "./support/session.ts";

test.beforeEach(async ({ context }) => {
  await signIn(context);
});

type Id = { id: string };
const gatewayOf = (name: string) => ({ name, publicNames: [`${name}.example.com`], publicPort: 443, listeners: [{ address: "::", port: 443, mode: { kind: "connect" } }], serverIds: [] });

test("a relay is registered in three steps, and nothing passes through it before the last [X4-04] [S4-28]", async ({ page, context }) => {
  const gateway = `gw-relays-${Date.now()}`;
  await call<Id>(context.request, "gateway.create", gatewayOf(gateway));
  await page.goto(`${consoleUrl()}/relays/new`);
  await settled(page);
  const name = `Plant ${Date.now()}`;
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("radio", { name: /The gateways dial the relay/ }).check();
  await page.getByRole("button", { name: "Create relay" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "This was not saved" })).toBeFocused();
  await expect(page.getByText("choose at least one gateway", { exact: false }).first()).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel("Its address").fill("10.9.1.4");
  await page.getByRole("checkbox", { name: new RegExp(gateway) }).check();
  await page.getByText("Agents that listen").click();
  await page.getByLabel("Addresses of listening agents").fill("10.0.0.7\n10.0.0.8:2010");
  await page.getByRole("button", { name: "Create relay" }).click();
  await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
  await expect(page.getByText("Nothing answered yet: the gateways dial it.")).toBeVisible();
  await expect(page.getByRole("heading", { name: "Compare its fingerprint and confirm" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Confirm relay" })).toHaveCount(0);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: /^Download / }).click();
  expect((await download).suggestedFilename()).toContain("relay");
  await page.getByRole("button", { name: "Deregister relay" }).click();
  const dialog = page.getByRole("dialog", { name: `Deregister relay ${name}?` });
  await expect(dialog.getByText("How to undo it:")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
});

test("a reach rule says what it opens to whom, and disabling it shows who is cut off first", async ({ page, context }) => {
  const group = `Presses ${Date.now()}`;
  await call<Id>(context.request, "agentGroup.create", { name: group, kind: "static", agentIds: [] });
  await page.goto(`${consoleUrl()}/reach-rules/new`);
  await settled(page);
  const name = `Technicians ${Date.now()}`;
  await page.getByLabel("Name", { exact: true }).first().fill(name);
  await page.getByRole("checkbox", { name: new RegExp(group) }).check();
  await page.getByRole("button", { name: "Add postgres" }).click();
  await page.getByLabel("Port", { exact: true }).nth(1).fill("70000");
  await page.getByRole("checkbox", { name: "Each caller needs an approval first" }).check();
  await page.getByRole("button", { name: "Create reach rule" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "This was not saved" })).toBeFocused();
  await expectAccessible(page);
  await page.getByLabel("Port", { exact: true }).nth(1).fill("5432");
  await page.getByRole("button", { name: "Create reach rule" }).click();
  await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
  await expect(page.getByText("Enabled, but its groups hold no agent: it opens nothing.")).toBeVisible();
  await page.getByRole("button", { name: "Disable reach rule" }).click();
  const dialog = page.getByRole("dialog", { name: `Disable reach rule ${name}?` });
  await dialog.getByRole("button", { name: "Disable reach rule" }).click();
  await expect(page.getByText("Disabled: it lets nobody in.")).toBeVisible();
});

test("a task over groups says how many at once and when it halts, and names what is missing", async ({ page }) => {
  await page.goto(`${consoleUrl()}/tasks/new`);
  await settled(page);
  // The list of kinds can be used before the page's script has come; then the name does not follow.
  await expect(async () => {
    await page.getByLabel("Task", { exact: true }).selectOption("diagnose");
    await page.getByLabel("Task", { exact: true }).selectOption("run-script");
    await expect(page.getByLabel("Name", { exact: true })).toHaveValue("Run script", { timeout: 1_000 });
  }).toPass();
  await page.getByLabel("Run as").fill("Root");
  await page.getByRole("button", { name: "Run task" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "This was not saved" })).toBeFocused();
  await expect(page.getByText("choose at least one group or agent").first()).toBeVisible();
  await expect(page.getByText("a user name: lower-case letters", { exact: false }).first()).toBeVisible();
  await page.setViewportSize({ width: 390, height: 844 });
  await expectNoSidewaysScroll(page);
});

test("the topology is walked and zoomed by keyboard, and has its facts as tables", async ({ page, context }) => {
  const name = `gw-drawn-${Date.now()}`;
  const { id } = await call<Id>(context.request, "gateway.create", gatewayOf(name));
  await page.goto(`${consoleUrl()}/topology`);
  await settled(page);
  const picture = page.getByRole("group", { name: /^Topology of / });
  await picture.focus();
  const whole = await picture.getAttribute("viewBox");
  await page.keyboard.press("+");
  await expect(picture).not.toHaveAttribute("viewBox", whole ?? "");
  await page.keyboard.press("0");
  await expect(picture).toHaveAttribute("viewBox", whole ?? "");
  // One by one, or as a member of a cloud: each gateway can be opened from the picture.
  await expect(picture.locator(`a[href="/gateways/${id}"]`)).toHaveCount(1);
  await page.getByText("The same facts as tables").click();
  await expect(page.getByRole("region", { name: "Gateways" }).getByRole("link", { name })).toBeVisible();
  await expectAccessible(page);
});

test("new agents wait for a person once the organisation says so [S4-34]", async ({ page }) => {
  await page.goto(`${consoleUrl()}/settings/organisation`);
  await settled(page);
  await page.getByRole("checkbox", { name: "Approve each agent that enrols" }).check();
  await expect(page.getByText("Agents that enrol from now on wait for approval.")).toBeVisible();
  await page.reload();
  await settled(page);
  const box = page.getByRole("checkbox", { name: "Approve each agent that enrols" });
  await expect(box).toBeChecked();
  await box.uncheck();
  await expect(page.getByText("Agents that enrol from now on are let in at once.")).toBeVisible();
});
