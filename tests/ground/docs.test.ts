import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { readSource, root, sourceFiles } from "../support/source-files.ts";

const pages = sourceFiles(["README.md", "CHANGELOG.md", "docs"], [".md"]);

describe("the documents", () => {
  it("link only to what is there", () => {
    const broken = pages.flatMap((page) =>
      Array.from(readSource(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g), (match) => path.posix.join(path.posix.dirname(page), match[1] ?? ""))
        .filter((target) => !fs.existsSync(path.join(root, target)))
        .map((target) => `${page} links to ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it("name scripts that package.json has", () => {
    const scripts = Object.keys((JSON.parse(readSource("package.json")) as { scripts: Record<string, string> }).scripts);
    const named = pages.flatMap((page) => Array.from(readSource(page).matchAll(/`npm run ([a-z:]+)/g), (match) => ({ page, name: match[1] ?? "" })));
    expect(named.filter(({ name }) => !scripts.includes(name))).toEqual([]);
  });

  it("are all reached from the README", () => {
    const readme = readSource("README.md");
    expect(pages.filter((page) => /^docs\/[a-z-]+\.md$/.test(page) && !readme.includes(page) && page !== "docs/adding-a-field.md")).toEqual([]);
  });
});
