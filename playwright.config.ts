/** Browser tests: a real Chromium against whole installations, which each file starts with the launcher on ports of its own (tests/e2e/support/installation.ts). */
import fs from "node:fs";
import { defineConfig } from "@playwright/test";

const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const chromium = process.env["SALLYPORT_CHROMIUM"] ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((file) => fs.existsSync(file));

export default defineConfig({
  testDir: "tests",
  testMatch: ["e2e/**/*.spec.ts", "browser/**/*.spec.ts"],
  outputDir: "tests/.out/browser",
  // One installation, one story at a time.
  workers: 1,
  fullyParallel: false,
  timeout: 180_000,
  expect: { timeout: 15_000 },
  reporter: "list",
  // On a shared build machine one more try, reported as flaky: a red run there must mean a fault. At a desk none: a flaky test is a fault to be found.
  retries: process.env["CI"] ? 1 : 0,
  use: {
    headless: true,
    screenshot: "only-on-failure",
    // A trace doubles the time of a page; the second try records one, and --trace on does at a desk.
    trace: "on-first-retry",
    launchOptions: { args: flags, ...(chromium ? { executablePath: chromium } : {}) },
  },
});
