/** Every page light and wide, and dark and narrow; the two other pairs on one page of each kind: axe clean, no complaint of the browser, nothing scrolls sideways. */
import { expect, test } from "@playwright/test";
import { complaintsOf, expectAccessible, expectNoSidewaysScroll, settled } from "./support/page-checks.ts";
import { consoleUrl, signIn, useInstallation } from "./support/session.ts";

const lists = ["/", "/guide", "/agents", "/agents/enrol", "/groups", "/groups/new", "/policies", "/policies/new", "/bundles", "/bundles/new", "/gateways", "/gateways/new", "/virtual-services", "/virtual-services/new", "/pools", "/pools/new", "/findings", "/sites", "/sites/new", "/servers", "/servers/new", "/certificates", "/certificates/import", "/certificates/issue", "/refusals", "/audit", "/settings/organisation", "/settings/agent-site", "/settings/users", "/settings/api-keys", "/docs/GLOSSARY", "/docs/errors"];

/** One page of each kind: picture, guide, list, form, settings. */
const kinds = ["/", "/guide", "/agents", "/policies/new", "/settings/agent-site"];

// Some 45 pages each, on a machine that may be busy.
test.describe.configure({ timeout: 600_000 });

useInstallation(3);

type Rows = { rows: { id: string }[] };

for (const [colorScheme, width, isWhole] of [["light", 1440, true], ["dark", 390, true], ["dark", 1440, false], ["light", 390, false]] as const) {
  test(`${isWhole ? "every page" : "one page of each kind"} is accessible, quiet and fits its window: ${colorScheme}, ${width} px`, async ({ browser }) => {
    const context = await browser.newContext({ baseURL: consoleUrl(), colorScheme, viewport: { width, height: 900 } });
    await signIn(context);
    const read = async (list: string) => ((await (await context.request.get(`/api/trpc/${list}.list?input=${encodeURIComponent("{}")}`)).json()) as { result: { data: Rows } }).result.data.rows[0]?.id;
    const details: string[] = [];
    for (const [list, path] of [["site", "/sites"], ["server", "/servers"], ["gateway", "/gateways"], ["virtualService", "/virtual-services"], ["pool", "/pools"], ["agentGroup", "/groups"], ["policy", "/policies"], ["agent", "/agents"], ["bundle", "/bundles"], ["certificate", "/certificates"]] as const) {
      details.push(`${path}/${await read(list)}`, ...(["agent", "bundle", "certificate"].includes(list) ? [] : [`${path}/${await read(list)}/edit`]));
    }
    const page = await context.newPage();
    const complaints = complaintsOf(page);
    for (const path of isWhole ? [...lists, ...details] : [...kinds, ...details.filter((detail) => /^\/(agents|gateways|virtual-services|pools)\/[^/]+$/.test(detail))]) {
      await test.step(path, async () => {
        await page.goto(path);
        await settled(page);
        await expectNoSidewaysScroll(page);
        await expectAccessible(page);
        expect.soft(complaints.splice(0), path).toEqual([]);
      });
    }
    await context.close();
  });
}

test("pages before a session are accessible and tell a stranger nothing", async ({ browser }) => {
  const context = await browser.newContext({ baseURL: consoleUrl() });
  const page = await context.newPage();
  await page.goto("/agents?state=online");
  await expect(page).toHaveURL(/\/sign-in\?next=%2Fagents%3Fstate%3Donline$/);
  for (const path of ["/sign-in", "/setup", "/invite"]) {
    await page.goto(path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await expectAccessible(page);
  }
  await page.goto("/sign-in");
  await page.getByLabel("E-mail address").fill("nobody@example.com");
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "wrong" })).toBeVisible();
  await expect(page.getByLabel("E-mail address")).toHaveValue("nobody@example.com");
  await context.close();
});
