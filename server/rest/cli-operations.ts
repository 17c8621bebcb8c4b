/** What the CLI is built from: every operation with its input. Kept as cli/operations.json; `npx vitest run tests/console/rest.test.ts -u` writes it anew after a change of the API. */
import { inputSchema } from "./schema.ts";
import type { Operation } from "./operations.ts";

/** The text of cli/operations.json, in a stable order. */
export function cliOperations(operations: readonly Operation[]): string {
  const entries = operations
    .map(({ name, method, path, tag, summary, demand, input }) => ({ name, method, path, tag, summary, demand, input: input ? inputSchema(input) : null }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return `[\n${entries.map((entry) => JSON.stringify(entry)).join(",\n")}\n]\n`;
}
