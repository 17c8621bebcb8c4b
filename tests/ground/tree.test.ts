/** What must hold for every file of the repository. */
import { describe, expect, it } from "vitest";
import { readSource, sourceFiles } from "../support/source-files.ts";

const everything = sourceFiles(["."], [""]);
const textFiles = everything.filter((file) => /(\.(ts|tsx|mjs|js|cjs|json|jsonc|md|css|sql|prisma|yaml|yml|toml|sh|service|txt|html)|\/run)$/.test(file));

describe("the tree", () => {
  it("reads the environment only where settings are parsed", () => {
    const readers = /^(server\/env\.ts|gateway-worker\/(relay\/)?config\.ts|agent\/config\.ts|cli\/(config\.ts|bin\.mjs)$|scripts\/|tests\/|bench\/|[^/]+\.config\.(ts|js|mjs)$)/;
    const files = sourceFiles(["app", "server", "contract", "gateway-worker", "agent", "cli", "prisma", "."]);
    const found = files.filter((file) => !readers.test(file) && !/\.test\.tsx?$/.test(file) && /\bprocess\s*(\.\s*env\b|\[\s*["']env["']\s*\])/.test(withoutComments(readSource(file))));
    expect([...new Set(found)]).toEqual([]);
  });

  it("keeps addresses of registries out of the lock file and every other file", () => {
    expect(readSource("package-lock.json")).not.toMatch(/"resolved":/);
    const registry = /registry\.npm|npmjs\.(org|com)\/|artifactory|\.pkg\.dev/;
    expect(textFiles.filter((file) => file !== "tests/ground/tree.test.ts" && registry.test(readSource(file)))).toEqual([]);
  });

  it("names no folder of the machine that it was made on", () => {
    const machine = /(?<![\w.~/-])\/(root|work|home)\/[a-z]/;
    const allowed = /^tests\/fixtures\/|^tests\/ground\/tree\.test\.ts$|^package-lock\.json$/;
    expect(textFiles.filter((file) => !allowed.test(file) && machine.test(readSource(file)))).toEqual([]);
  });

  it("leaves no unfinished business in the code", () => {
    const marks = new RegExp(`\\b(${["TO", "FIX"].join("DO|")}ME|X{3})\\b`);
    const code = textFiles.filter((file) => /\.(ts|tsx|mjs|js)$/.test(file));
    expect(code.filter((file) => marks.test(readSource(file)))).toEqual([]);
  });

  it("skips no test without a condition", () => {
    const skipped = /\b(it|test|describe)\.(skip|only|todo)\(\s*["'`]/;
    expect(sourceFiles(["."], [".test.ts", ".test.tsx", ".spec.ts"]).filter((file) => skipped.test(readSource(file)))).toEqual([]);
  });
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[^:])\/\/.*$/gm, "$1");
}
