/** Two kinds of test: `unit` (pure, beside their source) and `integration` (sockets, a real PostgreSQL, under tests/). Browser tests are playwright.config.ts. */
import path from "node:path";
import { defineConfig } from "vitest/config";

const resolve = { alias: { "@": path.resolve(import.meta.dirname), "server-only": path.resolve(import.meta.dirname, "tests/support/server-only.ts") } };
const never = ["**/node_modules/**", "**/.next/**", "**/.build/**", "**/.sallyport/**"];

export default defineConfig({
  resolve,
  test: {
    reporters: process.env["CI"] ? ["dot"] : ["default"],
    projects: [
      {
        resolve,
        test: {
          name: "unit",
          include: ["{app,server,prisma,gateway-worker,agent,cli,contract,bench,scripts}/**/*.test.{ts,tsx}"],
          exclude: never,
          environment: "node",
          pool: "forks",
          testTimeout: 10_000,
        },
      },
      {
        resolve,
        test: {
          name: "integration",
          include: ["tests/**/*.test.ts"],
          exclude: [...never, "tests/e2e/**"],
          environment: "node",
          pool: "forks",
          // Most of these wait for sockets and programs rather than compute: three at once on two cores use the waiting, and timings stay honest.
          maxWorkers: 3,
          globalSetup: ["tests/support/global-setup.ts"],
          // As for the browser tests: one more try on a shared build machine, none at a desk.
          retry: process.env["CI"] ? 1 : 0,
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
