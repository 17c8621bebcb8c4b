/** docs/lint.md and contract/finding.ts say the same codes, so that every finding's link leads to its cure. */
import { describe, expect, it } from "vitest";
import { findingCodes } from "../../contract/finding.ts";
import { readSource } from "../support/source-files.ts";

const text = readSource("docs/lint.md");

describe("docs/lint.md", () => {
  it("has exactly one section per code", () => {
    const documented = Array.from(text.matchAll(/^### ([a-z0-9-]+)$/gm), (match) => match[1] ?? "");
    expect(documented.toSorted()).toEqual([...findingCodes].toSorted());
  });

  it("says in each section where the rule comes from and what cures it", () => {
    const sections = text.split(/^### /m).slice(1);
    expect(sections.filter((section) => !section.includes("*Source:*") || !section.includes("**Cure:**")).map((section) => section.split("\n")[0])).toEqual([]);
  });
});
