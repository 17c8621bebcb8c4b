/** `npm run build`: the Prisma client and the console's pages, for a start that should not build. */
import { requireNode } from "./launcher/node-version.mjs";

requireNode();
const { generateClient } = await import("./db.mjs");
const { buildConsole } = await import("./launcher/build.mjs");
const { sayFailure, step } = await import("./launcher/report.mjs");
try {
  await step("database client", () => (generateClient() ? "generated" : "unchanged"));
  await step("pages", () => buildConsole({ echo: true }));
} catch (error) {
  sayFailure(error);
  process.exitCode = 1;
}
