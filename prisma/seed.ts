/**
 * Fills the first organisation with demo data, for looking at the pages with 0, 3 or 500 rows of each kind:
 *   node prisma/seed.ts --rows 3
 * Refuses an organisation that has agents already: it is no tool for a console in use.
 */
import { pathToFileURL } from "node:url";
import { db } from "../server/db.ts";
import { bootstrap } from "../server/services/organisation/bootstrap.ts";
import { seedDemo, seedSizes } from "./seed/demo.ts";

async function main(): Promise<void> {
  const at = process.argv.indexOf("--rows");
  const rows = at === -1 ? 3 : Number(process.argv[at + 1]);
  const size = seedSizes.find((known) => known === rows);
  if (size === undefined) throw new Error(`--rows takes ${seedSizes.join(", ")}`);
  const { organisationId } = await bootstrap(db());
  const counts = await seedDemo(db(), organisationId, size);
  process.stdout.write(`${JSON.stringify(counts)}\n`);
  await db().$disconnect();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
