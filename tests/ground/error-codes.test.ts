/** docs/errors.md and contract/error-codes.ts say the same codes, so that no code reaches a person without a page. */
import { describe, expect, it } from "vitest";
import { agentErrors, consoleErrors, refusals } from "../../contract/error-codes.ts";
import { readSource } from "../support/source-files.ts";

/** Codes of the table rows below a heading: `| \`code\` | …`. */
function documented(heading: string): string[] {
  const section = readSource("docs/errors.md").split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
  return Array.from(section.matchAll(/^\| `([a-z0-9-]+)` \|/gm), (match) => match[1] ?? "");
}

describe("docs/errors.md", () => {
  it.each([
    ["Refusals", refusals],
    ["Console", consoleErrors],
    ["Agent", agentErrors],
  ])("lists exactly the codes of: %s", (heading, codes) => {
    expect(documented(heading).toSorted()).toEqual(Object.keys(codes).toSorted());
  });

  it("says the sentence that the program says", () => {
    const text = readSource("docs/errors.md");
    const sentences = [refusals, consoleErrors, agentErrors].flatMap((codes) => Object.values(codes).map(({ sentence }) => sentence));
    expect(sentences.filter((sentence) => !text.includes(sentence))).toEqual([]);
  });
});
