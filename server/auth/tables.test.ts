/** better-auth adds columns in patch releases; the tables are ours (prisma/schema.prisma), so the two are compared. */
import fs from "node:fs";
import { getAuthTables } from "better-auth/db";
import { expect, it } from "vitest";
import { authSchemaOptions } from "./better-auth.ts";

const schema = fs.readFileSync(new URL("../../prisma/schema.prisma", import.meta.url), "utf8");

function columnsOf(model: string): Set<string> {
  const body = new RegExp(`^model ${model} \\{\\n([\\s\\S]*?)^\\}`, "m").exec(schema)?.[1] ?? "";
  return new Set([...body.matchAll(/^ {2}(\w+)\s/gm)].map((match) => match[1] ?? ""));
}

it("keeps every column that better-auth reads or writes [T35]", () => {
  const tables = getAuthTables(authSchemaOptions);
  expect(Object.keys(tables).sort()).toEqual(["account", "rateLimit", "session", "user", "verification"]);
  for (const table of Object.values(tables)) {
    const model = `${table.modelName.charAt(0).toUpperCase()}${table.modelName.slice(1)}`;
    const columns = columnsOf(model);
    const missing = ["id", ...Object.entries(table.fields).map(([key, field]) => field.fieldName ?? key)].filter((column) => !columns.has(column));
    expect(missing, `columns of ${model}`).toEqual([]);
  }
});
