/** `npm run build`: the Prisma client, the console's pages and the relay's program (.build/relay), for a start that should not build. */
import path from "node:path";
import { requireNode } from "./launcher/node-version.mjs";

requireNode();
const { generateClient } = await import("./db.mjs");
const { buildConsole } = await import("./launcher/build.mjs");
const { sayFailure, step } = await import("./launcher/report.mjs");
try {
  await step("database client", () => (generateClient() ? "generated" : "unchanged"));
  await step("pages", () => buildConsole({ echo: true }));
  const { buildRelay } = await import("../deploy/relay/build.mjs");
  await step("relay", async () => path.relative(process.cwd(), (await buildRelay(path.join(import.meta.dirname, "..", ".build", "relay"))).package));
} catch (error) {
  sayFailure(error);
  process.exitCode = 1;
}
