/**
 * `npm test`: sets itself up, then runs types, lint, unit, integration and browser tests. A step that fails does not hide the later ones.
 * The last line is `N passed, N failed, N skipped`, alone; types and lint count as one each. The exit code is 0 only when nothing failed.
 *   npm test -- unit integration     only these steps
 */
import { requireNode } from "./launcher/node-version.mjs";

requireNode();
const { runTests } = await import("./launcher/tests.mjs");
process.exitCode = await runTests(process.argv.slice(2));
