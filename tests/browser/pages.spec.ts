/**
 * Every page light and wide, then dark and narrow; the two other pairs on one page of each kind: no complaint of the browser (scripts, policy, React), nothing scrolls
 * sideways; axe clean with every rule, but for forms and texts in the dark, of which one of each is judged.
 *
 * Its budget is 2.5 minutes on a quiet machine with two cores, for some 70 pages. What keeps it there: one page of one context for all of them; a page is loaded once
 * and then turned and darkened as a person would; axe gives its verdict inside the page and writes violations only (support/page-checks.ts); no trace unless a second
 * try runs; waiting is for what is seen to load, never for a silent network, which a page with a live stream does not have.
 */
import { expect, type Page } from "@playwright/test";
import { complaintsOf, expectAccessible, expectNoSidewaysScroll, settled } from "./support/page-checks.ts";
import { consoleUrl, signIn, test } from "./support/session.ts";

const lists = ["/", "/guide", "/agents", "/agents/enrol", "/groups", "/groups/new", "/policies", "/policies/new", "/bundles", "/bundles/new", "/gateways", "/gateways/new", "/virtual-services", "/virtual-services/new", "/pools", "/pools/new", "/findings", "/sites", "/sites/new", "/servers", "/servers/new", "/certificates", "/certificates/import", "/certificates/issue", "/refusals", "/audit", "/settings/organisation", "/settings/agent-site", "/settings/users", "/settings/api-keys", "/topology", "/relays", "/relays/new", "/reach-rules", "/reach-rules/new", "/reach-sessions", "/reach-requests", "/tasks", "/tasks/batches", "/tasks/new", "/agents/collisions", "/docs/GLOSSARY", "/docs/errors"];

/** One page of each kind: picture, guide, list, form, settings. */
const kinds = ["/", "/topology", "/guide", "/agents", "/policies/new", "/settings/agent-site"];

// Some 70 pages, on a machine that may be busy.
test.describe.configure({ timeout: 600_000 });

test.use({ rows: 3 });

type Rows = { rows: { id: string }[] };

/** A window that each page is looked at in; the second follows the first without a reload, as when a person turns the device and the evening comes. */
const windows = { "light, 1440 px": { colorScheme: "light", width: 1440 }, "dark, 390 px": { colorScheme: "dark", width: 390 }, "dark, 1440 px": { colorScheme: "dark", width: 1440 }, "light, 390 px": { colorScheme: "light", width: 390 } } as const;

async function lookAt(page: Page, { colorScheme, width }: (typeof windows)[keyof typeof windows]): Promise<void> {
  await page.setViewportSize({ width, height: 900 });
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
}

test("every page is accessible, quiet and fits its window: light and wide, dark and narrow; one page of each kind in the other two", async ({ browser }) => {
  const context = await browser.newContext({ baseURL: consoleUrl(), colorScheme: "light", reducedMotion: "reduce", viewport: { width: 1440, height: 900 } });
  await signIn(context);
  const read = async (list: string) => ((await (await context.request.get(`/api/trpc/${list}.list?input=${encodeURIComponent("{}")}`)).json()) as { result: { data: Rows } }).result.data.rows[0]?.id;
  const details: string[] = [];
  for (const [list, path] of [["site", "/sites"], ["server", "/servers"], ["gateway", "/gateways"], ["virtualService", "/virtual-services"], ["pool", "/pools"], ["agentGroup", "/groups"], ["policy", "/policies"], ["agent", "/agents"], ["bundle", "/bundles"], ["certificate", "/certificates"], ["relay", "/relays"], ["reachRule", "/reach-rules"], ["task", "/tasks"], ["taskBatch", "/tasks/batches"]] as const) {
    const id = await read(list);
    expect.soft(id, `the demo data hold no ${list}`).toBeDefined();
    if (id !== undefined) details.push(`${path}/${id}`, ...(["agent", "bundle", "certificate", "task", "taskBatch"].includes(list) ? [] : [`${path}/${id}/edit`]));
  }
  const page = await context.newPage();
  const complaints = complaintsOf(page);
  const isKind = (path: string): boolean => kinds.includes(path) || /^\/(agents|gateways|virtual-services|pools)\/[^/]{36}$/.test(path);
  // Forms and texts are made of the same few fields: one of them is judged in the dark as well.
  const isForm = (path: string): boolean => !kinds.includes(path) && path !== "/virtual-services/new" && /\/(new|edit|import|issue|enrol)$|^\/(settings|docs)\//.test(path);
  for (const path of [...lists, ...details]) {
    await test.step(path, async () => {
      await lookAt(page, windows["light, 1440 px"]);
      await page.goto(path);
      await settled(page);
      for (const name of ["light, 1440 px", "dark, 390 px", ...(isKind(path) ? (["dark, 1440 px", "light, 390 px"] as const) : [])] as const) {
        await test.step(name, async () => {
          await lookAt(page, windows[name]);
          await expect(page.locator("html")).toHaveAttribute("data-mode", windows[name].colorScheme);
          await expectNoSidewaysScroll(page);
          if (name === "light, 1440 px" || !isForm(path)) await expectAccessible(page);
        });
      }
      expect.soft(complaints.splice(0), path).toEqual([]);
    });
  }
  await context.close();
});

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
