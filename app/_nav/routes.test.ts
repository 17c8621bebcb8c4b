import fs from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { docs } from "./routes.ts";

it("leads from every page's help and empty state to a page of the documentation that exists", () => {
  const folder = path.join(import.meta.dirname, "../../docs");
  const missing = Object.entries(docs).filter(([, href]) => !fs.existsSync(path.join(folder, `${href.slice("/docs/".length)}.md`)));
  expect(missing).toEqual([]);
});
